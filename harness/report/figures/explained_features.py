"""What lies behind one handcrafted feature and one learned one: their values on the same images, and the properties."""

from __future__ import annotations

import base64
import math
import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.analysis.explanation import explained
from harness.analysis.frames import complete, complete_explanations
from harness.report.figures import style

NAME = "explained_features"
TITLE = "The properties behind a handcrafted feature and a learned one"
SIDES = ("hand", "learned")
NAMES = {"hand": "handcrafted", "learned": "learned"}
# Of the images of `explanations`, and of the properties those that contribute most to either feature.
IMAGES = 8
PROPERTIES = 8
MOST_PIXELS = 2**16
# How far the values of a feature must differ between the images, in standard deviations.
SPREAD = 0.25


class Shown(NamedTuple):
    """The feature that matters most to a pipeline: R2 from all properties, and what each contributes.

    Features that hardly differ between the images shown are passed over.
    """

    pipeline: str
    origin: str
    item: str
    r2: float
    activations: tuple[float, ...]
    contributions: dict[str, float]


class Panel(NamedTuple):
    """Two features on the same images of one dataset; `images` are uint8 of (h, w) or (h, w, c)."""

    dataset: str
    n_train: int
    seed: int
    images: tuple[NDArray[np.uint8], ...]
    features: tuple[Shown, Shown]


class Facts(NamedTuple):
    """All datasets that have explained both kinds of features."""

    panels: tuple[Panel, ...]


def facts(trials: pd.DataFrame, explanations: pd.DataFrame) -> Facts:
    """The most accurate pipeline of each kind, the first seed that both have, the largest size."""
    rows = explained(complete(trials))
    lines = complete_explanations(explanations)
    rows = rows[rows["feature_origin"].isin(SIDES) & ~rows["contained"] & rows["trial_id"].isin(lines["trial_id"])]
    made = [_panel(str(dataset), of_dataset, lines) for dataset, of_dataset in rows.groupby("dataset", sort=True)]
    return Facts(tuple(panel for panel in made if panel is not None))


def _panel(dataset: str, rows: pd.DataFrame, lines: pd.DataFrame) -> Panel | None:
    sides = rows.groupby(["n_train", "seed"])["feature_origin"].transform("nunique") == len(SIDES)
    both = rows[sides]
    both = both[both["n_train"] == both["n_train"].max()]
    both = both[both["seed"] == both["seed"].min()]
    if both.empty:
        return None
    # The most accurate of either kind; the first by name where several are.
    best = both.sort_values(["accuracy", "pipeline"], ascending=[False, True], kind="stable")
    shown = []
    images: tuple[NDArray[np.uint8], ...] = ()
    for origin in SIDES:
        trial = best[best["feature_origin"] == origin].iloc[0]
        own = lines[lines["trial_id"] == trial["trial_id"]]
        images = images or _images(own[own["measure"] == "image"])
        feature = _shown(str(trial["pipeline"]), origin, own)
        if feature is None:
            return None
        shown.append(feature)
    if not images or any(len(feature.activations) < len(images) for feature in shown):
        return None
    return Panel(dataset, int(best["n_train"].iloc[0]), int(best["seed"].iloc[0]), images, (shown[0], shown[1]))


def _shown(pipeline: str, origin: str, lines: pd.DataFrame) -> Shown | None:
    told = lines[lines["measure"] == "property_r2"]
    items = lines[(lines["measure"] == "r2") & lines["item"].isin(told["item"])]
    if items.empty:
        return None
    values = lines[lines["measure"] == "activation"].sort_values("x", kind="stable")
    ordered = items.sort_values("x", ascending=False, kind="stable")
    # One that is silent on all images shown would show nothing.
    spread = ordered["item"].map(values.groupby("item")["value"].std())
    first = ordered.iloc[int(np.argmax(spread.to_numpy(dtype=float) > SPREAD))]
    own = told[told["item"] == first["item"]]
    contributions = {str(name): float(value) for name, value in zip(own["property"], own["value"], strict=True)}
    activations = tuple(float(value) for value in values.loc[values["item"] == first["item"], "value"])[:IMAGES]
    return Shown(pipeline, origin, str(first["item"]), float(first["value"]), activations, contributions)


def _images(lines: pd.DataFrame) -> tuple[NDArray[np.uint8], ...]:
    """The images that can be unpacked; none where one cannot."""
    made = []
    for row in lines.sort_values("x").head(IMAGES).to_dict("records"):
        try:
            shape = tuple(int(side) for side in str(row["item"]).split("x"))
            pixels = math.prod(shape)
            if len(shape) not in (2, 3) or not 0 < pixels <= MOST_PIXELS:
                return ()
            # No more than was announced: a few bytes can stand for gigabytes.
            raw = zlib.decompressobj().decompress(base64.b64decode(str(row["content"]), validate=True), pixels)
            made.append(np.frombuffer(raw, np.uint8).reshape(shape))
        except (ValueError, zlib.error):
            return ()
    return tuple(made)


def caption(facts: Facts) -> str:
    """What is shown, and of which features."""
    if not facts.panels:
        return "Nothing to draw: no dataset has a handcrafted and a learned representation explained at one seed."
    told = "; ".join(
        f"{panel.dataset} ({panel.n_train:,} images, seed {panel.seed}): "
        + " and ".join(f"{one.item} of {one.pipeline} (R2 {one.r2:.2f})" for one in panel.features)
        for panel in facts.panels
    )
    return (
        "Of the features that differ between these images, the one that matters most to the most accurate classifier "
        f"on handcrafted and on learned features: {told}. Left, its value on each image (the same images), in standard "
        "deviations from its mean over the test images; right, by how "
        "much R2 falls when a property is permuted between images, for the properties that count most."
    )


def draw(facts: Facts) -> Figure:
    """For each dataset the images, the values of both features beneath them, and the properties on the right."""
    with style.styled():
        count = len(facts.panels)
        figure = Figure(figsize=(11.5, 4.4 * count), layout="constrained")
        blocks = figure.subfigures(count, 1, squeeze=False)[:, 0]
        for block, panel in zip(blocks, facts.panels, strict=True):
            places = block.add_gridspec(3, len(panel.images) + 5, height_ratios=(1, 1.3, 1.3))
            block.suptitle(f"{panel.dataset}, {panel.n_train:,} images", x=0.01, ha="left", fontsize=10)
            for column, image in enumerate(panel.images):
                axes = block.add_subplot(places[0, column])
                axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
                axes.set_axis_off()
            for row, feature in enumerate(panel.features, start=1):
                _values(block.add_subplot(places[row, : len(panel.images)]), feature, row - 1)
            _properties(block.add_subplot(places[:, len(panel.images) :]), panel.features)
        return figure


def _values(axes: Axes, feature: Shown, side: int) -> None:
    axes.bar(range(len(feature.activations)), feature.activations, 0.55, color=style.COLOURS[side])
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set_xlim(-0.5, len(feature.activations) - 0.5)
    axes.set_xticks([])
    axes.grid(False, axis="x")
    axes.set_ylabel("SD from mean")
    axes.set_xlabel(
        f"{NAMES[feature.origin]}: {style.shown(feature.item)} of {style.shown(feature.pipeline)}, R2 {feature.r2:.2f}"
    )


def _properties(axes: Axes, features: tuple[Shown, Shown]) -> None:
    together = {
        name: max(one.contributions.get(name, 0) for one in features) for one in features for name in one.contributions
    }
    names = sorted(together, key=lambda name: (-together[name], name))[:PROPERTIES]
    for side, feature in enumerate(features):
        places = np.arange(len(names)) + (side - 0.5) * 0.38
        values = [feature.contributions.get(name, 0) for name in names]
        axes.barh(places, values, 0.36, color=style.COLOURS[side], label=NAMES[feature.origin])
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(False, axis="y")
    axes.set_ylabel("property")
    axes.set_xlabel("fall of R2 without it")
    axes.legend(loc="lower right", frameon=False)

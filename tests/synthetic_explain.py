"""Explained trials that never happened, with a truth planted in them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

HAND = ("hog", "lbp", "zernike")
LEARNED = ("cnn", "autoencoder")
# How much easier to explain one step is: of R2, fidelity, the two areas, disentanglement, and log of features needed.
STEP = {
    "explained_r2": 0.1, "surrogate_fidelity": 0.1, "deletion_area": 0.05, "insertion_area": 0.05,
    "disentanglement": 0.1, "completeness": 0.1, "informativeness": 0.1, "features_needed": -0.7,
}  # fmt: skip
BASE = {**dict.fromkeys(STEP, 0.4), "features_needed": 4.0}


def explain_rows(
    seed: int,
    *,
    easier: Mapping[str, float] | float = 1.0,
    trained: float = 0.0,
    noise: float = 0.1,
    seeds: int = 5,
    datasets: tuple[str, ...] = ("mnist",),
    shuffled_r2: float = 0.001,
) -> pd.DataFrame:
    """Rows of explained pipelines.

    Parameters
    ----------
    easier
        By how many steps handcrafted features are easier to explain than learned ones: of every measure, or of each.
    trained
        By how many steps R2 falls when a network is trained.
    noise
        Spread over seeds, in steps.
    """
    random = np.random.default_rng(seed)
    ahead = dict.fromkeys(STEP, easier) if isinstance(easier, float) else {**dict.fromkeys(STEP, 0.0), **easier}
    kinds = [("hand", name, name) for name in HAND] + [("learned", name, "embedding") for name in LEARNED]
    kinds += [("random", "untrained", "embedding"), ("shuffled", "shuffled", "embedding")]
    kinds += [("random", "projection", "pixels > GaussianRandomProjection"), ("pixels", "pixels", "pixels")]
    columns: dict[str, list[Any]] = {}
    cells = [(dataset, *kind, trial) for dataset in datasets for kind in kinds for trial in range(seeds)]
    for place, (dataset, origin, pipeline, features, trial) in enumerate(cells):
        row = {
            "trial_id": f"{seed:04x}{place:04x}", "dataset": dataset, "pipeline": pipeline, "family": "traditional",
            "n_train": 3000, "seed": trial, "device": "cpu", "status": "ok", "backend": "sklearn",
            "features": features, "feature_origin": origin, "classifier": "LogisticRegression", "accuracy": 0.9,
            "n_features": 128.0, "explained_r2_shuffled": shuffled_r2,
        }  # fmt: skip
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    hand = np.array([origin == "hand" for _, origin, *_ in cells])
    untrained = np.array([pipeline == "untrained" for _, _, pipeline, *_ in cells])
    luck = random.standard_normal((len(STEP), len(cells)))
    for row_luck, (measure, step) in zip(luck, STEP.items(), strict=True):
        steps = hand * ahead[measure] + noise * row_luck
        steps += untrained * trained if measure == "explained_r2" else 0.0
        values = BASE[measure] + step * steps
        columns[measure] = list(np.exp(values) if measure == "features_needed" else values)
    return pd.DataFrame(columns)


def explanation_lines(rows: pd.DataFrame, *, side: int = 8) -> pd.DataFrame:
    """Lines of the handcrafted and learned trials: three features each, two properties, eight images."""
    lines: list[dict[str, Any]] = []
    for trial in rows[rows["feature_origin"].isin(("hand", "learned"))].to_dict("records"):
        own = {name: trial[name] for name in ("trial_id", "dataset", "pipeline", "n_train", "seed")}

        def add(measure: str, own: Mapping[str, Any] = own, **values: Any) -> None:
            lines.append({**own, "measure": measure, **values})

        for place in range(3):
            item = f"{trial['pipeline']}_{place}"
            add("r2", item=item, x=0.5 - 0.1 * abs(place - 1), value=0.3)
            add("property_r2", item=item, property="area", value=0.2)
            add("property_r2", item=item, property="symmetry_left_right", value=0.01 * place)
            for image in range(8):
                add("activation", item=item, x=image, value=float(place - image))
        for image in range(8):
            pixels = np.full((side, side), 10 * image, np.uint8)
            packed = base64.b64encode(zlib.compress(pixels.tobytes())).decode()
            add("image", item=f"{side}x{side}", x=image, content=packed)
            add("property_value", property="area", x=image, value=0.1 * image)
    return pd.DataFrame(lines)

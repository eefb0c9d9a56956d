"""What tuning gained against what it was allowed: the best score so far by settings tried, and by seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.analysis.frames import complete, complete_tuning, ok
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "tuning"
TITLE = "Score against tuning budget"
SCORE = "accuracy on held-out training images"


class Panel(NamedTuple):
    """All tuned pipelines on one dataset at one size: best score so far, means over seeds."""

    dataset: str
    n_train: int
    by_candidate: tuple[Line, ...]
    by_second: tuple[Line, ...]


class Facts(NamedTuple):
    """The largest tuned size of every dataset."""

    panels: tuple[Panel, ...]
    lines: Lines


def facts(trials: pd.DataFrame, tuning: pd.DataFrame) -> Facts:
    """Searches at the largest size of each dataset; pipelines whose search found no score at all are absent."""
    good = ok(complete(trials)).drop_duplicates("trial_id").set_index("trial_id")
    history = complete_tuning(tuning)
    history = history[history["trial_id"].isin(good.index)].dropna(subset=["best"])
    for column in ("label", "family"):
        history = history.assign(**{column: history["trial_id"].map(good[column]).astype(object)})
    made = []
    drawn: dict[str, str] = {}
    for dataset, rows in history.groupby("dataset", sort=True):
        largest = rows[rows["n_train"] == rows["n_train"].max()]
        pairs = [
            _lines(str(label), str(family), of_line)
            for (label, family), of_line in largest.groupby(["label", "family"], sort=True)
        ]
        drawn |= {pair[0].label: pair[0].family for pair in pairs}
        by_candidate, by_second = (tuple(pair[side] for pair in pairs) for side in (0, 1))
        made.append(Panel(str(dataset), int(largest["n_train"].max()), by_candidate, by_second))
    return Facts(tuple(made), tuple(sorted(drawn.items(), key=lambda pair: (pair[1] == "deep", pair[1], pair[0]))))


def _lines(label: str, family: str, rows: pd.DataFrame) -> tuple[Line, Line]:
    """Mean over the seeds of the best score after each candidate, and when that was."""
    means = rows.groupby("candidate")[["best", "seconds"]].mean()
    # Where one seed was given less time than another, the mean ends with it.
    common = rows.groupby("trial_id")["candidate"].max().min()
    means = means[means.index <= common]
    y = tuple(float(value) for value in means["best"])
    nothing = (np.nan,) * len(y)
    tried = Line(label, family, tuple(float(number) + 1 for number in means.index), y, nothing, nothing)
    return tried, tried._replace(x=tuple(float(value) for value in means["seconds"]))


def caption(facts: Facts) -> str:
    """What is shown, and where the scores come from."""
    if not facts.panels:
        return "Nothing to draw: no pipeline was tuned."
    where = "; ".join(f"{panel.dataset} ({panel.n_train:,} images)" for panel in facts.panels)
    return (
        f"The best score so far, mean over seeds, left by settings tried (the first is the suite's own), right by "
        f"seconds of tuning: {where}. Scores are accuracies on training images that were held out; the test set was "
        "not seen. They are those of the best of many, so they promise more than the test set keeps."
    )


def draw(facts: Facts) -> Figure:
    """A row for each dataset, settings left and seconds right."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.grid(len(facts.panels), 2, style.legend_rows(facts.lines))
        for row, panel in zip(axes, facts.panels, strict=True):
            values = [value for line in panel.by_candidate for value in line.y]
            for axis, lines in zip(row, (panel.by_candidate, panel.by_second), strict=True):
                for line in lines:
                    style.trace(axis, line, looks[line.label], "steps-post")
                style.accuracy_axis(axis, values, [], SCORE)
                axis.set_title(f"{panel.dataset}, {panel.n_train:,} images")
            row[0].set_xlabel("settings tried")
            row[0].xaxis.set_major_locator(MaxNLocator(integer=True))
            style.log_axis(row[1], row[1].xaxis, [x for line in panel.by_second for x in line.x], "seconds of tuning")
        style.legend(figure, facts.lines)
        return figure

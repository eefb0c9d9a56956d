"""Training time and peak memory against training size."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.censoring import exponents
from harness.analysis.curves import over_seeds
from harness.analysis.frames import complete, lines_of
from harness.analysis.timing import comparable
from harness.report.figures import style
from harness.report.figures.style import Line, Lines
from harness.report.text import told

NAME = "cost"
TITLE = "Training time and peak memory against training size"
METRICS = {"train_s": "training time, seconds", "peak_bytes": "peak memory, MiB"}
UNITS = {"train_s": 1.0, "peak_bytes": 2.0**20}


class Panel(NamedTuple):
    """One metric on one dataset, in the unit of its axis."""

    dataset: str
    metric: str
    lines: tuple[Line, ...]


class Facts(NamedTuple):
    """Panels dataset by dataset, time before memory; the fitted power laws; how memory was measured.

    `caveats` say what was left out of the times, or not checked.
    """

    panels: tuple[Panel, ...]
    exponents: pd.DataFrame
    lines: Lines
    methods: tuple[str, ...]
    caveats: tuple[str, ...] = ()


def facts(trials: pd.DataFrame) -> Facts:
    """Geometric means over seeds, and the exponent of a power law for every line with three sizes."""
    times = comparable(complete(trials))
    frame = times.rows
    made = []
    for dataset in sorted(set(frame["dataset"])):
        for metric, unit in UNITS.items():
            table = over_seeds(frame[frame["dataset"] == dataset], metric, log=True)
            lines = [
                Line(
                    str(label),
                    str(family),
                    tuple(part["n_train"]),
                    *(tuple(part[column] / unit) for column in ("value", "low", "high")),
                )
                for (label, family), part in table.groupby(["label", "family"], sort=True)
            ]
            made.append(Panel(dataset, metric, tuple(lines)))
    if not any(panel.lines for panel in made):
        made = []
    laws = pd.concat([exponents(frame, metric) for metric in METRICS], ignore_index=True)
    methods = tuple(sorted(set(frame.loc[frame["status"] == "ok", "memory_method"]) - {""}))
    return Facts(tuple(made), laws, lines_of(frame), methods, times.caveats)


def caption(facts: Facts) -> str:
    """What is counted as time and memory, and how the exponents were fitted."""
    if not facts.panels:
        return "Nothing to draw: no trial was completed."
    method = f" (method: {', '.join(facts.methods)})" if facts.methods else ""
    fitted = (
        "The exponents in the table are slopes of log cost on log size (least squares, one point per size): 1 is "
        "proportional, 2 quadratic. A line that bends has no one exponent, and its interval is wide. "
        "Trials that ran into a limit of time or memory count by what they had taken until then, as a lower bound "
        "(censored regression)."
        if len(facts.exponents)
        else "No exponent was fitted: that takes three sizes."
    )
    return (
        "Training time is feature extraction plus fit, by the wall clock. Peak memory is the largest resident size of "
        f"the trial's process in any phase, imported libraries included{method}. Points are geometric means, "
        "bars 95% t intervals over seeds, on logarithms. "
        f"{fitted}{told(facts.caveats)}"
    )


def draw(facts: Facts) -> Figure:
    """A row for each dataset, time left and memory right."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.grid(len(facts.panels) // 2, 2, style.legend_rows(facts.lines))
        flat = [axis for row in axes for axis in row]
        for axis, panel in zip(flat, facts.panels, strict=True):
            axis.set_title(panel.dataset)
            if not panel.lines:
                axis.set_axis_off()
                axis.text(0.5, 0.5, f"{METRICS[panel.metric]}: not measured", ha="center", transform=axis.transAxes)
                continue
            for line in panel.lines:
                style.plot(axis, line, looks[line.label])
            style.size_axis(axis, [size for line in panel.lines for size in line.x])
            values = [value for line in panel.lines for value in line.y]
            style.log_axis(axis, axis.yaxis, values, METRICS[panel.metric])
        style.legend(figure, facts.lines)
        return figure

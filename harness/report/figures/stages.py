"""One network trained stage by stage and end to end, and what each stage of a traditional pipeline adds."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis import stages
from harness.analysis.frames import complete
from harness.analysis.intervals import Interval, t_interval
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "stages"
TITLE = "Stage by stage against end to end"
WAYS: Lines = (
    ("joint", "end to end"),
    ("transferred", "stage by stage"),
    ("stagewise", "stage by stage"),
    ("frozen", "stage by stage"),
)
# Bars of a row that a panel has room for.
MOST_FALLS = 16


class Network(NamedTuple):
    """One architecture on one dataset: a line for each way of training it."""

    dataset: str
    architecture: str
    lines: tuple[Line, ...]


class Falls(NamedTuple):
    """What the accuracy of traditional pipelines loses without each of their stages, the largest loss first."""

    dataset: str
    n_train: int
    stages: tuple[str, ...]
    falls: tuple[Interval, ...]
    left_out: int


class Facts(NamedTuple):
    """All networks that were trained in several ways, and the ablations of each dataset at their largest size."""

    networks: tuple[Network, ...]
    falls: tuple[Falls, ...]
    methods: tuple[str, ...]

    @property
    def panels(self) -> tuple[Network | Falls, ...]:
        """Everything that is drawn, in its order."""
        return (*self.networks, *self.falls)


def facts(trials: pd.DataFrame) -> Facts:
    """Means over seeds with t intervals, and the falls of the verdict."""
    frame = complete(trials)
    networks = []
    for (dataset, architecture), schemes in stages.by_size(frame).items():
        lines = tuple(_line(way, family, schemes[way]) for way, family in WAYS if way in schemes)
        networks.append(Network(dataset, architecture, lines))
    ablations = stages.ablations(frame)
    methods = tuple(dict.fromkeys(fall.effect.method for of in ablations for fall in of.falls))
    return Facts(tuple(networks), tuple(map(_falls, ablations)), methods)


def _line(way: str, family: str, scheme: stages.Scheme) -> Line:
    found = [t_interval(values) for values in scheme.accuracies]
    y, low, high = (tuple(each[part] for each in found) for part in range(3))
    return Line(way, family, tuple(map(float, scheme.sizes)), y, low, high)


def _falls(of: stages.Ablation) -> Falls:
    several = len({fall.pipeline for fall in of.falls}) > 1
    ordered = sorted(of.falls, key=lambda fall: -fall.effect.interval.value)
    names = tuple(f"{fall.pipeline}: {fall.stage}" if several else fall.stage for fall in ordered)
    found = tuple(fall.effect.interval for fall in ordered)
    return Falls(of.dataset, of.n_train, names[:MOST_FALLS], found[:MOST_FALLS], max(len(names) - MOST_FALLS, 0))


def caption(facts: Facts) -> str:
    """What the ways of training are, and what the bars say."""
    if not facts.panels:
        return "Nothing to draw: no network was trained in several ways, and no stage was taken from a pipeline."
    said = []
    if facts.networks:
        said.append(
            "Test accuracy of one network trained in several ways, mean over seeds with 95% t intervals: jointly (end "
            "to end), or with all layers but the last frozen as initialised (frozen), trained one after another "
            "(stagewise) or taken from training on another dataset (transferred)."
        )
    if facts.falls:
        where = "; ".join(f"{of.dataset} ({of.n_train:,} images)" for of in facts.falls)
        said.append(
            f"What a traditional pipeline loses without each of its stages, in percentage points: {where}; bars are "
            f"95% intervals ({'; '.join(facts.methods)})."
        )
        left_out = sum(of.left_out for of in facts.falls)
        if left_out:
            said.append(f"The {left_out} smallest losses are in the table only.")
    return " ".join(said)


def draw(facts: Facts) -> Figure:
    """One panel for each network, then one for each dataset whose pipelines lost stages."""
    with style.styled():
        drawn = {line.label for network in facts.networks for line in network.lines}
        ways = tuple(way for way in WAYS if way[0] in drawn)
        looks = style.looks(ways)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(ways) if ways else 0)
        for axis, panel in zip(axes, facts.panels, strict=True):
            if isinstance(panel, Falls):
                _draw_falls(axis, panel)
                continue
            for line in panel.lines:
                style.plot(axis, line, looks[line.label])
            values = [value for line in panel.lines for value in line.y]
            style.size_axis(axis, [x for line in panel.lines for x in line.x])
            style.accuracy_axis(
                axis, values, [end for line in panel.lines for end in (*line.low, *line.high)], "accuracy"
            )
            axis.set_title(f"{panel.dataset}, {style.shown(panel.architecture)}")
        if ways:
            style.legend(figure, ways)
        return figure


def _draw_falls(axis: Axes, panel: Falls) -> None:
    places = range(len(panel.stages))
    values = [100 * fall.value for fall in panel.falls]
    bars = [
        [0.0 if math.isnan(end) else 100 * abs(end - fall.value) for fall, end in zip(panel.falls, ends, strict=True)]
        for ends in ([fall.low for fall in panel.falls], [fall.high for fall in panel.falls])
    ]
    axis.barh(places, values, color=style.COLOURS[0], alpha=0.75, height=0.6)
    axis.errorbar(values, places, xerr=bars, fmt="none", ecolor="#222222", elinewidth=1.2)
    axis.axvline(0, color=style.GREY, linewidth=1)
    axis.set_yticks(places, [style.shown(stage, 30) for stage in panel.stages])
    axis.invert_yaxis()
    axis.set_xlabel("accuracy lost without the stage (points)")
    axis.set_title(f"{panel.dataset}, {panel.n_train:,} images")

"""What the HTML page and the Markdown file show, as text: numbers rounded, units written."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jinja2
import pandas as pd

from harness.analysis.verdicts import Claim, Part
from harness.measure.environment import APART
from harness.report import tables
from harness.report.text import fixed, number, points

MOST_FAILURES = 200


class Figure(NamedTuple):
    """One figure; `svg` is empty where there was nothing to draw, and the caption says why."""

    name: str
    title: str
    caption: str
    svg: bytes

    @property
    def least_width(self) -> int:
        """Pixels below which its text could not be read, so that a narrow screen scrolls instead."""
        points = re.search(rb'width="([0-9.]+)pt"', self.svg)
        return round(float(points[1]) * 96 / 72 * 0.8) if points else 0

    @property
    def uri(self) -> str:
        """The figure as a data URI: in an `img`, whatever a name in it contains stays a picture."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()


class Table(NamedTuple):
    """A table of text; columns in `numeric` are set flush right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[str] = frozenset()


class Section(NamedTuple):
    """A table under a heading of its own, with what is said about it; `table` may be empty."""

    name: str
    title: str
    texts: tuple[str, ...]
    table: Table


class Page(NamedTuple):
    """Everything that both templates show."""

    name: str
    suite: str
    counts: str
    probes: int
    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...]
    exponents: Table
    families: Table
    summary: Table
    measured: tuple[Section, ...]
    trust: Section
    footprints: Table
    statuses: Table
    failures: Table
    failures_left_out: int
    skipped: Table
    environment: tuple[tuple[str, str], ...]


def effect(part: Part) -> str:
    """A part's effect with its interval, in the unit that people read."""
    if math.isnan(part.effect.value):
        return ""
    if part.unit == "points":
        value, low, high = (points(share) for share in part.effect)
    elif part.unit in ("slope", "share"):
        value, low, high = (fixed(slope, 3) for slope in part.effect)
    else:
        value, low, high = (number(ratio) for ratio in part.effect)
    unit = {"times": " times", "points": " percentage points", "slope": "", "share": ""}[part.unit]
    return f"{value}{unit}" + (f" (95% {low} to {high})" if part.effect.known else " (no interval)")


def summary_table(trials: pd.DataFrame) -> Table:
    """`tables.summary` as text; the backend is shown where a pipeline has several."""
    frame = tables.summary(trials)
    several = bool((frame.groupby("pipeline")["backend"].nunique() > 1).any()) if len(frame) else False
    machines = "machine" in frame.columns
    columns = ["dataset", "pipeline", "training images", "device", *(["backend"] if several else [])]
    columns += [*(["machine"] if machines else []), "seeds", "accuracy", "± 95%", "train, s", "predict, s", "timed"]
    columns += ["peak, MiB", "parameters"]
    rows = [
        (
            row["dataset"],
            row["pipeline"],
            f"{row['n_train']:,}",
            row["device"],
            *([row["backend"]] if several else []),
            *([row["machine"]] if machines else []),
            str(row["seeds"]) if row["seeds"] == row["planned"] else f"{row['seeds']} of {row['planned']}",
            fixed(row["accuracy"]),
            fixed(row["accuracy_half_width"]),
            number(row["train_s"]),
            number(row["predict_s"]),
            row["timed"],
            fixed(row["peak_mib"], 0),
            fixed(row["n_parameters"], 0),
        )
        for row in frame.to_dict("records")
    ]
    words = {"dataset", "pipeline", "device", "backend", "machine", "timed"}
    return Table(tuple(columns), tuple(rows), frozenset(columns) - words)


def families_table(frame: pd.DataFrame) -> Table:
    """`tables.families` as text."""
    rows = [
        (
            row["dataset"],
            f"{row['n_train']:,}",
            row["best_traditional"],
            fixed(row["traditional_accuracy"]),
            row["best_deep"],
            fixed(row["deep_accuracy"]),
            *(points(row[key]) for key in ("difference", "low", "high")),
        )
        for row in frame.to_dict("records")
    ]
    names = [
        "dataset",
        "training images",
        "best traditional",
        "accuracy",
        "best deep",
        "accuracy ",
        "difference, points",
    ]
    columns = (*names, "from", "to")
    return Table(columns, tuple(rows), frozenset(columns) - {"dataset", "best traditional", "best deep"})


def exponents_table(frame: pd.DataFrame, metrics: Mapping[str, str]) -> Table:
    """Fitted exponents as text."""
    rows = [
        (
            row["dataset"],
            row["label"],
            metrics[row["metric"]].partition(",")[0],
            *(fixed(row[key], 2) for key in ("exponent", "low", "high")),
            str(row["sizes"]),
            str(row["censored"]),
        )
        for row in frame.to_dict("records")
    ]
    columns = ("dataset", "pipeline", "grows with", "exponent", "from", "to", "sizes", "censored")
    return Table(("dataset", "pipeline", "cost", *columns[3:]), tuple(rows), frozenset(columns[3:]))


UNITS = {"ms": "ms", "s": "s", "mib": "MiB", "j": "J", "w": "W"}


def plain_table(frame: pd.DataFrame) -> Table:
    """A frame as text: whole numbers in full, others to three digits; `fit_s` is headed `fit, s`.

    The column that marks disturbed times is left out where it marks none, that of backends where no pipeline has
    several.
    """
    if "disturbed" in frame.columns and not pd.api.types.is_numeric_dtype(frame["disturbed"]):
        frame = frame if frame["disturbed"].any() else frame.drop(columns="disturbed")
    of = "pipeline" if "pipeline" in frame.columns else "dataset"
    if "backend" in frame.columns and not (frame.groupby(of)["backend"].nunique() > 1).any():
        frame = frame.drop(columns="backend")
    numeric = {str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])}
    whole = {str(name) for name in frame.columns if pd.api.types.is_integer_dtype(frame[name])}
    columns = tuple(str(name) for name in frame.columns)

    def cell(name: str, value: Any) -> str:
        if name in whole:
            return f"{value:,}"
        return number(value) if name in numeric else str(value)

    rows = tuple(
        tuple(cell(name, value) for name, value in zip(columns, row, strict=True))
        for row in frame.itertuples(index=False)
    )
    headings = {name: heading(name) for name in columns}
    return Table(tuple(headings.values()), rows, frozenset(headings[name] for name in numeric))


def heading(column: str) -> str:
    """The name of a frame's column for people: `n_train` is `training images`, `fit_s` is `fit, s`."""
    if column == "n_train":
        return "training images"
    words, _, unit = column.rpartition("_")
    return f"{words.replace('_', ' ')}, {UNITS[unit]}" if words and unit in UNITS else column.replace("_", " ")


def environment_rows(environment: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The environment, one line for each entry; nested ones by their path, sizes in GiB; not what stands `APART`."""
    rows: list[tuple[str, str]] = []
    for key, value in environment.items():
        if key in APART:
            continue
        if isinstance(value, Mapping):
            rows += [(f"{key}: {inner}", text) for inner, text in environment_rows(value)]
        elif isinstance(value, list | tuple):
            entries = [entry if isinstance(entry, str) else json.dumps(entry, default=str) for entry in value]
            rows.append((str(key), ", ".join(entries) or "none"))
        elif str(key).endswith("_bytes") and isinstance(value, int | float):
            rows.append((str(key).removesuffix("_bytes"), f"{value / 2**30:,.1f} GiB"))
        else:
            rows.append((str(key), "none" if value is None or value == "" else str(value)))
    return tuple(rows)


def html(page: Page) -> str:
    """The self-contained page; everything that comes from the run is escaped."""
    return _render("report.html.j2", page, autoescape=True)


def markdown(page: Page) -> str:
    """The same as Markdown, which shows the figures from `figures/`."""
    return _render("report.md.j2", page, autoescape=False)


def _render(template: str, page: Page, autoescape: bool) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["effect"] = effect
    environment.filters["slug"] = lambda verdict: str(verdict).replace(" ", "-")
    return environment.get_template(template).render(page=page)


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in one line: no markup, no HTML, no end of a table cell."""
    one_line = " ".join(str(text).split())
    escaped = re.sub(r"([\\`*_\[\]|#~!$])", r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

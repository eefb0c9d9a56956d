"""Write the report of a run: one page, Markdown, figures, tables, verdicts."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure as Drawing

from harness.analysis.claims import claims
from harness.analysis.frames import complete
from harness.analysis.trust import trust
from harness.files import write_atomic, write_text
from harness.report import measured, page, tables
from harness.report.content import FIGURES, TABLES, Frames
from harness.report.figures import cost, crossover, style

if TYPE_CHECKING:
    from harness.results import Results

DPI = 150


def write_report(results: Results, out: Path) -> Path:
    """Write the report of a run into a folder.

    Parameters
    ----------
    results : Results
        The tables, environment and name of a run.
    out : Path
        The folder; made where it is missing. `index.html` shows everything and needs nothing else; `report.md` shows
        `figures/*.png`. Written twice from the same results, all files are the same byte for byte. A figure that an
        earlier report drew and this one cannot is removed.

    Returns
    -------
    Path
        Of `index.html`.
    """
    trials = complete(results.trials)
    run = Frames(trials, results.epochs, results.tuning, results.explanations)
    facts = {drawn.module.NAME: drawn.facts(run) for drawn in FIGURES}
    made = [(drawn, _figure(out, drawn.module, facts[drawn.module.NAME])) for drawn in FIGURES]
    comparisons = facts[crossover.NAME].panels
    judged = claims(trials)
    judged_trust = trust(trials, results.environment)
    frames = {
        "claims": tables.claims(judged),
        "summary": tables.summary(trials),
        "families": tables.families(comparisons),
        "crossovers": tables.crossovers(comparisons),
        "exponents": facts[cost.NAME].exponents,
        **{table.name: table.make(run) for table in TABLES},
        "machines": measured.machines(judged_trust, results.environment),
        "footprints": measured.footprints(results.environment),
        "statuses": tables.statuses(trials),
        "failures": tables.failures(trials),
        "skipped": tables.skipped(trials),
    }
    for name, frame in frames.items():
        write_text(out / "tables" / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
    write_text(out / "claims.json", tables.claims_json(judged))
    shown = page.Page(
        name=results.name,
        suite=next(iter(trials["suite"]), ""),
        counts=_counts(trials),
        probes=int(trials.loc[~trials["contends"], "pipeline"].nunique()),
        claims=judged,
        figures=tuple(figure for drawn, figure in made if drawn.always or figure.svg),
        exponents=page.exponents_table(frames["exponents"], cost.METRICS),
        families=page.families_table(frames["families"]),
        summary=page.summary_table(trials),
        measured=tuple(
            page.Section(table.name, table.title, (table.text,), page.plain_table(frames[table.name]))
            for table in TABLES
            if len(frames[table.name])
        ),
        trust=page.Section(
            "trust",
            "Trust",
            measured.sentences(judged_trust, results.environment),
            page.plain_table(frames["machines"]),
        ),
        footprints=page.plain_table(frames["footprints"]),
        statuses=page.plain_table(frames["statuses"]),
        failures=page.plain_table(frames["failures"].head(page.MOST_FAILURES)),
        failures_left_out=max(len(frames["failures"]) - page.MOST_FAILURES, 0),
        skipped=page.plain_table(frames["skipped"]),
        environment=page.environment_rows(results.environment),
    )
    write_text(out / "report.md", page.markdown(shown))
    index = out / "index.html"
    write_text(index, page.html(shown))
    return index


def _figure(out: Path, module: ModuleType, facts: Any) -> page.Figure:
    """Draw a figure into `figures/`, as PNG and SVG; with nothing to draw, remove what an earlier report left."""
    png, svg = (out / "figures" / f"{module.NAME}.{kind}" for kind in ("png", "svg"))
    if not facts.panels:
        png.unlink(missing_ok=True)
        svg.unlink(missing_ok=True)
        return page.Figure(module.NAME, module.TITLE, module.caption(facts), b"")
    drawing: Drawing = module.draw(facts)
    with style.styled():
        _save(drawing, png)
        vector = _save(drawing, svg)
    return page.Figure(module.NAME, module.TITLE, module.caption(facts), vector)


def _save(drawing: Drawing, path: Path) -> bytes:
    buffer = io.BytesIO()
    # A date in the file would make every report differ from the one before.
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    drawing.savefig(buffer, format=path.suffix[1:], dpi=DPI, metadata=metadata)
    write_atomic(path, lambda beside: beside.write_bytes(buffer.getvalue()))
    return buffer.getvalue()


def _counts(trials: pd.DataFrame) -> str:
    """How large the run was, in one phrase."""
    done = int((trials["status"] == "ok").sum())

    def several(count: int, one: str) -> str:
        return f"{count:,} {one}{'' if count == 1 else 's'}"

    sizes = sorted(set(trials["n_train"]))
    span = f", {sizes[0]:,} to {sizes[-1]:,} training images" if len(sizes) > 1 else ""
    return (
        f"{done:,} of {several(len(trials), 'trial')} completed: {several(trials['dataset'].nunique(), 'dataset')}, "
        f"{several(trials['pipeline'].nunique(), 'pipeline')}, {several(len(sizes), 'size')}{span}, "
        f"{several(trials['seed'].nunique(), 'seed')}"
    )

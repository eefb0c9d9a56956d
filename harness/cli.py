"""The `harness` command: parses, calls, prints. Everything it does can be done from Python too.

Libraries are imported inside the commands, so that `harness --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from harness import __version__
from harness.errors import HarnessError, MisuseError

if TYPE_CHECKING:
    from harness.suite.model import Match

app = typer.Typer(
    name="harness",
    help="Settles by experiment when handcrafted features + SVM or random forest are the right tool, and when a Keras "
    "network is.\n\nStart with: harness run quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_FAILED = 1
EXIT_MISUSE = 2
EXIT_INTERRUPTED = 130

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A YAML file, or the name of a shipped suite.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quickstart.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a value of the suite: pipelines.cnn.train.epochs=3. Repeatable."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="PATTERN",
        help="Only trials that match: 'hog*' (a pipeline), size=100, 'size>=1000', seed=0, 'dataset=mnist,device=cpu'. "
        "Repeatable; one match is enough.",
    ),
]
Smoke = Annotated[bool, typer.Option("--smoke", help="Every pipeline once: smallest size, one seed, one epoch.")]
DataHome = Annotated[
    Path | None,
    typer.Option(
        "--data-home", metavar="DIR", help="Where data files lie. [default: $HARNESS_DATA_HOME, else a user cache]"
    ),
]


class ExecutorName(StrEnum):
    """Where trials run."""

    local = "local"
    inprocess = "inprocess"


class RetryStatus(StrEnum):
    """Fates that can be tried again."""

    failed = "failed"
    crashed = "crashed"
    timeout = "timeout"
    oom = "oom"
    oom_gpu = "oom_gpu"
    diverged = "diverged"


class TableFormat(StrEnum):
    """What `harness results` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    latex = "latex"


PartKind = Literal["datasets", "features", "networks", "optimizers", "suites"]


def main() -> NoReturn:
    """Run the command line; a mistake of the caller is one line and exit status 2, never a traceback."""
    try:
        app(standalone_mode=True)
    except MisuseError as error:
        sys.exit(_complain(error, EXIT_MISUSE))
    except HarnessError as error:
        sys.exit(_complain(error, EXIT_FAILED))
    except BrokenPipeError:
        # The reader of a pipe has had enough, as in `harness results RUN | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(f"{what}{error.strerror or error}", EXIT_MISUSE))
    raise AssertionError("typer exits")


def _complain(error: object, status: int) -> int:
    print(error, file=sys.stderr)
    return status


def _version(wanted: bool) -> None:
    if wanted:
        print(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="FILE|MODULE",
            help="Import a .py file or a module that registers more parts. Repeatable.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the command itself."""
    context.obj = plugin or []
    if plugin:
        from harness.registry import load_plugin

        for name in plugin:
            load_plugin(name)


@app.command()
def run(
    context: typer.Context,
    suite: SuiteName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="The run folder. [default: runs/SUITE]")
    ] = None,
    set_: Set = None,
    only: Only = None,
    smoke: Smoke = False,
    retry: Annotated[
        list[RetryStatus] | None, typer.Option("--retry", help="Run trials again that ended like this. Repeatable.")
    ] = None,
    data_home: DataHome = None,
    executor: Annotated[
        ExecutorName,
        typer.Option(help="local: a fresh process per trial. inprocess: all here, without limits, for debuggers."),
    ] = ExecutorName.local,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the report at the end.")] = True,
) -> None:
    """Run a suite, or what is left of it, and write its report.

    The same command again resumes: what the run folder's journal holds is not run twice. Exit status 1 if a trial
    failed, 2 for a mistake in the suite or the options, 130 after Ctrl-C.
    """
    from harness.data.home import data_home as resolve_home
    from harness.results import load_results, save_tables
    from harness.run.executor import Executor, InProcessExecutor, LocalExecutor
    from harness.run.folder import RunFolder
    from harness.run.progress import ProgressDisplay
    from harness.run.runner import run_suite
    from harness.suite.load import load_suite

    loaded = load_suite(suite, set_ or (), smoke=smoke)
    folder = RunFolder(output or Path("runs") / loaded.suite.suite)
    home = resolve_home(data_home)

    def make() -> Executor:
        return LocalExecutor(home, context.obj) if executor is ExecutorName.local else InProcessExecutor(home)

    progress = ProgressDisplay()
    progress.say(f"{loaded.suite.suite}: {folder.path}")
    try:
        counts = run_suite(loaded, folder, make, home=home, only=_matches(only), retry=retry or (), progress=progress)
    except KeyboardInterrupt:
        if folder.journal.exists():
            save_tables(load_results(folder.path), folder)
        progress.say("stopped; every finished trial is kept, and the same command again resumes")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    results = load_results(folder.path)
    save_tables(results, folder)
    print(", ".join(f"{count} {status}" for status, count in counts.most_common()))
    if report:
        from harness.report import write_report

        print(f"report: {write_report(results, folder.report)}")
    if set(RetryStatus) & set(counts):
        print(f"some trials did not end well: harness results {folder.path} --failures", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)


@app.command()
def check(
    suite: SuiteName,
    set_: Set = None,
    only: Only = None,
    smoke: Smoke = False,
    data_home: DataHome = None,
) -> None:
    """Check a suite and print its plan: what would run, what is missing, what would be skipped.

    Imports no deep-learning library and runs nothing.
    """
    from rich.console import Console
    from rich.table import Table

    from harness.data.home import data_home as resolve_home
    from harness.run.runner import dataset, make_plan
    from harness.suite.load import load_suite
    from harness.suite.plan import matches

    loaded = load_suite(suite, set_ or (), smoke=smoke).suite
    home = resolve_home(data_home)
    plan = make_plan(loaded, home)
    wanted = _matches(only)
    trials = [t for t in plan.trials if not wanted or any(matches(t, match) for match in wanted)]
    table = Table(title=None, box=None, pad_edge=False)
    for heading, right in (
        ("pipeline", False),
        ("family", False),
        ("trials", True),
        ("sizes", False),
        ("skipped", True),
    ):
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for name in dict.fromkeys(t.pipeline for t in trials):
        own = [t for t in trials if t.pipeline == name]
        sizes = " ".join(f"{n:,}" for n in sorted({t.n_train for t in own}))
        skipped = sum(t.id in plan.skipped for t in own)
        table.add_row(_plain(name), own[0].family, str(len(own)), sizes, str(skipped or ""))
    # A pipe or a file has no width: nothing is to be cut there.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
    console.print(f"{loaded.suite}: {len(trials)} trials", markup=False)
    console.print(table)
    for part in loaded.datasets:
        info = dataset(part).info(home)
        shape = "x".join(str(side) for side in info.image_shape)
        counts = f"{info.n_train:,} training and {info.n_test:,} test images"
        console.print(f"dataset {info.name}: {counts} of {shape}, {info.n_classes} classes", markup=False)
        if info.missing:
            console.print(f"missing: {info.missing}", markup=False)
    reasons = Counter(plan.skipped[t.id] for t in trials if t.id in plan.skipped)
    for reason, count in reasons.items():
        console.print(f"skipped: {count} trials: {reason}", markup=False)


@app.command()
def results(
    run: RunPath,
    format_: Annotated[
        TableFormat, typer.Option("--format", "-f", help="table and latex summarise; the others give every row.")
    ] = TableFormat.table,
    epochs: Annotated[
        bool, typer.Option("--epochs", help="The epochs table instead of the trials (csv, json, parquet).")
    ] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="Only trials that did not end well, with message and log.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")] = None,
) -> None:
    """Print a run's tables."""
    from harness.files import write_atomic
    from harness.report import tables
    from harness.results import export, load_results

    loaded = load_results(run)
    if failures:
        frame = tables.failures(loaded.trials)
    elif epochs:
        frame = loaded.epochs
    elif format_ in (TableFormat.table, TableFormat.latex):
        frame = tables.summary(loaded.trials)
    else:
        frame = loaded.trials
    match format_:
        case TableFormat.table:
            data = (tables.as_text(frame) + "\n").encode()
        case TableFormat.latex:
            data = tables.as_latex(frame).encode()
        case _:
            data = export(frame, format_.value)
    if output is not None:
        write_atomic(output, lambda beside: beside.write_bytes(data))
    elif format_ is TableFormat.parquet and sys.stdout.isatty():
        raise MisuseError("parquet is not for a terminal; add --output FILE")
    else:
        sys.stdout.buffer.write(data)


@app.command()
def report(
    run: RunPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to write. [default: RUN/report]")
    ] = None,
) -> None:
    """Write a run's report: one HTML page, Markdown, and the figures as PNG and SVG."""
    from harness.report import write_report
    from harness.results import load_results
    from harness.run.folder import RunFolder

    print(write_report(load_results(run), output or RunFolder(run).report))


@app.command("list")
def list_(kind: Annotated[PartKind, typer.Argument(help="What to list.")]) -> None:
    """List what a suite can name, with a line on each."""
    if kind == "suites":
        from harness.suite.load import load_suite, shipped_suites

        lines = {name: load_suite(str(path), check=False).suite.description for name, path in shipped_suites().items()}
    else:
        from harness import registry

        lines = {name: registry.describe(kind, name) for name in registry.names(kind)}
    width = max(map(len, lines), default=0)
    for name, line in lines.items():
        print(f"{name:<{width}}  {' '.join(line.split())}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of suite files, for editors."""
    from harness.suite.schema import suite_schema

    print(json.dumps(suite_schema(), indent=2))


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _matches(only: list[str] | None) -> list[Match]:
    if not only:
        return []
    import pydantic

    from harness.suite.parts import sentence
    from harness.suite.plan import parse_only

    found = []
    for text in only:
        try:
            found.append(parse_only(text))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            from harness.suite.model import Match

            raise MisuseError(f"--only {text}: {sentence(first, Match.model_fields)}") from None
    return found


if __name__ == "__main__":
    main()

"""The `harness` command: parses, calls, prints. Everything it does can be done from Python too.

Libraries are imported inside the commands, so that `harness --help` answers at once.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from harness import __version__
from harness.errors import HarnessError, MisuseError, SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from harness.run.foresee import Expected
    from harness.run.runner import Prospect
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
PartSet = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the part, its value as YAML. Repeatable."),
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        "--images",
        metavar="PATH",
        help="Run the suite on images of your own: a folder with a sub-folder for each class, an archive of one, or an "
        ".npz file. Files that cannot be used are named and left out. See docs/data.md.",
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
    dask = "dask"
    inprocess = "inprocess"


class RetryStatus(StrEnum):
    """Fates that can be tried again."""

    failed = "failed"
    crashed = "crashed"
    timeout = "timeout"
    oom = "oom"
    oom_gpu = "oom_gpu"
    diverged = "diverged"


class TableName(StrEnum):
    """The tables of a run."""

    trials = "trials"
    epochs = "epochs"
    tuning = "tuning"
    explanations = "explanations"


class TableFormat(StrEnum):
    """What `harness results` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    latex = "latex"


class RowFormat(StrEnum):
    """What `harness check` and `harness compare` print."""

    table = "table"
    csv = "csv"
    json = "json"


class DoctorFormat(StrEnum):
    """What `harness doctor` prints."""

    table = "table"
    json = "json"


PartKind = Literal["datasets", "features", "estimators", "networks", "optimizers", "suites"]
ConformKind = Literal["datasets", "features", "networks", "optimizers", "estimators"]


def main() -> NoReturn:
    """Run the command line; a mistake of the caller is one line and exit status 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or pipe that is not UTF-8 gets `\xe9` for what it has no letter for.
            stream.reconfigure(errors="backslashreplace")
    try:
        if any("\0" in word for word in sys.argv):
            raise MisuseError("an argument holds a NUL character, which no name can")
        app(standalone_mode=True)
    except SuiteError as error:
        sys.exit(_complain(EXIT_MISUSE, *error.problems))
    except MisuseError as error:
        sys.exit(_complain(EXIT_MISUSE, error))
    except HarnessError as error:
        sys.exit(_complain(EXIT_FAILED, error))
    except BrokenPipeError:
        # The reader of a pipe has had enough, as in `harness results RUN | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(EXIT_MISUSE, f"{what}{error.strerror or error}"))
    except MemoryError:
        sys.exit(_complain(EXIT_FAILED, "out of memory"))
    raise AssertionError("typer exits")


def _complain(status: int, *lines: object) -> int:
    for line in lines:
        print(one_line(line), file=sys.stderr)
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
    images: ImagesOption = None,
    set_: Set = None,
    only: Only = None,
    smoke: Smoke = False,
    retry: Annotated[
        list[RetryStatus] | None, typer.Option("--retry", help="Run trials again that ended like this. Repeatable.")
    ] = None,
    data_home: DataHome = None,
    executor: Annotated[
        ExecutorName,
        typer.Option(
            help="local: a fresh process per trial. dask: the same, on the workers of a Dask cluster. inprocess: all "
            "here, without limits, for debuggers."
        ),
    ] = ExecutorName.local,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|FILE",
            help="For dask: a scheduler's address or scheduler file. [default: a cluster on this machine]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="For dask without --scheduler: how many trials run at once. [default: 1, so that each is alone]"
        ),
    ] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the report at the end.")] = True,
) -> None:
    """Run a suite, or what is left of it, and write its report.

    The same command again resumes: what the run folder's journal holds is not run twice. Exit status 1 if a trial
    failed, 2 for a mistake in the suite or the options or a damaged dataset, 130 after Ctrl-C.
    """
    from harness.data.home import data_home as resolve_home
    from harness.results import load_results, save_tables
    from harness.run.executor import Executor, InProcessExecutor, LocalExecutor
    from harness.run.folder import RunFolder
    from harness.run.progress import ProgressDisplay
    from harness.run.runner import run_suite
    from harness.suite.load import load_suite

    if executor is ExecutorName.dask:
        from harness.run.dask_cluster import require

        require(scheduler)
        if scheduler and workers:
            raise MisuseError("--workers starts workers here, and --scheduler names a cluster that has its own; choose")
    elif scheduler or workers:
        raise MisuseError("--scheduler and --workers belong to --executor dask")
    loaded = load_suite(suite, _changes(suite, images, set_), smoke=smoke)
    folder = RunFolder(output or Path("runs") / loaded.suite.suite)
    home = resolve_home(data_home)

    def make() -> Executor:
        match executor:
            case ExecutorName.local:
                return LocalExecutor(home, context.obj, folder.features)
            case ExecutorName.inprocess:
                return InProcessExecutor(home)
            case ExecutorName.dask:
                from harness.run.dask_executor import DaskExecutor

                return DaskExecutor(data_home, context.obj, scheduler, workers or 1)

    progress = ProgressDisplay()
    progress.say(f"{loaded.suite.suite}: {folder.path}")
    try:
        counts, damaged = run_suite(
            loaded,
            folder,
            make,
            home=home,
            only=_matches(only),
            retry=retry or (),
            progress=progress,
            elsewhere=scheduler is not None,
        )
    except KeyboardInterrupt:
        if folder.journal.exists():
            save_tables(load_results(folder.path), folder)
        progress.say("stopped; every finished trial is kept, and the same command again resumes")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    results = load_results(folder.path)
    save_tables(results, folder)
    print(one_line(", ".join(f"{count} {status}" for status, count in counts.most_common())))
    if report:
        from harness.report import write_report

        print(f"report: {write_report(results, folder.report)}")
    for name, reason in damaged.items():
        print(f"dataset {name}: {reason}", file=sys.stderr)
    if damaged:
        raise typer.Exit(EXIT_MISUSE)
    if set(RetryStatus) & set(counts):
        print(f"some trials did not end well: harness results {folder.path} --failures", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)


@app.command()
def check(
    suite: SuiteName,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The run folder; earlier runs lie beside it. [default: runs/SUITE]"
        ),
    ] = None,
    images: ImagesOption = None,
    set_: Set = None,
    only: Only = None,
    smoke: Smoke = False,
    data_home: DataHome = None,
    every: Annotated[
        bool, typer.Option("--trials", help="A line for every trial, with what is expected of it.")
    ] = False,
    format_: Annotated[
        RowFormat, typer.Option("--format", "-f", help="csv and json give every trial, in seconds and bytes.")
    ] = RowFormat.table,
) -> None:
    """Check a suite and print its plan: what would run, how long it takes, what is missing, what would be skipped.

    Time and memory are expected from what this machine's earlier runs measured: those beside the run folder, and the
    run itself. Imports no deep-learning library, runs nothing, and writes nothing but the images of a folder, an
    archive or OpenML, which are read once and kept in the cache.
    """
    from rich.console import Console

    from harness.data.home import data_home as resolve_home
    from harness.run.folder import RunFolder
    from harness.run.foresee import expect_all, origin, total, warnings
    from harness.run.runner import prospect
    from harness.suite.load import load_suite

    loaded = load_suite(suite, _changes(suite, images, set_), smoke=smoke).suite
    home = resolve_home(data_home)
    folder = RunFolder(output or Path("runs") / loaded.suite)
    ahead = prospect(loaded, folder, home, only=_matches(only))
    for problem in ahead.past.unread:
        print(one_line(f"earlier run passed over: {problem}"), file=sys.stderr)
    expected = list(expect_all(ahead.wanted, ahead.forecast))
    if every or format_ is not RowFormat.table:
        sys.stdout.buffer.write(_trials_table(ahead, expected, format_))
        return
    # A pipe or a file has no width: nothing is to be cut there.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

    def say(text: str) -> None:
        console.print(text, markup=False)

    say(f"{loaded.suite}: {len(ahead.wanted):,} trials")
    console.print(_plan_table(ahead, expected))
    for info in ahead.plan.infos.values():
        shape = "x".join(str(side) for side in info.image_shape)
        counts = f"{info.n_train:,} training and {info.n_test:,} test images"
        say(f"dataset {info.name}: {counts} of {shape}, {info.n_classes} classes")
        if info.missing:
            say(f"missing: {info.missing}")
        for note in info.notes:
            say(f"note: {note}")
    skipped = ahead.plan.skipped
    reasons = Counter(skipped[t.id] for t in ahead.wanted if t.id in skipped)
    for reason, count in reasons.items():
        say(f"skipped: {count} trials: {reason}")
    if done := len(ahead.wanted) - len(ahead.due):
        say(f"done: {done:,} trials have their rows in {folder.path}; {len(ahead.ready):,} to run")
    if ahead.ready:
        say(f"expected: {total(*ahead.forecast.remaining(), len(ahead.ready))}")
        say(f"known from: {origin(ahead.past.rows, folder.path if ahead.fates else None)}")
    ready = {trial.id for trial in ahead.ready}
    for line in warnings(one for one in expected if one.trial.id in ready):
        say(f"warning: {line}")


def _plan_table(ahead: Prospect, expected: Sequence[Expected]) -> Table:
    """One row for each pipeline; time and memory are of the trials that are to run."""
    from rich.table import Table

    from harness.run.foresee import outlook, size
    from harness.run.progress import duration

    table = Table(title=None, box=None, pad_edge=False)
    numbers = ("trials", "skipped", "done", "time", "peak memory")
    for heading in ("pipeline", "family", "trials", "sizes", "skipped", "done", "time", "peak memory", "known from"):
        table.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=True)
    due, ready = ({trial.id for trial in trials} for trials in (ahead.due, ahead.ready))
    for name in dict.fromkeys(one.trial.pipeline for one in expected):
        own = [one for one in expected if one.trial.pipeline == name]
        sizes = " ".join(f"{n:,}" for n in sorted({one.trial.n_train for one in own}))
        done = sum(one.trial.id not in due for one in own)
        skipped = sum(one.trial.id in due and one.trial.id not in ready for one in own)
        cells = ["", "", ""]
        if to_run := [one for one in own if one.trial.id in ready]:
            seen = outlook(to_run)
            time = "" if seen.seconds is None else f"{'at least ' if seen.unknown else ''}{duration(seen.seconds)}"
            memory = "" if seen.peak_bytes is None else size(seen.peak_bytes)
            cells = [
                time or "unknown",
                memory or "unknown",
                ", ".join(source for source in seen.sources if source != "unknown"),
            ]
        counts = (str(skipped or ""), str(done or ""))
        table.add_row(_plain(name), own[0].trial.family, str(len(own)), sizes, *counts, *cells)
    return table


def _trials_table(ahead: Prospect, expected: Sequence[Expected], format_: RowFormat) -> bytes:
    """Every trial that is asked for, whether it is to run, and what is expected of it."""
    from harness.report import tables
    from harness.results import export
    from harness.run import foresee

    due = {trial.id for trial in ahead.due}
    states = [
        "done" if one.trial.id not in due else "skipped" if one.trial.id in ahead.plan.skipped else "to run"
        for one in expected
    ]
    frame = foresee.table(expected, states)
    if format_ is not RowFormat.table:
        return export(frame, format_.value)
    mib = frame["expected_peak_bytes"].astype("Float64").astype(float) / tables.MIB
    shown = frame.assign(expected_peak_bytes=mib).rename(columns={"expected_peak_bytes": "expected_peak_mib"})
    return (tables.as_text(shown.drop(columns="trial_id")) + "\n").encode()


@app.command()
def results(
    run: RunPath,
    format_: Annotated[
        TableFormat, typer.Option("--format", "-f", help="table and latex summarise; the others give every row.")
    ] = TableFormat.table,
    table: Annotated[
        TableName, typer.Option("--table", "-t", help="Which table: per trial, epoch, tried setting or explanation.")
    ] = TableName.trials,
    epochs: Annotated[bool, typer.Option("--epochs", help="The same as --table epochs.")] = False,
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
    elif epochs or table is TableName.epochs:
        frame = loaded.epochs
    elif table is TableName.tuning:
        frame = loaded.tuning
    elif table is TableName.explanations:
        frame = loaded.explanations
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

    folder = RunFolder(run)
    if output is None:
        folder.refuse_links()
    print(write_report(load_results(run), output or folder.report))


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder: what was before.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="A run folder: what is now.")],
    across_machines: Annotated[
        bool, typer.Option("--across-machines", help="Compare times and memory of different machines, too.")
    ] = False,
    format_: Annotated[
        RowFormat, typer.Option("--format", "-f", help="csv and json have every number.")
    ] = RowFormat.table,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")] = None,
) -> None:
    """Compare two runs cell by cell: better, worse, no difference, newly failing, fixed, incomparable.

    B is held against A with paired 95% intervals over seeds (or repeats), corrected for the number of cells. Times of
    different machines, and disturbed ones, are incomparable.
    """
    from harness.analysis.compare import compare_runs
    from harness.files import write_text
    from harness.report import comparison
    from harness.results import load_results

    found = compare_runs(load_results(run_a).trials, load_results(run_b).trials, across_machines=across_machines)
    match format_:
        case RowFormat.table:
            text = comparison.as_table(found)
        case RowFormat.csv:
            text = found.table.to_csv(index=False)
        case RowFormat.json:
            text = comparison.as_json(found)
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)


@app.command()
def doctor(
    pairs: Annotated[
        int | None, typer.Option("--pairs", min=2, help="Pairs of the A/A test. [default: 8, with --quick 3]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer pairs everywhere.")] = False,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where run folders are to lie: its disk is timed.")
    ] = Path("runs"),
    format_: Annotated[DoctorFormat, typer.Option("--format", "-f")] = DoctorFormat.table,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where everything found is kept as JSON. [default: doctor.json in --folder, which reports of later "
            "runs there cite]",
        ),
    ] = None,
) -> None:
    """Examine this machine: what it has, what disturbs it, and the smallest difference of times it can resolve.

    About half a minute; best while nothing else runs. Exit status 1 if something is broken.
    """
    from rich.console import Console

    from harness.doctor.examine import PAIRS, QUICK_PAIRS, examine
    from harness.doctor.show import show
    from harness.files import write_text
    from harness.run.executor import LocalExecutor
    from harness.run.surroundings import DIAGNOSIS

    console = Console(stderr=True)
    with console.status("doctor") as status:
        count = pairs or (QUICK_PAIRS if quick else PAIRS)
        found = examine(lambda: LocalExecutor(None), folder, count, quick=quick, say=status.update)
    text = json.dumps(found.as_dict(), indent=2) + "\n"
    write_text(output or folder / DIAGNOSIS, text)
    if format_ is DoctorFormat.json:
        sys.stdout.write(text)
    else:
        show(found, Console(highlight=False, width=None if sys.stdout.isatty() else 200))
    if found.broken:
        raise typer.Exit(EXIT_FAILED)


@app.command("list")
def list_(kind: Annotated[PartKind, typer.Argument(help="What to list.")]) -> None:
    """List what a suite can name, with a line on each."""
    if kind == "suites":
        from harness.suite.load import load_suite, shipped_suites

        lines = {name: load_suite(str(path), check=False).suite.description for name, path in shipped_suites().items()}
    else:
        from harness import registry

        lines = {name: registry.describe(kind, name) for name in registry.names(kind)}
    if kind == "estimators":
        from harness import sklearn_parts

        lines |= {name: sklearn_parts.describe(name) for name in sklearn_parts.public_names("classifier")}
    width = max(map(len, lines), default=0)
    for name, line in lines.items():
        print(f"{name:<{width}}  {' '.join(line.split())}")


@app.command()
def describe(
    name: Annotated[
        str,
        typer.Argument(help="A dataset, feature, network, optimizer, shipped suite, or sklearn.svm.SVC and the like."),
    ],
    kind: Annotated[PartKind | None, typer.Option(help="Only this kind, where several have one of that name.")] = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="HxWxC", help="Of a network: the images. [default: 28x28x1; vgg16, vgg19: 224x224x3]"
        ),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Of a network: its outputs. [default: 10; vgg16, vgg19: 1000]")
    ] = None,
    set_: PartSet = None,
    format_: Annotated[DoctorFormat, typer.Option("--format", "-f")] = DoctorFormat.table,
) -> None:
    """Say what a part is, what can be set, what it takes and gives, and where it comes from.

    Of a network also every layer: output, parameters, multiply-adds and memory for one image; vgg16 and vgg19 are held
    against the published tables.
    """
    from harness.describe import show
    from harness.describe.ask import image_shape, network_layers, settings_of
    from harness.describe.parts import describe as describe_parts

    found = describe_parts(name, kind)
    if (input_ or classes or set_) and not any(each.kind == "networks" for each in found):
        raise MisuseError(f"--input, --classes and --set belong to a network, and {name!r} is none")
    shape = image_shape(input_) if input_ else None
    settings = settings_of(set_ or ())
    told = [
        (each, network_layers(name, shape, classes, settings) if each.kind == "networks" else None) for each in found
    ]
    if format_ is DoctorFormat.json:
        print(json.dumps([show.as_data(*each) for each in told], indent=2))
        return
    for number, each in enumerate(told):
        print(*([""] if number else []), *show.as_lines(*each), sep="\n")


@app.command()
def conform(
    name: Annotated[str, typer.Argument(help="A dataset, feature, network, optimizer or estimator.")],
    kind: Annotated[
        ConformKind | None, typer.Option(help="Only this kind, where several have one of that name.")
    ] = None,
    set_: PartSet = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="HxW", help="Of a feature or network: the images, grey and colour. [default: 16x18]"
        ),
    ] = None,
    data_home: DataHome = None,
) -> None:
    """Check that a part, such as one of your own (--plugin), keeps to what the harness asks of its kind.

    A line for each check, `ok` or `FAIL` with what was found instead; exit status 1 if one failed.
    """
    from harness.conformance import KINDS, SHAPE, outcomes
    from harness.data.home import data_home as resolve_home
    from harness.describe.ask import image_shape, settings_of
    from harness.describe.parts import kinds_of, unknown

    kinds = ["estimators"] if name.startswith("sklearn.") else [one for one in kinds_of(name, kind) if one in KINDS]
    if not kinds and "suites" in kinds_of(name, kind):
        raise MisuseError(f"{name!r} is a suite, not a part: harness check {name}")
    if not kinds:
        raise MisuseError(unknown(name, kind))
    shape = image_shape(input_)[:2] if input_ else SHAPE
    settings, home = settings_of(set_ or ()), resolve_home(data_home)
    failed = False
    for one in kinds:
        print(f"{name} ({one.removesuffix('s')})")
        for outcome in outcomes(one, name, settings, shape=shape, home=home):
            print(outcome, flush=True)
            failed |= outcome.problem is not None
    if failed:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def surfaces(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where to write.")] = Path("surfaces"),
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each optimizer.")] = 150,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            metavar="RATE",
            help="Try only this one besides Keras's and the source's. [default: half powers of ten from 0.001 to 10]",
        ),
    ] = None,
) -> None:
    """Show the ways of the lecture's nine optimizers, Keras's own, on four surfaces of two dimensions.

    A saddle, a ravine, a plateau and local minima. Writes surfaces.png, .svg, an animation surfaces.gif,
    trajectories.csv, and surfaces.md, which says the learning rates. About half a minute.
    """
    from harness.surfaces.show import write

    print(write(output, steps, learning_rate))


@app.command()
def schema() -> None:
    """Print the JSON Schema of suite files, for editors."""
    from harness.suite.schema import suite_schema

    print(json.dumps(suite_schema(), indent=2))


def _changes(suite: str, images: Path | None, set_: list[str] | None) -> list[str]:
    """What the options change in a suite; --set comes last, so that it can change what --images did."""
    from harness.suite.load import on_images

    return [*(on_images(suite, images) if images else ()), *(set_ or ())]


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

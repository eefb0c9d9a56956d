"""Hostile input through the real command line: suites, options, run folders and data archives.

Whatever is wrong with them, the command ends with exit status 2 and clear lines, never with a traceback (here: an
exception that leaves `main`), and nothing outside the run folder is written.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from harness import cli
from harness.data import npz
from harness.errors import DataError
from harness.results import load_results, save_tables
from harness.run.columns import EPOCH_COLUMNS, FLAG, REAL, SHARES, TEXT, TRIAL_COLUMNS, WHOLE
from harness.run.folder import RunFolder
from harness.run.journal import stream
from harness.suite.load import load_suite, shipped_suites
from tests import simulated

RICH = b"""\
suite: rich
datasets: [digits]
sizes: [50, full]
seeds: 2
limits: {time: 20min, memory: 8GiB}
exclude: {pipeline: hog*, size: '>100'}
include: {pipeline: cnn*, sizes: [60]}
pipelines:
  hog-svm:
    features: [{hog: {pixels_per_cell: 2}}, {pca: {n_components: 10}}]
    estimator: {sklearn.svm.SVC: {C: 1e1}}
    accelerator: [none, sklearnex]
  bag:
    features: [pixels, {sklearn.preprocessing.RobustScaler: {quantile_range: [10, 90]}}]
    estimator: {sklearn.ensemble.BaggingClassifier: {estimator: {sklearn.tree.DecisionTreeClassifier: {max_depth: 3}}}}
  cnn:
    network: cnn
    optimizer: [adam, {sgd: {learning_rate: 1e-2}}]
    train: {epochs: 3, validation_fraction: 0.2, early_stopping: {patience: 2}}
"""
TINY = """\
suite: tiny
datasets: digits
sizes: [50, 100]
seeds: 2
pipelines:
  nb: {features: pixels, estimator: sklearn.naive_bayes.GaussianNB}
  cnn: {network: {cnn: {depth: 2}}, optimizer: [adam, sgd], train: {epochs: 2}}
"""


# Shrinking runs the command line hundreds of times; what failed is told as it is.
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]


def fuzz(examples: int) -> settings:
    """So many examples, each of which may take its time."""
    return settings(
        max_examples=examples, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )


class Told(NamedTuple):
    """What a command came to."""

    status: int
    out: bytes
    lines: list[str]


def harness(*words: object) -> Told:
    """The command line in this process; an exception that leaves it would be a traceback."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in "ab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    # Whatever a table or message holds, a terminal gets lines: no other character that ends or overwrites one.
    text = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert all(line.isprintable() and len(line) < 1200 for line in text.split("\n"))
    return Told(int(ended.value.code or 0), out.buffer.getvalue(), text.splitlines())  # type: ignore[attr-defined]


def child(*words: object, memory: int = 2**40) -> subprocess.CompletedProcess[str]:
    """The command line as a process, which may have so many bytes."""
    code = f"import resource as r; r.setrlimit(r.RLIMIT_AS, ({memory}, {memory})); from harness.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def untouched(folder: Path, but: Path) -> Iterator[None]:
    """Nothing in a folder changes, except in one part of it."""

    def seen() -> dict[Path, tuple[int, ...]]:
        paths = (path for path in folder.rglob("*") if not path.is_relative_to(but))
        return {path: (found.st_mode, found.st_size, found.st_mtime_ns) for path in paths if (found := path.lstat())}

    before = seen()
    before.pop(but.parent, None)
    yield
    after = seen()
    after.pop(but.parent, None)
    assert after == before


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory in which nothing else lies."""
    place = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield place


def damage(data: bytes, random: random.Random) -> bytes:
    """Cut it, flip bits, or put other bytes in the place of some."""
    if random.random() < 0.3:
        return data[: random.randrange(len(data) + 1)]
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    if random.random() < 0.3:
        start = random.randrange(len(changed))
        changed[start : start + random.randrange(30)] = random.randbytes(random.randrange(40))
    return bytes(changed)


def tell(told: Told, path: object) -> None:
    """Either nothing is wrong, or the lines say what, each of them beginning with the place."""
    assert told.status in (0, 2)
    assert (told.status == 2) == bool(told.lines)
    assert all(line.startswith(f"{path}:") for line in told.lines), told.lines


# ---- suites --------------------------------------------------------------------------------------

# Without those whose images would first be unpacked, where they are.
SHIPPED = [path.read_bytes() for path in shipped_suites().values()]
SUITES = [RICH, *(data for data in SHIPPED if b"archive" not in data)]
WORDS = [
    b"null", b"[]", b"{}", b"-1", b"0", b"1e308", b"1e999", b"99999999999999999999", b"true", b"''", b"[[[]]]", b".nan",
    b"{a: {b: c}}", b"!!python/name:os.system", b"!!binary aGk=", b"!!set {a}", b"*x", b"&x", b"<<: ", b"\x00", b"\xff",
    b"\r", b"\t", b"os.system", b"full", b'"\\ud800"', b'"\\x1b[2J"', b"{sklearn.svm.SVC: null}", b"../../etc/passwd",
    b"sklearn.pipeline.Pipeline", b"sklearn.ensemble.VotingClassifier", b"<script>", b"\xe2\x80\xa8", b"9" * 5000,
]  # fmt: skip


def edit(data: bytes, random: random.Random) -> bytes:
    """Damage it, or put another word of it or of `WORDS` in the place of one."""
    words = list(re.finditer(rb"[^\s\[\]{},:#]+", data))
    if random.random() < 0.3 or not words:
        return damage(data, random) if data else data
    word, other = random.choice(words), random.choice((*WORDS, random.choice(words)[0]))
    return data[: word.start()] + other + data[word.end() :]


@fuzz(40)
@given(st.sampled_from(SUITES), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_damaged_suite_is_told_line_by_line(place: Path, data: bytes, edits: int, random: random.Random) -> None:
    for _ in range(edits):
        data = edit(data, random)
    path = place / "s.yaml"
    path.write_bytes(data)
    tell(harness("check", path), path)


def test_a_suite_cut_anywhere_is_told(place: Path) -> None:
    path = place / "cut.yaml"
    for length in range(0, len(RICH), 29):
        path.write_bytes(RICH[:length])
        tell(harness("check", path), path)


@fuzz(20)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_bytes_that_are_no_suite_are_told(place: Path, data: bytes) -> None:
    path = place / "b.yaml"
    path.write_bytes(data)
    told = harness("check", path)
    tell(told, path)
    assert told.status == 2


def renamed(name: str) -> bytes:
    return RICH.replace(b"hog-svm", json.dumps(name).encode()).replace(
        b"exclude: {pipeline: hog*, size: '>100'}\n", b""
    )


def laughs(kind: str) -> str:
    """Each line names the one before ten times."""
    lists = {"list": "[{}]", "map": "{{{}}}", "merge": "{{<<: [{}]}}"}
    item = {"list": "*{}", "map": "k{1}: *{0}", "merge": "*{}"}[kind]
    first = "a0: &a0 {x: y}\n" if kind == "merge" else "a0: &a0 [x]\n"
    lines = (
        f"a{n}: &a{n} {lists[kind].format(', '.join(item.format(f'a{n - 1}', k) for k in range(10)))}\n"
        for n in range(1, 20)
    )
    return first + "".join(lines)


NASTY: dict[str, tuple[bytes, str]] = {
    "python": (RICH.replace(b"50", b"!!python/object/apply:os.system [touch owned]"), "the tag"),
    "local tag": (RICH.replace(b"50", b"!x 50"), "the tag !x is not for a suite"),
    "laughing lists": (laughs("list").encode(), "more than 50,000 values"),
    "laughing maps": (laughs("map").encode(), "more than 50,000 values"),
    "laughing merges": (laughs("merge").encode(), "more than 50,000 values"),
    "recursive anchor": (b"suite: &a [*a]", "nested deeper than 50"),
    "recursive merge": (b"&a {<<: *a, b: c}", "nested deeper than 50"),
    "merge of a word": (RICH + b"<<: x\n", "merges a mapping"),
    "a key twice": (RICH + b"suite: again\n", "this key is given twice"),
    "deep": (b"a: " + b"[" * 100_000, "nested deeper than 50"),
    "deep maps": (b"{a: " * 10_000, "nested deeper than 50"),
    "wide": (b"a: [" + b"x, " * 60_000 + b"]", "more than 50,000 values"),
    "huge number": (RICH.replace(b"50", b"9" * 10_000), "too large for a number"),
    "infinite": (RICH.replace(b"1e1", b"1e999"), "too large for a number"),
    "beyond 64 bits": (RICH.replace(b"50", b"9223372036854775808"), "too large for a number"),
    "most trials": (RICH.replace(b"seeds: 2", b"seeds: 100000\nrepeats: 1000"), "expected at most 250,000"),
    "nul": (RICH + b"\x00", r"'\x00' is not allowed"),
    "utf-16": (RICH.decode().encode("utf-16"), "not a UTF-8 text file"),
    "latin-1": (RICH.replace(b"rich", b"r\xe9ch"), "not a UTF-8 text file"),
    "half a pair": (RICH.replace(b"rich", b'"\\ud800"'), "control character"),
    "escape": (RICH.replace(b"rich", b'"\\e[2J"'), "control character"),
    "key escape": (RICH.replace(b"  cnn:", b'  "\\e]0;x\\a":'), "control character"),
    "two documents": (RICH + b"---\n" + RICH, "another document"),
    "a list": (b"- suite: x\n", "expected a mapping"),
    "nothing": (b"", "expected a mapping"),
    "long line": (RICH + b"x: " + b"y" * 300_000, "unknown key 'x'"),
    "too long": (RICH + b"#" * 2**20, "at most 524,288"),
    "climbing": (RICH.replace(b"rich", b"../../climbed"), "suite: "),
    "absolute": (RICH.replace(b"rich", b"/tmp/absolute"), "suite: "),
    "line end": (RICH.replace(b"rich", b'"rich\\n"'), "suite: "),
    "empty name": (RICH.replace(b"suite: rich", b"suite: ''"), "suite: "),
    "long name": (RICH.replace(b"rich", b"x" * 5000), "suite: "),
    "climbing pipeline": (renamed("../x"), "pipelines"),
    "markup pipeline": (renamed("<img src=x onerror=alert(1)>"), "pipelines"),
    "unicode pipeline": (renamed("\u202egpj.exe"), "pipelines"),
    "empty pipeline": (renamed(""), "pipelines"),
    "climbing dataset": (RICH.replace(b"[digits]", b"[../../mnist]"), "unknown dataset"),
    "dataset of a module": (RICH.replace(b"[digits]", b"['os:system']"), "unknown dataset"),
    "shell": (RICH.replace(b"sklearn.svm.SVC", b"os.system"), "unknown scikit-learn classifier 'os.system'"),
    "private": (RICH.replace(b"sklearn.svm.SVC", b"sklearn.utils._testing.MinimalClassifier"), "unknown scikit-learn"),
    "function": (RICH.replace(b"sklearn.svm.SVC", b"sklearn.datasets.fetch_openml"), "unknown scikit-learn"),
    "dots": (RICH.replace(b"sklearn.svm.SVC", b"sklearn..svm.."), "unknown scikit-learn"),
    "nested shell": (RICH.replace(b"sklearn.tree.DecisionTreeClassifier", b"subprocess.Popen"), "estimator"),
    "type of lists": (
        RICH.replace(b"{sklearn.preprocessing.RobustScaler: {quantile_range: [10, 90]}}",
                     b"{sklearn.preprocessing.OrdinalEncoder: {dtype: [x, [y]], categories: {}}}"), "categories",
    ),
    "a folder to write": (
        RICH.replace(b"sklearn.preprocessing.RobustScaler: {quantile_range: [10, 90]}",
                     b"sklearn.cluster.FeatureAgglomeration: {memory: /tmp/elsewhere}"),
        "would write outside the run folder",
    ),
}  # fmt: skip


RUN_TOO = ("python", "shell", "climbing", "absolute", "line end", "climbing pipeline", "climbing dataset")


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_suite_is_told(place: Path, name: str) -> None:
    data, words = NASTY[name]
    path = place / "nasty.yaml"
    path.write_bytes(data)
    for command in ("check", "run") if name in RUN_TOO else ("check",):
        with untouched(place, but=place / "none"):
            told = harness(command, path)
        tell(told, path)
        assert told.status == 2
        assert any(words in line for line in told.lines), told.lines


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + RICH, RICH.replace(b"\n", b"\r"), RICH.replace(b"\n", b"\r\n"), RICH + b"...\n# \xf0\x9f"
             b"\x8d\xb0\n"], ids=["bom", "cr", "crlf", "cake"]
)  # fmt: skip
def test_an_odd_suite_that_is_right_is_read(place: Path, data: bytes) -> None:
    path = place / "odd.yaml"
    path.write_bytes(data)
    assert harness("check", path).status == 0


def test_what_is_no_file_of_a_suite_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(100 * 2**20)
    names = [
        "loop.yaml",
        "zero.yaml",
        "folder.yaml",
        "pipe.yaml",
        "huge.yaml",
        "none.yaml",
        "x" * 300,
        "a\nb",
        "\x1b[2J",
    ]
    for name in [
        *(tmp_path / name for name in names),
        "",
        ".",
        "/",
        "/dev/zero",
        "/dev/null",
        "a\0b",
        "\udcff",
        "~nobody",
    ]:
        told = harness("check", name)
        assert (told.status, len(told.lines)) == (2, 1), (name, told)


OPTION = st.text(max_size=30) | st.builds(
    "{}{}{}".format,
    st.sampled_from(
        ["pipelines", "pipelines.cnn.train", "sizes[0]", "sizes", "seeds", "limits.time", "size", "pipeline"]
    ),
    st.sampled_from(["=", ".x=", "[9]=", ">=", "", "..="]),
    st.text(max_size=12) | st.sampled_from(["[", "{a: *b}", "!!python/name:os.system", "9" * 5000, "null", "&a [*a]"]),
)


@fuzz(30)
@given(st.sampled_from(["--set", "--only"]), OPTION)
@example("--set", "suite=../x")
@example("--set", "pipelines.cnn={}")
def test_an_option_is_taken_or_told(place: Path, option: str, value: str) -> None:
    (place / "o.yaml").write_bytes(RICH)
    told = harness("check", place / "o.yaml", f"{option}={value}")
    assert told.status in (0, 2)
    assert (told.status == 2) == bool(told.lines)
    wanted = (option, str(place / "o.yaml"), "an argument holds a NUL")
    assert all(line.startswith(wanted) for line in told.lines), told.lines


REGISTER = "from harness.registry import register\nregister"
PLUGINS: dict[str, str | bytes] = {
    "syntax.py": "def (",
    "nul.py": "x = '\0'",
    "raises.py": "raise RuntimeError('a\\nb\\x1b[2J')",
    "deep.py": "(" * 9999,
    "leaves.py": "import sys; sys.exit(3)",
    "latin.py": b"\xff",
    "twice.py": f"{REGISTER}('features', 'hog', lambda: None)",
    "kind.py": f"{REGISTER}([], 1, 2)",
    "odd.py": f"{REGISTER}('networks', 'n\\n', 3)",
}


@pytest.mark.parametrize(
    "name", [*PLUGINS, "", ".", "..", "a..b", "no.such", "none.py", ".py", "/", "\x1b[2J", "x" * 999]
)
def test_a_plugin_that_is_none_is_told_in_a_line(tmp_path: Path, name: str) -> None:
    if name in PLUGINS:
        text = PLUGINS[name]
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    told = harness("--plugin", tmp_path / name if name in PLUGINS else name, "list", "features")
    assert (told.status, len(told.lines)) == (2, 1), told
    assert told.lines[0].startswith("--plugin ")


# ---- run folders ---------------------------------------------------------------------------------

FILES = ("suite.yaml", "environment.json", "journal.jsonl", "trials.parquet", "epochs.parquet")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder in which nothing is wrong."""
    folder = tmp_path_factory.mktemp("sound") / "run"
    (folder.parent / "tiny.yaml").write_text(TINY)
    simulated.carry_out(load_suite(str(folder.parent / "tiny.yaml")), folder, simulated.Simulator)
    save_tables(load_results(folder), RunFolder(folder))
    return folder


def copied(sound: Path, place: Path, *, tables: bool = False) -> Path:
    """A copy of the run folder; with `tables`, one that keeps only those, as reference results do."""
    folder = place / "runs" / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    if tables:
        (folder / "journal.jsonl").unlink()
    return folder


# What reads a run folder; `run` has nothing left to do there but to read what is, and to write its books.
def reading(folder: Path, sound: Path) -> dict[str, tuple[object, ...]]:
    return {
        "table": ("results", folder),
        "csv": ("results", folder, "-f", "csv"),
        "json": ("results", folder, "-f", "json"),
        "latex": ("results", folder, "-f", "latex"),
        "failures": ("results", folder, "--failures"),
        "epochs": ("results", folder, "--epochs", "-f", "parquet"),
        "compare": ("compare", sound, folder, "--across-machines"),
        "check": ("check", folder / "suite.yaml"),
        "run": ("run", folder / "suite.yaml", "-o", folder, "--executor", "inprocess", "--no-report", "--only", "nb"),
    }


PASSING = r"tiny: |resuming: |\[\d+/\d+\] |some trials did not end|earlier run passed over: "


def mistakes(told: Told) -> list[str]:
    """What was told beside the progress of a run, and of what a plan need not know."""
    return [line for line in told.lines if not re.match(PASSING, line)]


def read_or_told(words: tuple[object, ...], place: Path, folder: Path) -> Told:
    with untouched(place, but=folder):
        told = harness(*words)
    # 1: a trial was run, and failed.
    assert told.status in ((0, 1, 2) if words[0] == "run" else (0, 2)), told
    assert (told.status == 2) == bool(mistakes(told)), told
    if told.status == 2:
        assert len(mistakes(told)) == 1 or all("suite.yaml:" in line for line in mistakes(told)), told
    return told


COMMANDS = ("table", "csv", "json", "latex", "failures", "epochs", "run", "check")


@fuzz(30)
@given(st.sampled_from(FILES), st.sampled_from(COMMANDS), st.randoms(use_true_random=False))
def test_a_damaged_file_of_a_run_is_told(
    place: Path, sound: Path, name: str, command: str, random: random.Random
) -> None:
    folder = copied(sound, place, tables=name.endswith("parquet") and command != "run")
    (folder / name).write_bytes(damage((folder / name).read_bytes(), random))
    read_or_told(reading(folder, sound)[command], place, folder)


TEXTS = [
    "", "ok", "failed", "skipped", "../../etc/passwd", "<script>alert(1)</script>", "\x1b[31mred", "a\nb", "| x |",
    "\ud800", "\u20ac" * 700, "nan", r"$x_1$ \frac{", "%s{0}", "=1+1",
]  # fmt: skip
CELLS: dict[str, list[Any]] = {
    TEXT: [*TEXTS, None],
    WHOLE: [0, 1, -1, 2**53 + 1, 10**18, 2**63, None, 0.5],
    REAL: [0, 0.0, -1.0, 0.5, 1.0, 1e-320, 1e18, 1e300, float("nan"), float("inf"), None, "soon"],
    FLAG: [True, False, None, 1],
}
MILD: dict[str, list[Any]] = {TEXT: CELLS[TEXT], WHOLE: [0, 1, 10**18, None], FLAG: [True, False, None]}


def a_cell(name: str, kind: str, random: random.Random, *, mild: bool) -> Any:
    """A hostile cell; a mild one can stand in its column."""
    if not mild:
        return random.choice(CELLS[kind])
    if name == "correct":
        return None
    mild_real = [0, 0.5, 1.0, None, 1e-320] if name in SHARES else [0.0, 1e-320, 0.5, None, 1e18]
    return random.choice(MILD.get(kind, mild_real))


def sealed(row: dict[str, Any], epochs: list[dict[str, Any]]) -> bytes:
    """A journal's line whose checksum fits, whatever it says."""
    body = json.dumps({"row": row, "epochs": epochs}, separators=(",", ":"))
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}",{body[1:]}\n'.encode()


def rewritten(folder: Path, random: random.Random, *, mild: bool) -> None:
    """Put hostile cells into the journal, with checksums that fit."""
    lines = []
    for entry, _ in stream(folder / "journal.jsonl"):
        for cells, columns in ((entry.row, TRIAL_COLUMNS), *((epoch, EPOCH_COLUMNS) for epoch in entry.epochs)):
            for name in random.sample(sorted(columns), 12 if mild else 1):
                if name not in ("trial_id", "status"):
                    cells[name] = a_cell(name, columns[name], random, mild=mild)
        entry.row["status"] = random.choice(["ok", "ok", "ok", "failed", "skipped", *TEXTS])
        lines.append(sealed(entry.row, entry.epochs))
    (folder / "journal.jsonl").write_bytes(b"".join(lines))


@fuzz(20)
@given(st.sampled_from((*COMMANDS, "compare")), st.booleans(), st.randoms(use_true_random=False))
def test_a_journal_with_hostile_cells_is_read_or_told(
    place: Path, sound: Path, command: str, mild: bool, random: random.Random
) -> None:
    folder = copied(sound, place)
    rewritten(folder, random, mild=mild)
    told = read_or_told(reading(folder, sound)[command], place, folder)
    assert b"\x1b" not in told.out or command == "epochs"  # which is Parquet


@fuzz(20)
@given(
    st.sampled_from(("table", "csv", "failures", "epochs", "check")),
    st.sampled_from((("trials", TRIAL_COLUMNS), ("epochs", EPOCH_COLUMNS))),
    st.data(),
)
def test_a_table_with_hostile_columns_is_read_or_told(
    place: Path, sound: Path, command: str, table: tuple[str, dict[str, str]], data: st.DataObject
) -> None:
    folder = copied(sound, place, tables=True)
    path = folder / f"{table[0]}.parquet"
    frame = pd.read_parquet(path)
    name = data.draw(st.sampled_from(list(table[1])))
    random = data.draw(st.randoms(use_true_random=False))
    match data.draw(st.integers(0, 4)):
        case 0:
            frame = frame.drop(columns=name)
        case 1:
            value = data.draw(st.sampled_from([pd.Timestamp(2020, 1, 1), b"\xff", None, True, -5, pd.Timedelta(3)]))
            frame[name] = [value] * len(frame)
        case 2:
            frame[name] = data.draw(st.sampled_from([[[1, 2]], [{"a": 1}]])) * len(frame)
        case 3:
            cells = [a_cell(name, table[1][name], random, mild=True) for _ in range(len(frame))]
            frame[name] = [cell if cell != "\ud800" else "?" for cell in cells]
        case 4:
            frame = frame.head(data.draw(st.integers(0, 2)))
    frame.to_parquet(path)
    read_or_told(reading(folder, sound)[command], place, folder)


def twice(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame)
    return table.append_column("status", table["status"])


def many(frame: pd.DataFrame) -> pa.Table:
    return pa.table({name: pa.nulls(60_000_000, pa.string()) for name in ("status",)})


def long(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame.assign(message="x" * 2**20))


def not_utf8(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame)
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xc3\x28")])
    return table.set_column(table.column_names.index("message"), "message", pa.concat_arrays([bad] * len(frame)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (twice, "2 columns status"),
        (many, "60,000,000 rows; expected at most 50,000,000"),
        (long, "message holds a text of 1,048,576 bytes"),
        (not_utf8, "Invalid UTF8"),
        (lambda frame: pa.Table.from_pandas(frame.assign(seed=None)), "seed is not known in every row"),
        (lambda frame: pa.Table.from_pandas(frame.assign(n_train=0)), "n_train is not known in every row"),
        (lambda frame: pa.Table.from_pandas(frame.assign(trial_id="x")), "two rows of one trial"),
        (lambda frame: pa.Table.from_pandas(frame.assign(accuracy=1e300)), "accuracy cannot be 1e+300"),
        (lambda frame: pa.Table.from_pandas(frame.assign(fit_s=[[1.0]] * len(frame))), "fit_s: "),
    ],
)
def test_a_table_that_no_run_writes_is_told(
    sound: Path, place: Path, make: Callable[[pd.DataFrame], pa.Table], words: str
) -> None:
    folder = copied(sound, place, tables=True)
    pq.write_table(make(pd.read_parquet(folder / "trials.parquet")), folder / "trials.parquet")
    told = read_or_told(("results", folder), place, folder)
    assert told.status == 2
    assert told.lines[0].startswith(f"{folder / 'trials.parquet'}: ")
    assert words in told.lines[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "expected a JSON object"),
        ("{" * 10, "cannot be read"),
        ('{"a":' * 100_000, "nests deeper than 20"),
        ('{"a":' * 30 + "1" + "}" * 30, "nests deeper than 20"),
        (r'{"cpu": "\ud800"}', "surrogates not allowed"),
        ('{"x": "' + "y" * 2**24 + '"}', "larger than 16 MiB"),
        ("\udcff", "cannot be read"),
    ],
)
def test_an_environment_that_no_run_writes_is_told(sound: Path, place: Path, text: str, words: str) -> None:
    folder = copied(sound, place)
    (folder / "environment.json").write_text(text, errors="surrogateescape")
    told = read_or_told(("results", folder), place, folder)
    assert told.status == 2
    assert words in told.lines[0]
    # A run writes it anew.
    assert read_or_told(reading(folder, sound)["run"], place, folder).status == 0
    assert read_or_told(("results", folder), place, folder).status == 0


def test_a_report_of_hostile_words_and_numbers_holds_no_markup(sound: Path, place: Path) -> None:
    folder = copied(sound, place)
    rewritten(folder, random.Random(1), mild=True)
    odd = {
        "a_bytes": 10**400,
        "b_bytes": -1,
        "cpu": "<script>x</script>",
        "machines": [1],
        "footprint": {"x": {"y": 1}},
    }
    odd |= {"doctor": {"tracking": {"percent": 10**400}}, "<b>": None, "gpu": [{"\x1b": [[]]}], "machine": {}}
    (folder / "environment.json").write_text(json.dumps(odd))
    assert read_or_told(("report", folder), place, folder).status == 0
    page = (folder / "report/index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;x" in page
    assert "<script" not in page
    assert "<script" not in (folder / "report/report.md").read_text(encoding="utf-8")


WRITTEN = (".lock", "journal.jsonl", "logs", "report", "report/figures", "report/tables")


@pytest.mark.parametrize("name", WRITTEN)
def test_no_link_leads_out_of_a_run_folder(sound: Path, place: Path, name: str) -> None:
    folder, target = copied(sound, place), place / "elsewhere"
    target.mkdir(exist_ok=True)
    (target / "file").write_text("precious")
    shutil.rmtree(folder / "report", ignore_errors=True)
    link = folder / name
    link.parent.mkdir(exist_ok=True)
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target / "file" if "." in name else target)
    for words in (reading(folder, sound)["run"], ("report", folder)):
        told = read_or_told(words, place, folder)
        assert told.status == 2
        assert mistakes(told) == [f"{link}: a symbolic link, and a run writes nothing outside its folder; remove it"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
@pytest.mark.parametrize("name", [*FILES, ".lock"])
def test_what_is_no_file_in_a_run_folder_is_told(sound: Path, place: Path, name: str, kind: str) -> None:
    folder = copied(sound, place)
    (place / "aside").write_text("precious")
    (folder / name).unlink(missing_ok=True)
    match kind:
        case "folder":
            (folder / name).mkdir()
        case "pipe":
            os.mkfifo(folder / name)
        case "link":
            (folder / name).symlink_to(place / "aside")
    commands = reading(folder, sound)
    for command in ("table", "run"):
        read_or_told(commands[command], place, folder)


def test_a_log_that_is_a_link_is_not_followed(place: Path, sound: Path) -> None:
    folder = copied(sound, place)
    (place / "aside").write_text("precious")
    (folder / "journal.jsonl").unlink()
    for trial in load_results(sound).trials["trial_id"]:
        (folder / "logs").mkdir(exist_ok=True)
        (folder / f"logs/{trial}.log").symlink_to(place / "aside")
    assert read_or_told(reading(folder, sound)["run"], place, folder).status == 0


# ---- data archives -------------------------------------------------------------------------------

ARRAYS = {"x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "y": np.array([1, 0], dtype=np.uint8)}
LAYOUT = npz.Layout("tiny", {name: array.shape for name, array in ARRAYS.items()}, {})


def packed(save: Callable[..., None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **ARRAYS)
    return buffer.getvalue()


@fuzz(150)
@given(st.sampled_from([packed(np.savez), packed(np.savez_compressed)]), st.randoms(use_true_random=False))
def test_a_damaged_archive_is_told_or_gives_its_shapes(place: Path, data: bytes, random: random.Random) -> None:
    path = place / "tiny.npz"
    path.write_bytes(damage(data, random))
    try:
        found = {name: (array.shape, array.dtype) for name, array in npz.read(LAYOUT, path).items()}
        told = None
    except DataError as error:
        told = str(error)
    if told is None:
        assert found == {name: (array.shape, array.dtype) for name, array in ARRAYS.items()}
    else:
        assert told.startswith(f"{path}: ")
        assert told.endswith(("replace or remove it", "replace or remove the file"))
        assert "\n" not in told


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    return stream.getvalue()


IMAGES = header((60_000, 28, 28))
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"no archive",
    "no members": lambda: archive({}),
    "climbing members": lambda: archive({"../../climbed.npy": b"x", "/absolute.npy": b"x", "x_train.npy": b""}),
    "many members": lambda: archive({f"{n}": b"" for n in range(5000)}),
    "a short array": lambda: archive({"x_train.npy": IMAGES + b"x"}),
    "a bomb": lambda: archive({"x_train.npy": IMAGES + bytes(100 * 2**20)}),
    "a huge header": lambda: archive({"x_train.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(2**20)}),
    "a huge shape": lambda: archive({"x_train.npy": header((2**40, 2**20))}),
    "a huge item": lambda: archive({"x_train.npy": header((60_000, 28, 28), "|V999999999")}),
    "a negative shape": lambda: archive({"x_train.npy": header((-1, 28, 28))}),
    "a pickle": lambda: archive({"x_train.npy": pickled()}),
    "floats": lambda: archive({"x_train.npy": header((60_000, 28, 28), "<f8")}),
    "lzma": lambda: archive({"x_train.npy": IMAGES}, zipfile.ZIP_LZMA),
    "flags": lambda: archive({"x_train.npy": IMAGES}).replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01"),
    "no code": lambda: archive({"x_train.npy": b"\x93NUMPY\x01\x00\x40\x00" + b"__import__('os')._exit(3)".ljust(64)}),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_gives_failed_rows_a_line_and_status_2(tmp_path: Path, name: str) -> None:
    home, folder = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    (home / "mnist.npz").write_bytes(ARCHIVES[name]())
    (tmp_path / "s.yaml").write_text(TINY.replace("digits", "[digits, mnist]"))
    with untouched(tmp_path, but=folder):
        told = harness("run", tmp_path / "s.yaml", "-o", folder, "--data-home", home, "--executor", "inprocess",
                       "--no-report", "--only", "pipeline=nb,size=50,seed=0")  # fmt: skip
    assert told.status == 2
    assert told.lines[-1].startswith(f"dataset mnist: {home / 'mnist.npz'}: ")
    assert sum(line.startswith("dataset ") for line in told.lines) == 1
    rows = load_results(folder).trials.query("pipeline == 'nb' and n_train == 50 and seed == 0").set_index("dataset")
    assert rows["status"].to_dict() == {"digits": "ok", "mnist": "failed"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
def test_what_is_no_archive_at_all_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mnist.npz"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(tmp_path / "nothing")
    (tmp_path / "s.yaml").write_text(TINY.replace("digits", "mnist"))
    told = harness(
        "run", tmp_path / "s.yaml", "-o", tmp_path / "run", "--data-home", tmp_path, "--executor", "inprocess"
    )
    assert told.status == 2
    assert f"{path} is not a regular file" in told.lines[-1]


# ---- processes -----------------------------------------------------------------------------------


def test_bombs_are_told_in_little_memory(tmp_path: Path, sound: Path) -> None:
    """In processes that may have 2 GiB each: what the bombs claim is far more."""
    (tmp_path / "laughs.yaml").write_text(laughs("map"))
    folder = copied(sound, tmp_path, tables=True)
    texts = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 2_000_000), ["x" * 50_000])
    pq.write_table(pa.table({"message": texts}), folder / "trials.parquet")
    for words, line in (
        (("check", tmp_path / "laughs.yaml"), "more than 50,000 values"),
        (("results", folder), "message has 2,000,000 texts of up to 50,000 bytes"),
    ):
        done = child(*words, memory=2**31)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert line in done.stderr

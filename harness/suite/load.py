"""A suite file as a `Suite`, or all of its mistakes at once."""

from __future__ import annotations

import importlib.resources
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import pydantic

from harness.errors import MisuseError, Problem, SuiteError, one_line
from harness.files import open_regular
from harness.registry import did_you_mean
from harness.suite import model as suite_model
from harness.suite.domains import check_search
from harness.suite.model import SCHEME_TAGS, Addition, Limits, Match, Pipeline, Suite, TrainSpec, Tuning
from harness.suite.parts import check_parts, sentence
from harness.suite.plan import variants
from harness.suite.source import CONTROL, MAX_CHARACTERS, Path, Place, Source, brief, dump_yaml, parse_yaml
from harness.suite.variants import check_expansion, expanded

MAX_TRIALS = 250_000


class LoadedSuite(NamedTuple):
    """A suite and the text that a run folder keeps of it."""

    suite: Suite
    text: str


def shipped_suites() -> dict[str, FilePath]:
    """The suites that travel with the package, by name."""
    packaged = FilePath(str(importlib.resources.files("harness"))) / "suites"
    folder = packaged if packaged.is_dir() else packaged.parent.parent / "suites"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_suite(name: str) -> FilePath:
    """The file that `name` means: a path, or the name of a suite that travels with the package.

    Raises
    ------
    MisuseError
        If there is neither.
    """
    # `os.path`, unlike `Path`, raises for no name, however long or odd.
    if os.path.isfile(name):
        return FilePath(name)
    shipped = shipped_suites()
    if name in shipped:
        return shipped[name]
    if os.path.lexists(name):
        raise MisuseError(f"{name}: not a regular file; expected the YAML file of a suite")
    raise MisuseError(f"{name}: no such suite file, and no shipped suite of that name; {did_you_mean(name, shipped)}")


def load_suite(name: str, overrides: Sequence[str] = (), *, smoke: bool = False, check: bool = True) -> LoadedSuite:
    """Read, check and return a suite.

    Parameters
    ----------
    name
        A path, or the name of a shipped suite.
    overrides
        `KEY=VALUE` items as given to `--set`; keys are dotted paths, values are YAML.
    smoke
        Cut the suite down to its smallest size, one seed and one epoch.
    check
        Check names and parameters of the parts too, which imports scikit-learn.

    Raises
    ------
    SuiteError
        With every mistake in the file.
    MisuseError
        If there is no such file or it cannot be read.
    """
    path = find_suite(name)
    text = read_text(path)
    suite = parse_suite(text, str(path), overrides, check=check)
    if smoke:
        suite = smoked(suite)
    if smoke or overrides:
        changes = "".join(f"\n#   --set {one_line(override)}" for override in overrides) + (
            "\n#   --smoke" if smoke else ""
        )
        text = f"# {one_line(path.name)}, changed by{changes}\n{dump_suite(suite)}"
    return LoadedSuite(suite, text)


# How the file of a dataset ends, and the registered dataset that reads it.
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")


def on_images(name: str, path: FilePath) -> list[str]:
    """What to override in a suite so that it runs on images of one's own.

    Parameters
    ----------
    name
        The suite, as `load_suite` takes it.
    path
        A folder of images, an archive of one, or an `.npz` file.

    Raises
    ------
    MisuseError
        If there is nothing at `path`, or something else.
    """
    if path.is_dir():
        kind = "folder"
    elif path.name.lower().endswith(ARCHIVES):
        kind = "archive"
    elif path.suffix.lower() == ".npz":
        kind = "npz"
    else:
        what = "it ends in none of those" if os.path.lexists(path) else "there is no such file or folder"
        raise MisuseError(f"{path}: {what}; expected a folder of images, an archive ({', '.join(ARCHIVES)}) or an .npz")
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", path.absolute().name.partition(".")[0]).strip("-_")[:24] or "images"
    # Who asks this for a look at images of their own is told of bad files and need not clear them away first.
    lenient = {} if kind == "npz" else {"on_bad": "skip"}
    part = {kind: {"path": str(path.absolute()), "name": label, **lenient}}
    suite = load_suite(name, check=False).suite.suite
    return [f"datasets={json.dumps(part)}", f"suite={json.dumps(f'{suite[:39]}-{label}')}"]


def read_text(path: FilePath) -> str:
    """The text of a file; never waits, and reads no more than a suite may have.

    Raises
    ------
    MisuseError
        If it is no readable text file of a suite's size.
    """
    try:
        with open_regular(path) as file:
            data = file.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        raise MisuseError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > 4 * MAX_CHARACTERS:
        raise MisuseError(f"{path}: too large for a suite, which has at most {MAX_CHARACTERS:,} characters")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MisuseError(f"{path}: not a UTF-8 text file ({error.reason} at byte {error.start:,})") from None


def parse_suite(text: str, name: str, overrides: Sequence[str] = (), *, check: bool = True) -> Suite:
    """Text to a `Suite`; see `load_suite`."""
    source = parse_yaml(text, name)
    if not isinstance(source.values, dict):
        raise SuiteError([Problem(name, 1, 1, "", "expected a mapping with suite, datasets, sizes and pipelines")])
    for override in overrides:
        apply_override(source, override)
    problems: list[Problem] = []
    suite = None
    try:
        suite = Suite.model_validate(source.values)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            loc = tuple(step for step in problem["loc"] if step not in SCHEME_TAGS)
            path = existing(source.values, loc, missing=problem["type"] == "missing")
            problems.append(source.problem(path, sentence(problem, known_keys(loc))))
    if check:
        for check_all in (check_parts, check_search, check_expansion):
            problems.extend(source.problem(path, message) for path, message in check_all(source.values))
    if suite is not None:
        problems.extend(source.problem(path, message) for path, message in cross_checks(suite))
    if problems:
        # A part of a wrong shape is told by the models and passed over by the part check; the same words come once.
        raise SuiteError(list(dict.fromkeys(problems)))
    assert suite is not None
    return suite


def existing(values: Any, loc: Path, *, missing: bool) -> Path:
    """The part of a pydantic location that is in the file: union tags and parsed fields are not."""
    path: list[str | int] = []
    for step in loc:
        in_list = isinstance(values, list) and isinstance(step, int) and step < len(values)
        if not (in_list or (isinstance(values, dict) and step in values)):
            break
        values = values[step]
        path.append(step)
    if missing and len(path) == len(loc) - 1:
        path.append(loc[-1])
    return tuple(path)


def known_keys(loc: Path) -> list[str]:
    """The keys that the mapping around a location may have."""
    match loc[:-1]:
        case ():
            model: type[pydantic.BaseModel] = Suite
        case ("limits",):
            model = Limits
        case ("tuning",):
            model = Tuning
        case ("exclude", *_):
            model = Match
        case ("include", *_):
            model = Addition
        case ("pipelines", _):
            model = Pipeline
        case ("pipelines", _, "train"):
            model = TrainSpec
        case ("pipelines", _, "train", "early_stopping"):
            model = suite_model.EarlyStopping
        case ("pipelines", _, "train", "augment"):
            model = suite_model.Augment
        case ("pipelines", _, "train", "scheme", "transferred"):
            model = suite_model.Source
        case ("pipelines", _, "explain"):
            model = suite_model.Explain
        case _:
            return []
    return list(model.model_fields)


def cross_checks(suite: Suite) -> Iterator[tuple[Path, str]]:
    """Mistakes that only the suite as a whole shows."""
    for key in ("sizes", "seeds", "devices", "backends"):
        counts = Counter(getattr(suite, key))
        yield from (((key,), f"{value!r} is given twice") for value, count in counts.items() if count > 1)
    datasets = [part.label for part in suite.datasets]
    yield from ((("datasets",), f"{name!r} is given twice") for name, count in Counter(datasets).items() if count > 1)
    if (count := n_trials(suite)) > MAX_TRIALS:
        yield (), f"this makes {count:,} trials; expected at most {MAX_TRIALS:,}, so split the suite"
    seen: dict[str, str] = {}
    of_spec: dict[str, tuple[str, str | None]] = {}
    names: list[str] = []
    for name, pipeline in suite.pipelines.items():
        several = expanded(name, pipeline)
        names += [one.name for one in several]
        twin = seen.setdefault(pipeline.model_dump_json(exclude={"contends"}), name)
        if twin != name:
            yield ("pipelines", name), f"the same as pipeline {twin!r}; a trial runs once, so leave one out"
        expanding = "vary" if pipeline.vary else "ablate" if pipeline.ablate else None
        for label, spec, _ in several:
            other, their = of_spec.setdefault(spec.model_dump_json(), (label, expanding))
            if other != label and (expanding or their) and twin == name:
                where = ("pipelines", name, expanding) if expanding else ("pipelines", name)
                yield where, f"{label!r} is the same as {other!r}; a trial runs once, so leave one out"
    for label, count in Counter(names).items():
        if count > 1:
            name = label.partition("/")[0]
            yield (
                ("pipelines", name, "vary" if suite.pipelines[name].vary else "optimizer"),
                f"{label!r} is given twice",
            )
    if suite.tuning is None:
        for name, pipeline in suite.pipelines.items():
            if pipeline.search is not None:
                yield (
                    ("pipelines", name, "search"),
                    "nothing is searched without `tuning`, such as tuning: {trials: 20}",
                )
    axes = (("pipeline", list(variants(suite))), ("dataset", datasets))
    for key in ("exclude", "include"):
        for index, entry in enumerate(getattr(suite, key)):
            for axis, known in axes:
                for pattern in getattr(entry, axis) or ():
                    if not any(fnmatchcase(item, pattern) for item in known):
                        yield (key, index, axis), f"{pattern!r} matches no {axis}; {did_you_mean(pattern, known)}"


def n_trials(suite: Suite) -> int:
    """How many trials the grid and the additions have at most, without making any."""
    pipelines = len(variants(suite))
    total = 0
    for entry in (suite, *suite.include):
        axes = [getattr(entry, key) or getattr(suite, key) for key in ("sizes", "seeds", "devices", "backends")]
        total += math.prod(map(len, (suite.datasets, *axes))) * suite.repeats * pipelines
    return total


def apply_override(source: Source, override: str) -> None:
    """Set one value, as `--set pipelines.cnn.train.epochs=3` asks.

    Raises
    ------
    SuiteError
        If the text is not `KEY=VALUE`, or the key leads through something that is not a mapping or list.
    """
    name = f"--set {override}"
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise SuiteError([Problem(name, 0, 0, "", "expected KEY=VALUE, such as --set pipelines.cnn.train.epochs=3")])
    if CONTROL.search(key):
        raise SuiteError([Problem(name, 0, 0, "", f"the key {brief(key)} holds a control character")])
    value = parse_yaml(text, name).values
    path: list[str | int] = []
    target = source.values
    steps = key.strip().replace("[", ".").replace("]", "").split(".")
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        where = ".".join(steps[:position]) or "the suite"
        if isinstance(target, list):
            if not (step.isdecimal() and len(step) < 9 and int(step) < len(target)):
                message = f"{where} has {len(target)} items; expected an index from 0, got {step!r}"
                raise SuiteError([Problem(name, 0, 0, "", message)])
            index: str | int = int(step)
        elif isinstance(target, dict):
            # A pipeline's name may hold dots; the longest key that fits is meant.
            index = next((k for k in target if isinstance(k, str) and ".".join(steps[position:]) == k), step)
            last = last or index != step
            if not last and target.get(index) is None:
                target[index] = {}
                source.places[(*path, index)] = Place(name, 0, 0)
        else:
            raise SuiteError([Problem(name, 0, 0, "", f"{where} is neither a mapping nor a list")])
        path.append(index)
        if last:
            target[index] = value
            source.places = {p: place for p, place in source.places.items() if p[: len(path)] != tuple(path)}
            source.places[tuple(path)] = Place(name, 0, 0)
            return
        target = target[index]


def smoked(suite: Suite) -> Suite:
    """Every pipeline once: the smallest size, the first seed, one epoch; tuning tries one setting more.

    What is explained is explained on as few images as it can be.
    """
    smallest = min(suite.sizes, key=lambda size: float("inf") if size == "full" else size)
    pipelines = {}
    for name, pipeline in suite.pipelines.items():
        changes: dict[str, Any] = {}
        if pipeline.network:
            changes["train"] = (pipeline.train or TrainSpec()).model_copy(update={"epochs": 1, "min_steps": 0})
        if pipeline.explain:
            changes["explain"] = pipeline.explain.model_copy(update={"images": 50})
        pipelines[name] = pipeline.model_copy(update=changes) if changes else pipeline
    return suite.model_copy(
        update={
            "suite": f"{suite.suite[:58]}-smoke",
            "sizes": [smallest],
            "seeds": suite.seeds[:1],
            "exclude": [],
            "include": [],
            "tuning": suite.tuning and suite.tuning.model_copy(update={"trials": 2, "time": None}),
            "pipelines": pipelines,
        }
    )


def dump_suite(suite: Suite) -> str:
    """A suite as YAML that reads back as the same suite."""
    values = suite.model_dump(mode="json", exclude_unset=True)
    values.setdefault("suite", suite.suite)
    if values.get("seeds") == list(range(len(suite.seeds))):
        values["seeds"] = len(suite.seeds)
    return dump_yaml(values)

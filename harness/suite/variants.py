"""One pipeline of a suite as the several that it stands for: by lists, by `vary` and by `ablate`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

from harness.registry import Kind
from harness.suite.model import Part, Pipeline, Varied
from harness.suite.parts import check_part, given_items, given_part, handling
from harness.suite.source import Path

KINDS: dict[Varied, Kind] = {"estimator": "estimators", "network": "networks"}
PIXELS = Part(name="pixels")


class Origin(NamedTuple):
    """Of which comparison a pipeline is a part: columns of its rows."""

    series: str | None = None
    """`NAME/width`: pipelines that differ in that parameter only."""
    series_value: float | None = None
    """The parameter, where it is a number."""
    ablation: str | None = None
    """The pipeline that something was removed from; its own name for the whole one."""
    removed: str | None = None
    """What was removed."""
    contends: bool = True
    """Whether it may be called the best of its family: what something was removed from may not."""


NOWHERE = Origin()


class Expanded(NamedTuple):
    """A pipeline that a suite's pipeline stands for."""

    name: str
    spec: Pipeline
    origin: Origin = NOWHERE


def expanded(name: str, pipeline: Pipeline) -> list[Expanded]:
    """A pipeline as the one or several that its lists, its `vary` or its `ablate` stand for.

    `svm` with `accelerator: [none, sklearnex]` gives `svm/none` and `svm/sklearnex`. `cnn` with
    `optimizer: [adam, {sgd: {learning_rate: 0.1}}]` gives `cnn/adam` and `cnn/sgd`; where one optimizer stands in the
    list more than once, its parameters tell them apart: `cnn/sgd(learning_rate=0.1)`. `cnn` with
    `vary: {network: {width: [4, 8]}}` gives `cnn/width=4` and `cnn/width=8`. `hog-svm` with `ablate: true` gives itself
    and `hog-svm/without-hog`.

    Each is what the same pipeline written out by hand would be, and has its trials' ids.
    """
    if pipeline.vary is not None:
        several = list(_varied(name, pipeline))
    elif pipeline.ablate:
        several = list(_ablated(name, pipeline))
    else:
        several = _listed(name, changed(pipeline))
    if pipeline.contends:
        return several
    return [one._replace(origin=one.origin._replace(contends=False)) for one in several]


def _listed(name: str, pipeline: Pipeline) -> list[Expanded]:
    """One pipeline for each of its accelerators or optimizers."""
    accelerators = pipeline.accelerator or []
    if len(accelerators) > 1:
        return [Expanded(f"{name}/{one}", changed(pipeline, accelerator=[one])) for one in accelerators]
    optimizers = pipeline.optimizer or []
    if len(optimizers) < 2:
        return [Expanded(name, pipeline)]
    names = [part.name for part in optimizers]
    return [
        Expanded(f"{name}/{part if names.count(part.name) > 1 else part.name}", changed(pipeline, optimizer=[part]))
        for part in optimizers
    ]


def changed(pipeline: Pipeline, **values: Any) -> Pipeline:
    """A pipeline with other parts, and without what only says how it expands.

    Made anew where anything changes: a copy would keep `plain`, which is what the pipeline was.
    """
    kept = {name: getattr(pipeline, name) for name in pipeline.model_fields_set - {"vary", "ablate", "contends"}}
    if not values and len(kept) == len(pipeline.model_fields_set):
        return pipeline
    return Pipeline.model_validate(kept | values)


def _varied(name: str, pipeline: Pipeline) -> Iterator[Expanded]:
    assert pipeline.vary is not None
    ((piece, params),) = pipeline.vary.items()
    ((key, values),) = params.items()
    part: Part = getattr(pipeline, piece)
    for value in values:
        other = Part(name=part.name, params=part.params | {key: value})
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        text = value if isinstance(value, str) else json.dumps(value)
        yield Expanded(
            f"{name}/{key}={text}", changed(pipeline, **{piece: other}), Origin(f"{name}/{key}", series_value=number)
        )


def _ablated(name: str, pipeline: Pipeline) -> Iterator[Expanded]:
    """The whole pipeline, and it without each of its features."""
    features = pipeline.features or []
    yield Expanded(name, changed(pipeline), Origin(ablation=name))
    for stage, rest in removals(features):
        yield Expanded(
            f"{name}/without-{stage}", changed(pipeline, features=rest), Origin(None, None, name, stage, False)
        )


def removals(features: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    """Each feature of a chain that can be removed: what it is called, and what is left.

    Pixels stand in for what made a matrix of images, since an estimator needs one; pixels themselves are not removed.
    A name that occurs again is told apart by a number: `StandardScaler`, `StandardScaler-2`. Of twins next to each
    other one removal is enough.
    """
    found: list[tuple[str, list[Part]]] = []
    seen: Counter[str] = Counter()
    for index, part in enumerate(features):
        short = part.name.rpartition(".")[2]
        seen[short] += 1
        stands_in = [PIXELS] if handling(part.name) == ("images", "matrix") else []
        rest = [*features[:index], *stands_in, *features[index + 1 :]]
        if part.name != PIXELS.name and all(rest != other for _, other in found):
            found.append((short if seen[short] == 1 else f"{short}-{seen[short]}", rest))
    return found


def check_expansion(values: Any) -> Iterator[tuple[Path, str]]:
    """Mistakes in what the pipelines of a suite, given as plain values of any shape, expand into.

    Yields
    ------
    path, message
        Where in the suite, and what is wrong. Passed over is what is told elsewhere: wrong shapes and unknown parts.
    """
    pipelines = values.get("pipelines") if isinstance(values, dict) else None
    for name, pipeline in pipelines.items() if isinstance(pipelines, dict) else ():
        if not isinstance(pipeline, dict):
            continue
        path = ("pipelines", name)
        vary = pipeline.get("vary")
        for piece, params in vary.items() if isinstance(vary, dict) else ():
            if piece in get_args(Varied) and isinstance(params, dict) and piece in pipeline:
                for key, items in params.items():
                    yield from _values_problems(piece, pipeline[piece], key, items, (*path, "vary", piece, key))
        given = [given_part(value) for _, value in given_items(pipeline.get("features"), ())]
        features = [Part.model_validate(part) for part in given if part]
        if pipeline.get("ablate") is True and features and len(features) == len(given) and not removals(features):
            yield (*path, "ablate"), f"nothing can be removed from {' > '.join(map(str, features))}; leave `ablate` out"


def _values_problems(piece: Varied, value: Any, key: str, items: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """What the part says against the values of one of its parameters."""
    part = given_part(value)
    if part is None or any(check_part(KINDS[piece], value, ())):
        return
    for inner, item in given_items(items, path):
        told = check_part(KINDS[piece], {part["name"]: {**part["params"], key: item}}, ())
        yield from ((inner, message) for _, message in told)

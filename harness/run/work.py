"""What a trial's time and memory depend on: amounts of work, priors of growth, and which trials are like it."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from harness.data.base import DatasetInfo
from harness.data.rows import STREAM_BYTES
from harness.models.inputs import ADAPT_IMAGES
from harness.models.steps import planned
from harness.run.law import CONSTANT, Prior
from harness.suite.model import Part
from harness.suite.plan import Trial

# Growth of an estimator's fit with the training images. Exponents: kernel machines solve a quadratic programme whose
# active set grows more slowly than n (Bottou and Lin, Support vector machine solvers, 2007: between n and n^3); trees
# sort, n log n, which from 100 to 100,000 images is as n^1.1. `half`: images whose share equals the fixed part's.
FITS = {
    "SVC": Prior(1.7, 0.2, 100),
    "NuSVC": Prior(1.7, 0.2, 100),
    "GaussianProcessClassifier": Prior(2.7, 0.2, 100),
    "RandomForestClassifier": Prior(1.1, 0.1, 1000),
    "ExtraTreesClassifier": Prior(1.1, 0.1, 1000),
    "HistGradientBoostingClassifier": Prior(0.8, 0.2, 3000),
    "KNeighborsClassifier": Prior(1.0, 0.2, 1000),
}
ANY_FIT = Prior(1.1, 0.25, 300)
# Growth of predicting a fixed test set: with the support vectors, or the stored images; a forest's with its depth.
PREDICTS = {
    "SVC": Prior(0.6, 0.2, 10_000),
    "NuSVC": Prior(0.6, 0.2, 10_000),
    "KNeighborsClassifier": Prior(1.0, 0.2, 300),
    "GaussianProcessClassifier": Prior(1.0, 0.2, 300),
}
ANY_PREDICT = Prior(0.3, 0.2, 10_000)
EXTRACTION = Prior(1.0, 0.1, 10)
TRAINING = Prior(1.0, 0.05, 0)
# Above the process's base lie the test images, which are always all there, beside the training images.
MEMORY, NETWORK_MEMORY = Prior(1.0, 0.2, 10_000), Prior(1.0, 0.2, 40_000)


class Kind(NamedTuple):
    """Trials whose costs follow one law, and how another trial that asks them is related to them."""

    relation: str
    key: tuple[Any, ...]


class Amounts(NamedTuple):
    """Work of a trial: training images; what its fit goes through, images or those of all gradient steps; images held.

    Of images that a network reads batch by batch only those count as held in memory that its layers adapt to.
    """

    images: float
    training: float
    held: float


def amounts(trial: Trial, shape: tuple[int, ...] | None = None) -> Amounts:
    """The work of a trial, before it runs; `shape` is that of an image, where it is known."""
    images = trial.n_train
    if trial.spec.network is None:
        return Amounts(images, images, images)
    train = trial.train
    fitted = max(1, images - round(train.validation_fraction * images))
    streamed = shape is not None and trial.spec.features is None and images * math.prod(shape) > STREAM_BYTES
    held = ADAPT_IMAGES if streamed else images
    return Amounts(images, planned(fitted, train)[1] * train.batch_size, held)


def priors(trial: Trial) -> dict[str, Prior]:
    """The prior of each part of a trial's cost; `start` is a network's building and first step."""
    parts = dict.fromkeys(("load", "start", "evaluate", "serve", "rest", "base"), CONSTANT)
    parts |= {"tune": ANY_FIT, "explain": ANY_FIT}
    if trial.spec.estimator is None:
        extraction = EXTRACTION if trial.spec.features else CONSTANT
        return parts | {"features": extraction, "fit": TRAINING, "predict": CONSTANT, "added": NETWORK_MEMORY}
    name = trial.spec.estimator.name.rpartition(".")[2]
    fit, predict = FITS.get(name, ANY_FIT), PREDICTS.get(name, ANY_PREDICT)
    return parts | {"features": EXTRACTION, "fit": fit, "predict": predict, "added": MEMORY}


def kinds(trial: Trial, info: DatasetInfo | None) -> tuple[Kind, ...]:
    """The kinds a trial is of, narrowest first: what was seen of the first that was seen at all is believed.

    Only what changes a cost by some ten per cent may differ: the optimizer of a network, and the dataset where the
    images have the same size and number. Other features, widths or numbers of trees change it by their ratio and more,
    so nothing is concluded from them.
    """
    spec = trial.spec
    searched = trial.tuning and (str(trial.tuning), json.dumps(spec.search, sort_keys=True))
    explained = spec.explain and spec.explain.model_dump_json()
    here = (trial.device, trial.backend, trial.threads, searched, explained)
    features = tuple(text(part) for part in spec.features or ())
    data = text(trial.dataset)
    shape = (info.image_shape, info.n_classes, info.n_test) if info else data
    if spec.network is not None:
        # Epochs and least steps are no part of a recipe: they are work.
        recipe = trial.train.model_dump_json(exclude={"epochs", "min_steps"})
        network = (here, features, text(spec.network), recipe)
        optimizer = text(trial.optimizer)
        return (
            Kind("same pipeline", (network, optimizer, data)),
            Kind("another optimizer", (network, data)),
            Kind("another dataset", (network, optimizer, shape)),
        )
    pipeline = (here, tuple(spec.accelerator or ()), features, text(spec.estimator))
    return Kind("same pipeline", (pipeline, data)), Kind("another dataset", (pipeline, shape))


def text(part: Part | None) -> str:
    """A part and its parameters, in the order of their names."""
    return "" if part is None else str(Part(name=part.name, params=dict(sorted(part.params.items()))))

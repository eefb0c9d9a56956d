"""The checks find what is wrong with a part, and say it; built-in parts pass them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from typer.testing import CliRunner

from harness import registry
from harness.cli import app
from harness.conformance import KINDS, check, networks, outcomes
from harness.conformance.outcome import Subject, carried_out
from harness.data.base import DatasetInfo, ImageData
from harness.errors import MisuseError


class Sides(TransformerMixin, BaseEstimator):
    """Mean and largest pixel of each image; without a fault."""

    learned: ClassVar[Any] = False

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def fit(self, X: Any, y: Any = None) -> Sides:  # noqa: N803
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        flat = X.reshape(len(X), -1)
        return np.stack([flat.mean(axis=1), flat.max(axis=1)], axis=1).astype(np.float32) * np.float32(self.scale)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array(["mean", "max"], dtype=object)


class Doubled(Sides):
    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(X).astype(np.float64)


class Nameless(Sides):
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        return np.array(["value", "value"], dtype=object)


class Peeking(Sides):
    """Centres what it is given by the mean of those rows."""

    def transform(self, X: Any) -> Any:  # noqa: N803
        given = super().transform(X)
        return given - given.mean(axis=0)


class Learning(Sides):
    """Learns without saying so."""

    def fit(self, X: Any, y: Any = None) -> Sides:  # noqa: N803
        self.mean_ = super().transform(X).mean(axis=0)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(X) - self.mean_


class SayingSo(Learning):
    learned: ClassVar[Any] = True


class Overwriting(Sides):
    def transform(self, X: Any) -> Any:  # noqa: N803
        X[X < 128] = 0
        return super().transform(X)


class Random(Sides):
    def fit(self, X: Any, y: Any = None) -> Sides:  # noqa: N803
        self.offset_ = np.float32(np.random.default_rng().random())
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(X) + self.offset_


class Busy(Sides):
    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale
        self.table = np.zeros(3)


class GreyOnly(Sides):
    def transform(self, X: Any) -> Any:  # noqa: N803
        _n, _height, _width = X.shape
        return super().transform(X)


class Undecided(Sides):
    learned: ClassVar[Any] = "perhaps"


def network(input_shape: Any, n_classes: int, *, width: int = 8) -> Any:
    """One hidden layer; without a fault."""
    layers = [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(width, "relu")]
    return keras.Sequential([*layers, keras.layers.Dense(n_classes, "softmax", dtype="float32")])


def half(input_shape: Any, n_classes: int) -> Any:
    """Forgets that a softmax of half precision is none."""
    layers = [keras.Input(input_shape), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(n_classes, "softmax")])


def logits(input_shape: Any, n_classes: int) -> Any:
    """Has no softmax."""
    layers = [keras.Input(input_shape), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(n_classes, dtype="float32")])


def frozen(input_shape: Any, n_classes: int) -> Any:
    """Cannot learn."""
    made = network(input_shape, n_classes)
    made.trainable = False
    return made


def unseeded(input_shape: Any, n_classes: int) -> Any:
    """Starts from weights that no seed decides."""
    made = network(input_shape, n_classes)
    made.set_weights([np.random.default_rng().normal(size=w.shape) / 10 for w in made.weights])
    return made


def grey_only(input_shape: Any, n_classes: int) -> Any:
    """Wants one channel."""
    assert input_shape[2] == 1, "grey images only"
    return network(input_shape, n_classes)


SHARED: list[Any] = []


def shared(total_steps: int) -> Any:
    """Gives one optimizer to everybody."""
    if not SHARED:
        SHARED.append(keras.optimizers.SGD(0.1))
    return SHARED[0]


def upwards(total_steps: int) -> Any:
    """Climbs."""
    made = keras.optimizers.SGD(0.1)
    apply = made.apply
    made.apply = lambda gradients, weights: apply([-gradient for gradient in gradients], weights)
    return made


def overshooting(total_steps: int) -> Any:
    """Its rate falls below zero."""
    return keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, total_steps, end_learning_rate=-0.1))


class Squares:
    """Two classes of noise; without a fault."""

    n_told = 8

    def info(self, home: Path | None) -> DatasetInfo:
        return DatasetInfo("squares", self.n_told, 4, n_classes=2, image_shape=(5, 6))

    def load(self, home: Path | None) -> ImageData:
        x = self.rng().integers(0, 256, (12, 5, 6), dtype=np.uint8)
        y = self.labels()
        return ImageData("squares", x[:8], y[:8], x[8:], y[8:], ("a", "b"))

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(0)

    def labels(self) -> Any:
        return np.arange(12) % 2


class Unlike(Squares):
    n_told = 9


class Unsteady(Squares):
    def rng(self) -> np.random.Generator:
        return np.random.default_rng()


class Lacking(Squares):
    def labels(self) -> Any:
        return np.repeat([0, 1], [8, 4])


class Empty(Squares):
    def load(self, home: Path | None) -> ImageData:
        raise FileNotFoundError("squares.npz is not there")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Register a part under the name `probed` for the length of a test."""

    def register(kind: registry.Kind, part: Callable[..., Any]) -> None:
        registry.parameters.cache_clear()
        monkeypatch.setitem(registry.REGISTERED[kind], "probed", part)

    yield register
    registry.parameters.cache_clear()


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("features", Sides),
        ("features", SayingSo),
        ("optimizers", lambda total_steps: keras.optimizers.SGD(0.1)),
        ("datasets", Squares),
    ],
)
def test_a_part_without_fault_passes(registered: Any, kind: registry.Kind, part: Callable[..., Any]) -> None:
    registered(kind, part)
    check(kind, "probed")


@pytest.mark.parametrize(
    ("kind", "part", "failing"),
    [
        ("features", Doubled, {"grey: gives a finite": "received float64", "colour: gives a finite": "float64"}),
        ("features", Nameless, {"grey: gives a finite": "1 names stand twice", "colour: gives a finite": "twice"}),
        (
            "features",
            Peeking,
            {
                "grey: a row does not depend": "row 3 by itself is not what it is among the others",
                "colour: a row does not depend": "largest difference",
            },
        ),
        (
            "features",
            Learning,
            {
                "grey: gives the same whatever": "say `learned = True`",
                "colour: gives the same whatever": "say `learned = True`",
            },
        ),
        ("features", Overwriting, {"grey: takes rows that nobody": "", "colour: takes rows that nobody": ""}),
        ("features", Random, {"grey: fitted again": "a clone", "colour: fitted again": "a clone"}),
        ("features", Busy, {"the constructor stores": "also sets table; leave that to fit"}),
        ("features", GreyOnly, {"colour: gives a finite": "ValueError: too many values to unpack"}),
        ("features", Undecided, {"takes and gives": "learned is 'perhaps'"}),
        ("optimizers", shared, {"takes the number of steps": "the same object is given out twice"}),
        ("optimizers", upwards, {"lowers a convex loss": "it went from 8.28125 to"}),
        ("optimizers", overshooting, {"the learning rate is positive": "it is -0.1"}),
        ("datasets", Unlike, {"info agrees with load": "info says n_train 9, and load gives 8"}),
        ("datasets", Unsteady, {"loaded again": "x_train is another"}),
        ("datasets", Lacking, {"there is a training image of each class": "no training image of class 1"}),
        ("datasets", Empty, {"load gives": "FileNotFoundError: squares.npz is not there"}),
    ],
)
def test_a_fault_is_found_and_named(
    registered: Any, kind: registry.Kind, part: Callable[..., Any], failing: dict[str, str]
) -> None:
    registered(kind, part)
    found = {outcome.what: outcome.problem for outcome in outcomes(kind, "probed")}
    for start, words in failing.items():
        (told,) = [problem for what, problem in found.items() if what.startswith(start)]
        assert told is not None, start
        assert words in told
    # A fault such as float64 is one; what cannot be made or read at all fails wherever it is needed.
    good = [what for what, problem in found.items() if problem is None]
    assert good
    with pytest.raises(AssertionError, match="probed: FAIL  "):
        check(kind, "probed")


@pytest.mark.parametrize(
    ("part", "start", "words"),
    [
        (half, "under mixed precision", 'bfloat16; give the last layer dtype="float32"'),
        (logits, "grey: gives (batch, classes)", "softmax"),
        (frozen, "learns 50 images", "after 100 steps of Adam, expected 60%"),
        (unseeded, "a seed decides", "4 of 4 weight tensors differ"),
        (grey_only, "colour: gives (batch, classes)", "grey images only"),
    ],
)
def test_a_networks_fault_is_found_and_named(
    registered: Any, monkeypatch: pytest.MonkeyPatch, part: Callable[..., Any], start: str, words: str
) -> None:
    """Only the check in question is made: each training takes a second."""
    registered("networks", part)
    monkeypatch.setattr(networks, "LEARNING_RATES", networks.LEARNING_RATES[:1])
    every = networks.checks(Subject("networks", "probed", {}, (8, 9), None))
    ((what, test),) = [(what, test) for what, test in every if what.startswith(start)]
    told = carried_out(what, test)
    assert words in str(told.problem)
    assert str(told).startswith(f"FAIL  {start}")


def test_estimators_are_checked_too() -> None:
    check("estimators", "sklearn.svm.SVC")
    check("estimators", "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5})
    if importlib.util.find_spec("lightgbm"):
        check("estimators", "lightgbm")
    found = {outcome.what: outcome.problem for outcome in outcomes("estimators", "sklearn.dummy.DummyClassifier")}
    assert found["learns three clusters that do not touch"] == "gets 33% of them right, expected 80%"
    assert sum(problem is not None for problem in found.values()) == 1


@pytest.mark.parametrize(
    ("kind", "name", "params", "message"),
    [
        ("layers", "hog", {}, "unknown kind 'layers'; known: datasets, features"),
        ("features", "hgo", {}, "unknown feature 'hgo'; did you mean 'hog'?"),
        ("features", "hog", {"cells": 1}, "unknown key 'cells'"),
        ("estimators", "sklearn.svm.SVC", {"c": 1}, "did you mean 'C'?"),
    ],
)
def test_a_slip_is_told_before_any_check(kind: str, name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(MisuseError, match=message.replace("?", r"\?")):
        list(outcomes(kind, name, params))


def test_a_network_with_all_that_one_can_have_passes() -> None:
    """The one whose layer has `adapt`; tests/models/test_networks.py holds every network to the same."""
    check("networks", "rbf", {"units": 8}, shape=(8, 9))


def test_the_contributors_network_passes_what_needs_no_training(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    code = re.search(r"^    # thin\.py.*?^    register\(.*?$", text, re.DOTALL | re.MULTILINE)
    assert code is not None
    plugin = tmp_path / "thin.py"
    plugin.write_text(textwrap.dedent(code[0]))
    registry.load_plugin(str(plugin))
    try:
        every = list(networks.checks(Subject("networks", "thin", {"width": 4}, (8, 9), None)))[:3]
        assert [str(outcome) for outcome in (carried_out(*one) for one in every) if outcome.problem] == []
    finally:
        registry.REGISTERED["networks"].clear()
        registry.parameters.cache_clear()


@pytest.mark.parametrize("name", registry.BUILT_IN["optimizers"])
def test_built_in_optimizers_pass(name: str) -> None:
    check("optimizers", name)


def test_the_bundled_dataset_passes() -> None:
    check("datasets", "digits")


def test_every_kind_has_its_checks() -> None:
    assert set(KINDS) >= set(registry.BUILT_IN)


PLUGIN = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from typer.testing import CliRunner
from harness.registry import register

class Mean(TransformerMixin, BaseEstimator):
    '''The mean pixel.'''

    def __init__(self, *, digits: int = 3):
        self.digits = digits

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.reshape(len(X), -1).mean(axis=1, keepdims=True).round(self.digits)

    def get_feature_names_out(self, input_features=None):
        return np.array(["mean"], dtype=object)

register("features", "mean", Mean)
"""


def test_somebody_elses_file_is_checked_from_the_command_line(tmp_path: Path) -> None:
    plugin = tmp_path / "mean.py"
    plugin.write_text(PLUGIN)
    command = [sys.executable, "-m", "harness", "--plugin", str(plugin), "conform", "mean", "--set", "digits=2"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = told.stdout.splitlines()
    assert told.stderr == ""
    assert lines[0] == "mean (feature)"
    assert all(line.startswith(("ok    ", "FAIL  ")) for line in lines[1:])
    assert [line for line in lines if line.startswith("FAIL")] == [
        f"FAIL  {word}: gives a finite float32 matrix with a name for each column: received float64"
        for word in ("grey", "colour")
    ]
    assert told.returncode == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hgo"], "nothing is named 'hgo'; did you mean 'hog'?"),
        (["hog", "--kind", "networks"], "unknown network 'hog'; "),
        (["quickstart"], "'quickstart' is a suite, not a part: harness check quickstart"),
        (["hog", "--set", "cells=3"], "hog: unknown key 'cells'"),
        (["hog", "--input", "3"], "--input 3: expected height x width"),
    ],
)
def test_slips_on_the_command_line_are_told(words: list[str], message: str) -> None:
    with pytest.raises(MisuseError) as caught:
        CliRunner().invoke(app, ["conform", *words], catch_exceptions=False)
    assert str(caught.value).startswith(message)

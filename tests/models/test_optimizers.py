"""Each optimizer against its textbook equation, in NumPy float64."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import textbook

from harness.errors import TrialError
from harness.models import optimizers
from harness.registry import BUILT_IN, build, load_part, parameters

Array = textbook.Array
NAMES = list(BUILT_IN["optimizers"])
RANDOM = np.random.default_rng(0)
N_STEPS = 8
# A matrix and a vector, for Adafactor and Muon treat them differently; some gradients so small that epsilons count.
SHAPES = [(4, 3), (5,)]
STARTS = [RANDOM.normal(size=shape) for shape in SHAPES]
GRADIENTS = [RANDOM.normal(size=(N_STEPS, *shape)) * 10.0 ** RANDOM.uniform(-3, 1, shape) for shape in SHAPES]


@pytest.fixture
def _float64() -> Iterator[None]:
    """Keras's learning rates in float64, which float32 would round to seven digits."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def trajectories(optimizer: keras.optimizers.Optimizer, starts: list[Array], gradients: list[Array]) -> list[Array]:
    """The weights after each of Keras's steps, (steps, shape of the weights) for each start."""
    variables = [keras.Variable(start, dtype="float64") for start in starts]
    found: list[list[Array]] = [[] for _ in starts]
    for now in zip(*gradients, strict=True):
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64") for gradient in now], variables)
        for each, variable in zip(found, variables, strict=True):
            each.append(np.array(keras.ops.convert_to_numpy(variable)))
    return [np.array(each) for each in found]


def check_steps(name: str, n_steps: int, options: dict[str, float], equations: dict[str, float]) -> None:
    """Hold all weights after every step against the equation: to 1e-6, and to 2e-5 of the longest way."""
    given = [gradients[:n_steps] for gradients in GRADIENTS]
    found = trajectories(load_part("optimizers", name)(n_steps, **options), STARTS, given)
    for start, gradients, kerass in zip(STARTS, given, found, strict=True):
        replay = partial(lambda gradients, w, t: gradients[t - 1], gradients)
        expected = np.array(list(textbook.steps(textbook.RIGHT[name], start, replay, n_steps, **equations)))
        # Keras takes 0.999 through float32, whose distance from 1 is then wrong by one part in 80,000.
        nearness = min(1e-6, 2e-5 * float(np.abs(expected - start).max()))
        np.testing.assert_allclose(kerass, expected, rtol=0, atol=nearness)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("n_steps", [1, N_STEPS])
@pytest.mark.parametrize("rate", [None, 0.02])
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_the_textbooks(name: str, rate: float | None, n_steps: int) -> None:
    check_steps(name, n_steps, *([{}, {}] if rate is None else [{"learning_rate": rate}, {"rate": rate}]))


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize(
    ("name", "options", "equations"),
    [
        ("rmsprop", {"momentum": 0.8}, {"mu": 0.8}),
        ("adagrad", {"initial_accumulator_value": 0.0}, {"start": 0.0}),
        ("adadelta", {"learning_rate": 1.0, "epsilon": 1e-6}, {"rate": 1.0, "epsilon": 1e-6}),
        ("adamw", {"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ("lion", {"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ("adafactor", {"clip_threshold": 0.3, "epsilon_2": 2.0}, {"clip_threshold": 0.3, "epsilon_2": 2.0}),
        ("ftrl", {"initial_accumulator_value": 1e-10}, {"start": 1e-10}),
        (
            "ftrl",
            {"l1_regularization_strength": 0.5, "l2_regularization_strength": 0.3, "beta": 1.0},
            {"l1": 0.5, "l2": 0.3, "beta": 1.0},
        ),
        ("muon", {"momentum": 0.5, "ns_steps": 2, "rms_rate": 1.0}, {"mu": 0.5, "iterations": 2, "scale": 1.0}),
    ],
)
def test_options_are_the_textbooks(name: str, options: dict[str, float], equations: dict[str, float]) -> None:
    check_steps(name, N_STEPS, options, equations)


def test_clipnorm_bounds_the_gradients_norm() -> None:
    made = load_part("optimizers", "sgd")(1, learning_rate=1.0, clipnorm=0.5)
    (after,) = trajectories(made, [STARTS[1]], [GRADIENTS[1][:1] * 100])
    assert np.linalg.norm(after[0] - STARTS[1]) == pytest.approx(0.5, rel=1e-5)


# What differs on purpose from the defaults of Keras's class.
OWN = {
    "momentum": {"momentum"},
    "nesterov": {"momentum", "nesterov"},
    "adafactor": {"epsilon_1"},
    "muon": {"exclude_layers"},
}


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_kerass(name: str) -> None:
    made = load_part("optimizers", name)(100)
    kerass = type(made)().get_config()
    ours = made.get_config()
    changed = {key for key in kerass if key != "name" and ours[key] != kerass[key]}
    assert changed == OWN.get(name, set())


OTHER_VALUES = {"learning_rate_power": -0.25, "beta_2_decay": -0.25, "nesterov": False, "ns_steps": 3}


@pytest.mark.parametrize("name", NAMES)
def test_options_reach_keras(name: str) -> None:
    """Every option of an optimizer but the schedule is found again, changed, in Keras's configuration."""
    part = load_part("optimizers", name)
    options = {
        key: OTHER_VALUES.get(key, 0.5)
        for key, option in inspect.signature(part).parameters.items()
        if option.kind is option.KEYWORD_ONLY and key not in ("schedule", "exclude_layers")
    }
    config = part(100, **parameters("optimizers", name)(**options).model_dump()).get_config()
    assert {key: config[key] for key in options} == options


@pytest.mark.parametrize(("epsilon_1", "lost"), [(1e-16, 0), (1e-30, 12)])
def test_adafactor_in_float32_where_a_row_and_a_column_have_no_gradient(epsilon_1: float, lost: int) -> None:
    """Keras's own default loses the whole matrix. Once it does not, the harness can have that default again."""
    gradient = np.ones((3, 4), np.float32)
    gradient[1, :] = gradient[:, 2] = 0
    variable = keras.Variable(np.ones((3, 4)), dtype="float32")
    load_part("optimizers", "adafactor")(1, epsilon_1=epsilon_1).apply(
        [keras.ops.convert_to_tensor(gradient)], [variable]
    )
    assert np.isnan(keras.ops.convert_to_numpy(variable)).sum() == lost


@pytest.mark.parametrize(
    ("network", "options", "expected"),
    [
        ("cnn", {}, {"dense/kernel"}),
        ("cnn", {"exclude_layers": ["conv", "dense"]}, {"predictions/kernel"}),
        ("cnn", {"exclude_layers": []}, {"dense/kernel", "predictions/kernel"}),
        ("lstm", {}, {"lstm_cell/kernel", "lstm_cell/recurrent_kernel"}),
        ("mlp", {"exclude_layers": ["hidden", ".", "p*"]}, {"predictions/kernel"}),
    ],
)
def test_which_weights_are_muons(network: str, options: dict[str, Any], expected: set[str]) -> None:
    """Matrices, but not of the layers excluded, by words and no patterns; all others have Adam's second moment."""
    keras.utils.clear_session()
    model = load_part("networks", network)((28, 28, 1), 10)
    made = build("optimizers", "muon", options, 100)
    made.build(model.trainable_variables)
    moments = zip(model.trainable_variables, made.adam_velocities, strict=True)
    muons = {"/".join(variable.path.split("/")[-2:]) for variable, moment in moments if moment is None}
    assert {re.sub(r"_\d+/", "/", path) for path in muons} == expected


@pytest.mark.parametrize("older", [None, type("Muon", (), {"__init__": lambda self, learning_rate=0.001: None})])
def test_an_older_keras_is_told(monkeypatch: pytest.MonkeyPatch, older: type | None) -> None:
    if older is None:
        monkeypatch.delattr(keras.optimizers, "Muon")
    else:
        monkeypatch.setattr(keras.optimizers, "Muon", older)
    with pytest.raises(TrialError, match=r"muon needs Keras 3\.13 or newer, this is .*; pip install 'keras>=3\.13'"):
        load_part("optimizers", "muon")(100)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("cosine", [1, 0.5 + 0.5 * np.cos(np.pi / 4), 0.5, 0.5 - 0.5 * np.cos(np.pi / 4), 0]),
        ("exponential", [1, 0.01**0.25, 0.1, 0.01**0.75, 0.01]),
        ("step", [1, 1, 0.1, 0.01, 0.01]),
    ],
)
def test_schedules_fall_over_the_whole_training(schedule: optimizers.Schedule, expected: list[float]) -> None:
    made = load_part("optimizers", "sgd")(400, learning_rate=2.0, schedule=schedule)
    rates = []
    for step in (0, 100, 200, 300, 400):
        made.iterations.assign(step)
        rates.append(float(made.learning_rate))
    np.testing.assert_allclose(rates, 2 * np.array(expected), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("total_steps", [1, 2, 3, 4])
def test_the_step_schedule_works_in_the_shortest_training(total_steps: int) -> None:
    made = load_part("optimizers", "sgd")(total_steps, schedule="step")
    assert float(made.learning_rate) == pytest.approx(0.01)

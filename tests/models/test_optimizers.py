"""Each optimizer against its textbook equation, in NumPy float64."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from harness.models import optimizers
from harness.registry import BUILT_IN, load_part, parameters

Array = np.ndarray[Any, np.dtype[np.float64]]
NAMES = list(BUILT_IN["optimizers"])
RANDOM = np.random.default_rng(0)
# Away from zero, where the epsilons that some of the equations below leave out would count.
GRADIENTS = RANDOM.choice([-1, 1], (6, 5)) * RANDOM.uniform(0.3, 2, (6, 5))


def sgd(gradients: Array, rate: float = 0.01) -> Iterator[Array]:
    for g in gradients:
        yield -rate * g


def momentum(gradients: Array, rate: float = 0.01, mu: float = 0.9) -> Iterator[Array]:
    v = np.zeros(5)
    for g in gradients:
        v = mu * v - rate * g
        yield v


def nesterov(gradients: Array, rate: float = 0.01, mu: float = 0.9) -> Iterator[Array]:
    """With the weights at the look-ahead point, as every library stores them (Bengio et al., 2013, eq. 7)."""
    v = np.zeros(5)
    for g in gradients:
        before, v = v, mu * v - rate * g
        yield -mu * before + (1 + mu) * v


def adagrad(gradients: Array, rate: float = 0.001, start: float = 0.1) -> Iterator[Array]:
    total = np.full(5, start)
    for g in gradients:
        total = total + g**2
        yield -rate * g / np.sqrt(total)


def adadelta(gradients: Array, rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7) -> Iterator[Array]:
    squares, updates = np.zeros(5), np.zeros(5)
    for g in gradients:
        squares = rho * squares + (1 - rho) * g**2
        step = -np.sqrt(updates + epsilon) / np.sqrt(squares + epsilon) * g
        updates = rho * updates + (1 - rho) * step**2
        yield rate * step


def rmsprop(gradients: Array, rate: float = 0.001, rho: float = 0.9) -> Iterator[Array]:
    squares = np.zeros(5)
    for g in gradients:
        squares = rho * squares + (1 - rho) * g**2
        yield -rate * g / np.sqrt(squares)


def adam(
    gradients: Array, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
) -> Iterator[Array]:
    """In the order of computation at the end of the paper's section 2, which is where Keras has its epsilon."""
    m, v = np.zeros(5), np.zeros(5)
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        yield -rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)


def adamax(gradients: Array, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999) -> Iterator[Array]:
    m, u = np.zeros(5), np.zeros(5)
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        u = np.maximum(beta_2 * u, np.abs(g))
        yield -rate / (1 - beta_1**t) * m / u


def nadam(gradients: Array, rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999) -> Iterator[Array]:
    m, v, product = np.zeros(5), np.zeros(5), 1.0

    def mu(t: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96**t)

    for t, g in enumerate(gradients, 1):
        product *= mu(t)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        yield -rate * m_hat / np.sqrt(v / (1 - beta_2**t))


TEXTBOOK: dict[str, Callable[..., Iterator[Array]]] = {
    each.__name__: each for each in (sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamax, nadam)
}


def updates(optimizer: keras.optimizers.Optimizer, gradients: Array) -> Iterator[Array]:
    variable = keras.Variable(np.zeros(5), dtype="float32")
    before = np.zeros(5)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
        after = np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
        yield after - before
        before = after


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [None, 0.02])
def test_steps_are_the_textbooks(name: str, rate: float | None) -> None:
    made = load_part("optimizers", name)(len(GRADIENTS), **({} if rate is None else {"learning_rate": rate}))
    expected = TEXTBOOK[name](GRADIENTS, **({} if rate is None else {"rate": rate}))
    travelled = np.cumsum(list(updates(made, GRADIENTS)), axis=0)
    np.testing.assert_allclose(travelled, np.cumsum(list(expected), axis=0), rtol=0, atol=1e-6)


def test_clipnorm_bounds_the_gradients_norm() -> None:
    (step,) = updates(optimizers.sgd(1, learning_rate=1.0, clipnorm=0.5), GRADIENTS[:1] * 100)
    assert np.linalg.norm(step) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_kerass(name: str) -> None:
    made = load_part("optimizers", name)(100)
    kerass = type(made)().get_config()
    ours = made.get_config()
    changed = {key for key in kerass if key != "name" and ours[key] != kerass[key]}
    assert changed == {"momentum": {"momentum"}, "nesterov": {"momentum", "nesterov"}}.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_options_reach_keras(name: str) -> None:
    """Every option of an optimizer but the schedule is found again, changed, in Keras's configuration."""
    part = load_part("optimizers", name)
    options = {
        key: 0.5
        for key, option in inspect.signature(part).parameters.items()
        if option.kind is option.KEYWORD_ONLY and key != "schedule"
    }
    config = part(100, **parameters("optimizers", name)(**options).model_dump()).get_config()
    assert {key: config[key] for key in options} == options


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
    made = optimizers.sgd(400, learning_rate=2.0, schedule=schedule)
    rates = []
    for step in (0, 100, 200, 300, 400):
        made.iterations.assign(step)
        rates.append(float(made.learning_rate))
    np.testing.assert_allclose(rates, 2 * np.array(expected), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("total_steps", [1, 2, 3, 4])
def test_the_step_schedule_works_in_the_shortest_training(total_steps: int) -> None:
    made = optimizers.sgd(total_steps, schedule="step")
    assert float(made.learning_rate) == pytest.approx(0.01)

"""The numbers in docs/optimizers.md are those of the equations in `textbook`, and of the options' defaults."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import textbook
from sklearn.datasets import load_digits

from harness.registry import BUILT_IN, parameters

Array = textbook.Array
DOCUMENT = (Path(__file__).parents[2] / "docs" / "optimizers.md").read_text()
EARLY = (1, 2, 3, 5, 10, 100, 1000)
CHANCE = math.log(10)

# What the source of each optimizer has where the default of Keras, or the choice here, is another; and all their rates.
PUBLISHED: dict[str, dict[str, str]] = {
    "sgd": {"learning_rate": "none"},
    "momentum": {"learning_rate": "none", "momentum": "none"},
    "nesterov": {"learning_rate": "none", "momentum": "none"},
    "adagrad": {"learning_rate": "none; 0.01 is usual", "initial_accumulator_value": "0", "epsilon": "none"},
    "adadelta": {"learning_rate": "1 (there is none)", "epsilon": "1e-6"},
    "rmsprop": {"learning_rate": "0.001", "epsilon": "none"},
    "adam": {"learning_rate": "0.001", "epsilon": "1e-8"},
    "adamax": {"learning_rate": "0.002", "epsilon": "none"},
    "nadam": {"learning_rate": "0.002", "epsilon": "1e-8"},
    "adamw": {"learning_rate": "0.001", "weight_decay": "tuned", "epsilon": "1e-8"},
    "lion": {"learning_rate": "0.0001 (its code)"},
    "adafactor": {"learning_rate": "0.01", "epsilon_1": "1e-30"},
    "ftrl": {"learning_rate": "tuned", "initial_accumulator_value": "0", "beta": "1"},
    "muon": {"learning_rate": "0.02", "weight_decay": "0", "rms_rate": "none"},
}


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"


def defaults() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for name, options in PUBLISHED.items():
            fields = parameters("optimizers", name).model_fields
            for option, published in options.items():
                yield f"`{name}`", f"`{option}`", f"{fields[option].default:g}", published

    return table(["optimizer", "option", "here", "its source"], rows())


def walk(step: textbook.Step, gradient: Callable[[int], float], n: int, **options: float) -> Array:
    """How far each of n steps goes against a gradient that depends on the number of the step alone."""
    places = textbook.steps(step, np.zeros(1), lambda w, t: np.array([gradient(t)]), n, **options)
    return -np.diff(np.array([np.zeros(1), *places])[:, 0])


def first_adagrad() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for g in (1.0, 0.1, 0.01, 0.001):
            kerass, paper = (walk(textbook.adagrad, lambda t, g=g: g, 1, rate=1.0, start=s)[0] for s in (0.1, 0.0))  # type: ignore[misc]
            yield short(g), short(kerass), short(paper)

    return table(["first gradient", "first step, accumulator from 0.1 (Keras)", "from 0 (paper)"], rows())


def adadelta_ways() -> str:
    def rows() -> Iterator[Sequence[str]]:
        ways = [
            np.cumsum(walk(textbook.adadelta, lambda t: 1.0, 1000, rate=rate, epsilon=epsilon))
            for rate, epsilon in ((0.001, 1e-7), (1.0, 1e-6))
        ]
        for t in (1, 10, 100, 1000):
            yield f"{t:,}", *(f"{way[t - 1]:.2g}" for way in ways)

    return table(["after step", "rate 0.001, epsilon 1e-7 (Keras)", "rate 1, epsilon 1e-6 (paper)"], rows())


def adams_epsilon() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for g in (1e-2, 1e-4, 1e-6, 1e-8):
            kerass, paper = (
                walk(textbook.adam, lambda t, g=g: g, 1, rate=1.0, epsilon=epsilon, hat=hat)[0]  # type: ignore[misc]
                for epsilon, hat in ((1e-7, True), (1e-8, False))
            )
            yield f"{g:g}", short(kerass), short(paper)

    head = ["first gradient", "first step, 1e-7 before the correction (Keras)", "1e-8 after it (paper, algorithm 1)"]
    return table(head, rows())


def nadams_momenta() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for t in (1, 10, 100, 1000):
            yield f"{t:,}", f"{textbook.nadams_momentum(t):.4f}", f"{textbook.nadams_momentum(t, period=250):.4f}"

    return table(["step", "momentum in Keras", "in the paper"], rows())


def ftrls_memory() -> str:
    def kept(start: float, g: float) -> float:
        near, far = (next(textbook.steps(textbook.ftrl, np.array([w]), lambda _, t: np.array([g]), 1, start=start))[0]
                     for w in (0.0, 1.0))  # fmt: skip
        return float(far - near)

    def rows() -> Iterator[Sequence[str]]:
        for g in (1.0, 0.1, 0.01, 0.001):
            yield short(g), f"{kept(0.1, g):.4%}", f"{kept(1e-10, g):.4%}"

    return table(["first gradient", "kept, sums from 0.1 (Keras)", "sums from 1e-10"], rows())


def muons_steps() -> str:
    def rows() -> Iterator[Sequence[str]]:
        for inputs, outputs in ((784, 128), (128, 128), (64, 256)):
            kerass = 0.001 * 0.2 * math.sqrt(max(inputs, outputs))
            yield f"{inputs} x {outputs}", short(kerass), short(0.02 * math.sqrt(max(1, outputs / inputs)))

    return table(["inputs x outputs", "0.001 and 0.2 sqrt(longer side) (Keras)", "0.02 (Jordan)"], rows())


def wrong_momentum() -> str:
    def rows() -> Iterator[Sequence[str]]:
        right, wrong = (
            walk(step, lambda t: 1.0, 1000, rate=1.0) for step in (textbook.momentum, textbook.past_gradient)
        )
        for t in EARLY:
            yield f"{t:,}", short(right[t - 1]), short(wrong[t - 1])

    return table(["step", "velocity (right)", "past gradient (wrong)"], rows())


ADAMS = {
    "right": textbook.adam,
    "1 - beta for 1 - beta^t": textbook.adam_without_t,
    "quotient swapped": textbook.adam_swapped,
    "both": textbook.adam_swapped_without_t,
}


def wrong_adam(gradient: Callable[[int], float]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        ways = [walk(step, gradient, EARLY[-1], rate=1.0) for step in ADAMS.values()]
        for t in EARLY:
            yield f"{t:,}", *(short(way[t - 1]) for way in ways)

    return table(["step", *ADAMS], rows())


RUNS = {
    "momentum, right": (textbook.momentum, 0.1),
    "momentum of a past gradient": (textbook.past_gradient, 0.1),
    "no momentum (SGD)": (textbook.sgd, 0.1),
    "Adam, right": (textbook.adam, 0.01),
    "Adam, 1 - beta for 1 - beta^t": (textbook.adam_without_t, 0.01),
    "Adam, quotient swapped": (textbook.adam_swapped, 0.01),
    "Adam, both": (textbook.adam_swapped_without_t, 0.01),
}


def regression_losses(step: textbook.Step, rate: float, n: int) -> list[float]:
    """Mean log loss of softmax regression on the first 1200 images of `digits`, all in every step, from zero."""
    images, labels = load_digits(return_X_y=True)
    x, y = np.c_[images[:1200] / 16, np.ones(1200)], np.eye(10)[labels[:1200]]

    def probabilities(w: Array) -> Array:
        scores = x @ w
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def gradient(w: Array, t: int) -> Array:
        return np.asarray(x.T @ (probabilities(w) - y) / len(x))

    found = textbook.steps(step, np.zeros((65, 10)), gradient, n, rate=rate)
    return [float(-np.log(np.maximum((probabilities(w) * y).sum(axis=1), 1e-300)).mean()) for w in found]


def regression() -> str:
    after = (1, 10, 30, 100, 200)

    def rows() -> Iterator[Sequence[str]]:
        for name, (step, rate) in RUNS.items():
            losses = regression_losses(step, rate, after[-1])
            # Above chance the swapped quotient is chaotic: its digits would differ from one machine to the next.
            yield name, f"{rate:g}", *(short(loss) if (loss := losses[t - 1]) < CHANCE else "> 2.3" for t in after)

    return table(["loss of softmax regression after step", "rate", *(f"{t}" for t in after)], rows())


BLOCKS: dict[str, Callable[[], str]] = {
    "defaults": defaults,
    "adagrad": first_adagrad,
    "adadelta": adadelta_ways,
    "adam": adams_epsilon,
    "nadam": nadams_momenta,
    "ftrl": ftrls_memory,
    "muon": muons_steps,
    "momentum, wrong": wrong_momentum,
    "adam, wrong, steady": lambda: wrong_adam(lambda t: 1.0),
    "adam, wrong, by turns": lambda: wrong_adam(lambda t: 1.0 if t % 2 else -0.8),
    "regression": regression,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_tables_are_what_the_equations_give(name: str) -> None:
    (told,) = [block for block in DOCUMENT.split("\n\n") if block.startswith(f"<!-- {name} -->\n")]
    assert told.partition("\n")[2].strip() == BLOCKS[name]()


def test_every_optimizer_has_its_equation() -> None:
    for name in BUILT_IN["optimizers"]:
        assert f"\n### `{name}`\n" in DOCUMENT, name
    assert set(PUBLISHED) == set(BUILT_IN["optimizers"])

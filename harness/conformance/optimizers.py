"""What every optimizer keeps to: `name(total_steps, *, options) -> keras.optimizers.Optimizer`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import registry
from harness.conformance.outcome import Check, Subject, expect
from harness.models.quiet import import_keras

STEPS = 10
# The bottom of the bowl; a matrix, because Muon treats only those in its own way.
BOTTOM = np.array([[1.0, -2.0, 0.5], [-0.25, 3.0, -1.5]], np.float32)


def checks(subject: Subject) -> Iterator[Check]:
    """The checks of an optimizer."""
    import_keras()
    yield "takes the number of steps, any from 1, and gives a new Keras optimizer each time", partial(is_made, subject)
    yield "the learning rate is positive at first and never negative or NaN", partial(rates_are_sound, subject)
    yield f"lowers a convex loss in {STEPS} steps", partial(lowers_a_loss, subject)
    yield "makes the same steps again", partial(repeats, subject)


def made(subject: Subject, total_steps: int) -> Any:
    """The optimizer for a training of so many steps."""
    return registry.build("optimizers", subject.name, subject.params, total_steps)


def is_made(subject: Subject) -> None:
    """An optimizer that is handed out twice would carry its state from one trial into the next."""
    import keras

    for total_steps in (1, 2, 1000):
        optimizer = made(subject, total_steps)
        expect(isinstance(optimizer, keras.optimizers.Optimizer), f"received {type(optimizer).__name__}")
        expect(optimizer is not made(subject, total_steps), "the same object is given out twice")


def rates_are_sound(subject: Subject) -> None:
    """From the first step to the one after the last."""
    import keras

    for total_steps in (1, STEPS):
        optimizer = made(subject, total_steps)
        for step in range(total_steps + 1):
            optimizer.iterations.assign(step)
            rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            good = math.isfinite(rate) and (rate > 0 if step == 0 else rate >= 0)
            expect(good, f"it is {rate} in step {step} of {total_steps}")


def lowers_a_loss(subject: Subject) -> None:
    """Half the squared distance to a point, from zero."""
    path = descent(subject)
    expect(np.isfinite(path).all(), "the weights became NaN or infinite")
    losses = [loss(weights) for weights in path]
    expect(losses[-1] < losses[0], f"it went from {losses[0]:.6g} to {losses[-1]:.6g}")


def repeats(subject: Subject) -> None:
    """Without a seed, as in a trial."""
    expect(np.array_equal(descent(subject), descent(subject)), "the second time the weights are others")


def descent(subject: Subject) -> NDArray[np.float64]:
    """The weights at first and after each step."""
    import keras

    keras.utils.set_random_seed(0)
    optimizer = made(subject, STEPS)
    weights = keras.Variable(np.zeros_like(BOTTOM), dtype="float32", name="kernel")
    path = [np.zeros_like(BOTTOM)]
    for _ in range(STEPS):
        gradient = keras.ops.convert_to_tensor(path[-1] - BOTTOM, "float32")
        optimizer.apply([gradient], [weights])
        path.append(np.array(keras.ops.convert_to_numpy(weights)))
    return np.stack(path).astype(np.float64)


def loss(weights: NDArray[np.float64]) -> float:
    """Half the squared distance to the bottom."""
    return float(((weights - BOTTOM) ** 2).sum() / 2)

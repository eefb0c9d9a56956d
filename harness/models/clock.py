"""How long gradient steps take: the first, and those of the steady state, with none of them slowed down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness.measure.devices import synchronise

if TYPE_CHECKING:
    import keras


class StepClock:
    """Times training from its epochs' bounds; between them Keras runs as it does without.

    `epoch_begins` replaces the model's training function until its first call of the epoch, which starts the clock;
    `steps_end`, called before validation or where the epoch ends, waits for the device and stops it.

    Parameters
    ----------
    model
        Compiled.
    backend
        The Keras backend.
    steps
        Gradient steps of an epoch.
    steps_per_execution
        Gradient steps of a call of the training function.
    """

    def __init__(self, model: keras.Model, backend: str, steps: int, steps_per_execution: int) -> None:
        self.model = model
        self.backend = backend
        self.steps = steps
        self.first_steps = min(steps, steps_per_execution)
        self.first_step_s: float | None = None
        self._began: float | None = None
        self._epochs: list[tuple[float, int]] = []

    @property
    def step_s(self) -> float | None:
        """Mean seconds of a gradient step in the steady state; None where training was no longer than the first call.

        A step here is what a user waits for: feeding the batch, the Keras loop, forward, backward and the update. Not
        in it are the first epoch, in which the last and smaller batch may be traced and compiled again (it counts from
        the second call on where it is the only one), shuffling at the start of an epoch, validation and the epoch log.
        """
        epochs = self._epochs[1:] or self._epochs
        steps = sum(count for _, count in epochs)
        return sum(seconds for seconds, _ in epochs) / steps if steps else None

    def epoch_begins(self) -> None:
        """Have the clock start with the epoch's first call of the training function, and no later one touched."""
        model = self.model
        train_function = model.train_function

        def timed(*args: Any) -> Any:
            model.train_function = train_function
            self._began = time.perf_counter()
            result = train_function(*args)
            if self.first_step_s is None:
                # The JAX trainer returns (logs, state), the others logs; reading the loss waits for the device.
                logs = result[0] if isinstance(result, tuple) else result
                float(logs["loss"])
                now = time.perf_counter()
                self.first_step_s, self._began = now - self._began, now
            return result

        model.train_function = timed

    def steps_end(self) -> None:
        """Stop the clock for this epoch; does nothing where it stands already."""
        if self._began is None:
            return
        synchronise(self.backend)
        seconds = time.perf_counter() - self._began
        self._began = None
        self._epochs.append((seconds, self.steps if self._epochs else self.steps - self.first_steps))

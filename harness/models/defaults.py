"""Number format and compilation of networks where a suite leaves them open, for each backend and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.suite.model import TrainSpec


class Settings(NamedTuple):
    """How a network is computed: a Keras dtype policy, and whether its steps are compiled as a whole."""

    precision: str
    jit_compile: bool


# The CPU's were measured (`results/backends`, a small CNN on 1,000 MNIST images, two EPYC cores): a step of TensorFlow
# takes 3.3 times as long with XLA as without, and 1.15 times as long in float32 as in bfloat16, which this processor
# computes in hardware. Float32 stays the default because most processors do not, and emulate it slowly. JAX compiles
# always; TorchInductor wants a C++ compiler and was not measured. The GPU's are Keras's own, not measured yet either.
DEFAULTS: dict[tuple[str, str], Settings] = {
    ("tensorflow", "cpu"): Settings("float32", False),
    ("jax", "cpu"): Settings("float32", True),
    ("torch", "cpu"): Settings("float32", False),
    ("tensorflow", "gpu"): Settings("float32", True),
    ("jax", "gpu"): Settings("float32", True),
    ("torch", "gpu"): Settings("float32", False),
}


def settings(train: TrainSpec, backend: str, device: str) -> Settings:
    """What a suite says, and the default of its backend and device where it says nothing."""
    default = DEFAULTS[backend, device]
    return Settings(
        default.precision if train.precision is None else train.precision,
        default.jit_compile if train.jit_compile is None else train.jit_compile,
    )


def refused(train: TrainSpec, backend: str) -> str | None:
    """Why a backend cannot train like that, in one line; None where it can."""
    if backend == "torch" and train.steps_per_execution > 1:
        return (
            f"steps_per_execution: {train.steps_per_execution} is not for the torch backend, which makes one step per "
            "call; leave it out, or torch out of backends"
        )
    return None

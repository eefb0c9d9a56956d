from __future__ import annotations

import itertools
from typing import get_args

import pytest

from harness.models.defaults import DEFAULTS, Settings, refused, settings
from harness.suite.model import Backend, Device, Precision, TrainSpec


def test_every_backend_has_defaults_on_every_device() -> None:
    assert set(DEFAULTS) == set(itertools.product(get_args(Backend), get_args(Device)))
    assert all(default.precision in get_args(Precision) for default in DEFAULTS.values())


def test_a_suite_overrides_each_of_them() -> None:
    assert settings(TrainSpec(), "tensorflow", "cpu") == DEFAULTS["tensorflow", "cpu"]
    assert settings(TrainSpec(jit_compile=False), "jax", "cpu") == Settings("float32", False)
    assert settings(TrainSpec(precision="mixed_float16"), "jax", "cpu") == Settings("mixed_float16", True)


@pytest.mark.parametrize(
    ("backend", "steps", "why"), [("torch", 2, "one step per call"), ("torch", 1, ""), ("jax", 8, "")]
)
def test_what_a_backend_cannot_do(backend: str, steps: int, why: str) -> None:
    told = refused(TrainSpec(steps_per_execution=steps), backend)
    assert (why in told) if told else not why

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.measure.serving import latency, throughput


class Machine:
    """A clock that only predictions move, and a record of what was predicted."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.now = 100.0
        self.seconds = seconds
        self.seen: list[Any] = []

    def clock(self) -> float:
        return self.now

    def predict(self, images: Any) -> None:
        self.now += self.seconds(len(self.seen))
        self.seen.append(images)


IMAGES = np.arange(300).reshape(300, 1)


def test_percentiles_of_known_calls() -> None:
    # The two warm-up calls are slow; then 1 to 200 ms/1000.
    machine = Machine(lambda call: 9.0 if call < 2 else (call - 1) * 1e-6)
    found = latency(machine.predict, IMAGES, machine.clock)
    assert found.calls == 200
    assert found.p50_s == pytest.approx(100.5e-6)
    assert found.p95_s == pytest.approx(np.percentile(np.arange(1, 201) * 1e-6, 95))
    assert found.p99_s == pytest.approx(np.percentile(np.arange(1, 201) * 1e-6, 99))


@pytest.mark.parametrize(("seconds", "calls"), [(0.0001, 200), (0.01, 50), (0.04, 20), (0.2, 5), (3.0, 5)])
def test_as_many_calls_as_half_a_second_holds_but_never_too_few(seconds: float, calls: int) -> None:
    machine = Machine(lambda call: seconds)
    assert latency(machine.predict, IMAGES, machine.clock).calls == pytest.approx(calls, abs=1)


def test_each_call_has_one_image_and_another_one() -> None:
    machine = Machine(lambda call: 0.001)
    latency(machine.predict, IMAGES[:7], machine.clock)
    assert {images.shape for images in machine.seen} == {(1, 1)}
    assert [int(images[0, 0]) for images in machine.seen[2:11]] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_throughput_counts_whole_batches_and_not_the_first() -> None:
    machine = Machine(lambda call: 5.0 if call == 0 else 0.05)
    assert throughput(machine.predict, IMAGES, 128, machine.clock) == pytest.approx(128 / 0.05)
    assert {len(images) for images in machine.seen} == {128}
    assert [int(images[0, 0]) for images in machine.seen[:4]] == [0, 0, 128, 0]


def test_few_images_are_one_batch_and_a_slow_one_is_called_once() -> None:
    machine = Machine(lambda call: 4.0)
    assert throughput(machine.predict, IMAGES, 1000, machine.clock) == pytest.approx(300 / 4)
    assert [len(images) for images in machine.seen] == [300, 300]

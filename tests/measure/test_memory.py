from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.measure import memory

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux's")
def test_a_peak_is_seen_after_its_memory_is_freed_and_then_forgotten() -> None:
    assert memory.reset_peak() == "vmhwm"
    before = memory.read()
    block = np.ones(100 * MIB // 8)
    del block
    after = memory.read()
    assert after.peak - before.rss >= 95 * MIB
    memory.reset_peak()
    assert memory.read().peak < after.peak - 50 * MIB


def test_where_the_kernel_offers_nothing_the_method_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", refuse)
    assert memory.reset_peak() == "maxrss"
    found = memory.read()
    assert found.rss == found.peak > 10 * MIB

"""How fast this machine is at this moment: the time of a fixed piece of work that needs the standard library only."""

from __future__ import annotations

import hashlib
import threading
import time
from functools import cache

from harness.measure.environment import usable_cores

ROUNDS = 3
HASHED_BYTES = 2**20
HASHES = 5
COPIED_BYTES = 2**24


def calibrate() -> float:
    """Seconds of a fixed kernel: SHA-256 on every usable core at once, then a copy of memory.

    Each core hashes 5 MiB in a thread of its own (hashlib lets go of the GIL), which slows down with the clock of the
    cores and with whoever shares them; then 16 MiB are copied, which slows down with whoever shares caches and memory.
    The best of three rounds counts, as in timeit: a round that one interruption hit says nothing about the minutes to
    come. About 20 ms in all on a CPU that has instructions for SHA. Only the ratio of two calls on one machine means
    anything: the work per core is fixed, so more cores do not make it shorter.

    Returns
    -------
    float
        Seconds of the best round.
    """
    source, target = _buffers()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        threads = [threading.Thread(target=_hash, args=(source[:HASHED_BYTES],)) for _ in range(usable_cores())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target[:] = source
        best = min(best, time.perf_counter() - begin)
    return best


def _hash(data: memoryview) -> None:
    for _ in range(HASHES):
        hashlib.sha256(data).digest()


@cache
def _buffers() -> tuple[memoryview, memoryview]:
    """Two blocks of memory that are written once, so that no round pays for their pages."""
    return memoryview(bytearray(b"\x5a") * COPIED_BYTES), memoryview(bytearray(b"\xa5") * COPIED_BYTES)

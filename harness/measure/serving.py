"""How fast a fitted model answers when it is warm: one image at a time, and in large batches.

Plain functions over a callable that takes images and returns predictions as a NumPy array, so that the device has
finished when the call returns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Images: TypeAlias = npt.NDArray[Any]
Clock: TypeAlias = Callable[[], float]

MAX_CALLS = 200
MIN_CALLS = 20
MIN_SLOW_CALLS = 5
SLOW_S = 0.1
LATENCY_S = 0.5
THROUGHPUT_S = 0.2


class Latency(NamedTuple):
    """Percentiles of the seconds of one call, and the number of calls they are over.

    Interpolated linearly between the calls; with fewer than 100 of them the 99th lies at the slowest two.
    """

    p50_s: float
    p95_s: float
    p99_s: float
    calls: int


def latency(predict: Callable[[Images], Any], images: Images, clock: Clock = time.perf_counter) -> Latency:
    """Time single-image calls, each with another image as long as there are some.

    Two calls go before and do not count: the first may trace and compile, the second meets cold caches. Then up to 200
    calls in about half a second, but at least 20, or 5 where one takes more than a tenth of a second.

    Parameters
    ----------
    predict
        Takes images of shape (1, ...).
    images
        Shape (n, ...), n at least 1.
    clock
        Seconds, monotonic.
    """
    singles = [images[index : index + 1] for index in range(min(len(images), MAX_CALLS))]
    for index in range(2):
        predict(singles[index % len(singles)])
    seconds: list[float] = []
    began = clock()
    while len(seconds) < MAX_CALLS:
        enough = MIN_SLOW_CALLS if seconds and seconds[0] > SLOW_S else MIN_CALLS
        if len(seconds) >= enough and clock() - began >= LATENCY_S:
            break
        image = singles[len(seconds) % len(singles)]
        start = clock()
        predict(image)
        seconds.append(clock() - start)
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99])
    return Latency(float(p50), float(p95), float(p99), len(seconds))


def throughput(
    predict: Callable[[Images], Any], images: Images, batch_size: int, clock: Clock = time.perf_counter
) -> float:
    """Images per second in batches of `batch_size`, over and over for about 0.2 s.

    One batch goes before and does not count. Only whole batches are used, so that nothing is compiled again for a
    smaller one; where there are fewer images than that, all of them are the batch.

    Parameters
    ----------
    predict
        Takes images of shape (b, ...).
    images
        Shape (n, ...), n at least 1.
    batch_size
        Images per call.
    clock
        Seconds, monotonic.
    """
    size = min(batch_size, len(images))
    batches = [images[start : start + size] for start in range(0, len(images) - size + 1, size)]
    predict(batches[0])
    calls = 0
    began = clock()
    while calls == 0 or clock() - began < THROUGHPUT_S:
        predict(batches[calls % len(batches)])
        calls += 1
    return calls * size / (clock() - began)

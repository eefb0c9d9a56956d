"""Handcrafted features of MNIST's 60,000 training images against other libraries, on one core and on all.

Every library of `libraries.py` is first timed on a few images; the one that is fastest on a core, and the one that is
fastest on all cores, by threads or by processes, then meet ours in pairs: in turn (A B A B), in this process, on the
same images, by wall time. The pairs together take all 60,000 images in turn, as many at a time as make a pair last long
enough; ratios have a bootstrap interval over the pairs. Beside them stands what an ideally parallel load (SHA-256
of a buffer a core) gains at the same time by all cores: on a machine that others use, that is less than their number.

Wants `HARNESS_DATA_HOME`. With `HARNESS_BENCH_OUT=DIR` the figures are kept there as `features.csv`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from scipy import stats
from threadpoolctl import threadpool_limits

from harness import registry
from harness.data.mnist import Mnist
from harness.measure.environment import usable_cores
from tests.benchmarks.libraries import LIBRARIES, NOTES

PAIRS = 20
PAIR_S = 0.05
FEW = 1000
WAYS = ("threading", "loky")
# Of what an ideally parallel load gains; not asked of those that take about a microsecond an image, of which handing a
# batch to a thread is a large part.
CHEAP = ("zoning", "projection")
LEAST_SHARE = 0.7

Work = Callable[[NDArray[np.uint8]], Any]


class Ratio(NamedTuple):
    """The geometric mean over the pairs, with its 95% interval."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} (95% {self.low:.2f} to {self.high:.2f})"


def ratio(longer: list[float], shorter: list[float]) -> Ratio:
    logs = np.log(longer) - np.log(shorter)
    interval = stats.bootstrap((logs,), np.mean, method="BCa", rng=0).confidence_interval
    return Ratio(*(float(np.exp(value)) for value in (logs.mean(), interval.low, interval.high)))


def seconds(work: Work, images: NDArray[np.uint8]) -> float:
    begin = time.perf_counter()
    work(images)
    return time.perf_counter() - begin


def spread(work: Work, cores: int, way: str) -> Work:
    """The work on all cores, each of which takes every `cores`-th part of the images."""

    def everywhere(images: NDArray[np.uint8]) -> None:
        with parallel_config(backend=way, n_jobs=cores):
            Parallel()(delayed(work)(part) for part in np.array_split(images, 4 * cores))

    return everywhere


def hashes(cores: int, jobs: int) -> float:
    """Seconds for a buffer a core."""
    buffer = bytes(2**24)
    begin = time.perf_counter()
    with parallel_config(backend="threading", n_jobs=jobs):
        Parallel()(delayed(hashlib.sha256)(buffer) for _ in range(cores))
    return time.perf_counter() - begin


def shortlist(works: dict[str, Work], images: NDArray[np.uint8]) -> dict[str, Work]:
    """Those that take at most three times as long as the fastest, so that the others do not hold it up."""
    times = {name: min(seconds(work, images) for _ in range(2)) for name, work in works.items()}
    return {name: works[name] for name in works if times[name] <= 3 * min(times.values())}


def fastest(works: dict[str, Work], images: NDArray[np.uint8]) -> str:
    """Of several, in turn, the one with the least time of three; the first time warms up."""
    times = {name: [seconds(work, images) for _ in range(4)][1:] for name, work in works.items()}
    return min(times, key=lambda name: min(times[name]))


@pytest.mark.parametrize("name", LIBRARIES)
def test_no_library_is_faster_and_cores_help(benchmark: Any, mnist_home: Path, name: str) -> None:
    images = Mnist().load(mnist_home).x_train
    cores = usable_cores()
    feature = registry.build("features", name, {}).fit(images)

    def ours(jobs: int) -> Work:
        def work(part: NDArray[np.uint8]) -> None:
            with parallel_config(backend="threading", n_jobs=jobs):
                feature.transform(part)

        return work

    with threadpool_limits(1):
        few = images[:FEW]
        libraries = shortlist(dict(LIBRARIES[name]), images[: FEW // 50])
        alone = fastest(libraries, few)
        ways = {f"{library}, {way}": spread(work, cores, way) for library, work in libraries.items() for way in WAYS}
        together = fastest(ways, few)
        contestants = {
            "ours": ours(1),
            "library": libraries[alone],
            "ours, all": ours(cores),
            "library, all": ways[together],
        }
        least = min(seconds(contestants[who], few) for who in ("ours", "library")) / FEW
        size = int(np.clip(PAIR_S / least, len(images) // PAIRS, len(images)))
        times = benchmark.pedantic(pairs, (contestants, images, size, cores), rounds=1)

    found = {
        "library / ours, one core": ratio(times["library"], times["ours"]),
        "library / ours, all cores": ratio(times["library, all"], times["ours, all"]),
        "one core / all cores": ratio(times["ours"], times["ours, all"]),
        "one core / all cores, ideal": ratio(times["hash"], times["hash, all"]),
    }
    # Of what the machine had to give just then.
    found["share of the ideal"] = ratio(
        [one * ideal for one, ideal in zip(times["ours"], times["hash, all"], strict=True)],
        [all_ * ideal for all_, ideal in zip(times["ours, all"], times["hash"], strict=True)],
    )
    benchmark.extra_info |= {"library": alone, "library, all cores": together, "cores": cores, **found}
    print(f"\n{name}, {size} images a pair, {cores} cores; libraries: {alone}; {together}")
    for what, value in found.items():
        print(f"  {what}: {value}")
    if out := os.environ.get("HARNESS_BENCH_OUT"):
        keep(Path(out), name, cores, size, (alone, together), found)
    # It fails only where others are certainly faster.
    assert found["library / ours, one core"].high > 1
    assert found["library / ours, all cores"].high > 1
    if name not in CHEAP:
        assert found["share of the ideal"].high > LEAST_SHARE


def pairs(contestants: dict[str, Work], images: NDArray[np.uint8], size: int, cores: int) -> dict[str, list[float]]:
    """Seconds of each, in turn, PAIRS times."""
    times: dict[str, list[float]] = {who: [] for who in (*contestants, "hash", "hash, all")}
    for index in range(PAIRS):
        part = images.take(np.arange(size) + index * (len(images) // PAIRS), axis=0, mode="wrap")
        for who, work in contestants.items():
            times[who].append(seconds(work, part))
        times["hash"].append(hashes(cores, 1))
        times["hash, all"].append(hashes(cores, cores))
    return times


def keep(folder: Path, name: str, cores: int, size: int, libraries: tuple[str, str], found: dict[str, Ratio]) -> None:
    """One row for each ratio of a feature."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "features.csv"
    rows = [
        {
            "feature": name,
            "what": what,
            "library": library,
            "note": NOTES.get((name, library.split(",")[0]), ""),
            "cores": cores,
            "pairs": PAIRS,
            "images_a_pair": size,
            **value._asdict(),
        }
        for (what, value), library in zip(found.items(), (*libraries, "", "", ""), strict=True)
    ]
    pd.DataFrame(rows).round(3).to_csv(kept, mode="a", header=not kept.exists(), index=False)

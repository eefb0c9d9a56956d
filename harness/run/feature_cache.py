"""Features that need no training images are computed once per run, and charged to every trial that uses them.

What a feature without `learned` gives of an image depends on that image alone (`harness.features.base`), so the trials
of a run that have the same images and the same settings share it: other estimators, accelerators and seeds at a full
size, and all of them the test images. The trial that computes them first keeps them in the run's folder with what they
cost it; the others read them before their clocks start, and are charged that cost, to the last digit. A repeat
computes its own, since it is there to be timed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness import __version__, registry
from harness.features.build import build_features
from harness.files import write_atomic, write_text
from harness.measure import memory
from harness.run.phases import FEATURES_VARIABLE, Charge, Cost, cpu_seconds

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from harness.suite.model import Part

# What takes less is computed again: reading and checking it would not be faster.
LEAST_S = 0.05


class Found(NamedTuple):
    """What the cache has of some images: where it belongs, the features, and what they cost when they were computed."""

    path: Path | None = None
    matrix: NDArray[Any] | None = None
    cost: Cost | None = None

    @property
    def held(self) -> int:
        """Bytes of the features that are in memory already."""
        return 0 if self.matrix is None else self.matrix.nbytes


NOT_FOUND = Found()


class Extractor:
    """A pipeline's features, as one thing that is fitted on training images and describes any.

    Parameters
    ----------
    specs
        The chain of features, as the suite has it.
    seed
        The trial's.
    distinct
        What else tells computations apart, such as the number of threads.

    Attributes
    ----------
    cached : bool
        Whether anything was taken from the cache.
    """

    def __init__(self, specs: Sequence[Part], seed: int, distinct: Sequence[object] = ()) -> None:
        self.chain: Pipeline = build_features(specs, seed)
        self.free = 0
        for spec in specs:
            if spec.name.startswith("sklearn.") or getattr(registry.load_part("features", spec.name), "learned", False):
                break
            self.free += 1
        plain = [(spec.name, sorted(spec.params.items())) for spec in specs[: self.free]]
        versions = (__version__, np.__version__)
        self.recipe = json.dumps([plain, versions, list(distinct)], default=str).encode()
        self.cached = False
        self.waiting: list[tuple[Path, NDArray[Any], Cost]] = []

    def find(self, images: NDArray[np.uint8]) -> Found:
        """What the run's cache has of these images.

        Called before a phase begins: looking and reading are no part of its time.
        """
        folder = os.environ.get(FEATURES_VARIABLE)
        if not folder or not self.free:
            return NOT_FOUND
        content = hashlib.blake2b(self.recipe, digest_size=16)
        content.update(str((images.shape, images.dtype)).encode())
        content.update(np.ascontiguousarray(images).data)
        path = Path(folder) / f"{content.hexdigest()}.npy"
        # What is cut short or altered is computed again.
        with suppress(OSError, ValueError, EOFError, TypeError):
            cost = Cost(**json.loads(path.with_suffix(".json").read_text()))
            matrix = np.load(path, allow_pickle=False)
            if len(matrix) == len(images):
                self.cached = True
                return Found(path, matrix, cost)
        return Found(path)

    def fit_transform(
        self, images: NDArray[np.uint8], y: NDArray[np.int64], found: Found, charge: Charge
    ) -> NDArray[Any]:
        """Fit the chain and describe the training images.

        Parameters
        ----------
        images, y
            Training images and labels.
        found
            What `find` gave of them.
        charge
            Of the phase: takes the cost of what was not computed now.

        Returns
        -------
        float32 of (n, d), or uint8 images where the last feature gives images.
        """
        if self.free:
            # Nothing but the shape is learned.
            self.chain[: self.free].fit(images[:1], y[:1])
            images = self._free(images, found, charge)
        return images if self.free == len(self.chain) else self.chain[self.free :].fit_transform(images, y)

    def transform(
        self,
        images: NDArray[np.uint8],
        found: Found = NOT_FOUND,
        charge: Charge | None = None,
    ) -> NDArray[Any]:
        """Describe images, once fitted; parameters as of `fit_transform`."""
        if self.free:
            images = self._free(images, found, charge)
        return images if self.free == len(self.chain) else self.chain[self.free :].transform(images)

    def keep(self) -> None:
        """Put what was computed into the cache; called after the phase. A full disk is done without."""
        for path, matrix, cost in self.waiting:
            with suppress(OSError):
                path.parent.mkdir(exist_ok=True)
                if shutil.disk_usage(path.parent).free > 4 * matrix.nbytes:
                    write_atomic(path, partial(_save, matrix))
                    write_text(path.with_suffix(".json"), json.dumps(cost._asdict()))
        self.waiting.clear()

    def _free(self, images: NDArray[np.uint8], found: Found, charge: Charge | None) -> NDArray[Any]:
        free = self.chain[: self.free]
        if charge is None or found.path is None:
            return np.asarray(free.transform(images))
        if found.matrix is not None and found.cost is not None:
            charge.add(found.cost)
            return found.matrix
        before, joules, cpu, wall = memory.read().rss, charge.joules(), cpu_seconds(), time.perf_counter()
        matrix = np.asarray(free.transform(images))
        cost = Cost(
            wall=time.perf_counter() - wall,
            cpu=cpu_seconds() - cpu,
            added=max(0, memory.read().peak - before),
            joules=charge.joules() - joules,
        )
        if cost.wall > LEAST_S:
            self.waiting.append((found.path, matrix, cost))
        return matrix


def _save(matrix: NDArray[Any], path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, matrix, allow_pickle=False)

"""A plug-in whose dataset kills the Dask worker that its trial runs on, as often as it is told."""

import time
from pathlib import Path

import numpy as np
import psutil

from harness.data.base import DatasetInfo, ImageData
from harness.registry import register


def worker() -> psutil.Process:
    """This process's forkserver was started by the Dask worker."""
    return psutil.Process().parents()[1]


class Fatal:
    """Forty random images, after killing the worker the first few times; the mark has a line with its pid for each."""

    def __init__(self, *, mark: str, kills: int = 0, seconds: float = 0.0) -> None:
        self.mark = Path(mark)
        self.kills = kills
        self.seconds = seconds

    def info(self, home: object) -> DatasetInfo:
        return DatasetInfo("fatal", 40, 20, 2, (8, 8))

    def load(self, home: object) -> ImageData:
        with self.mark.open("a") as file:
            file.write(f"{worker().pid}\n")
        number = len(self.mark.read_text().split())
        time.sleep(self.seconds)
        if number <= self.kills:
            worker().kill()
            time.sleep(60)
        x = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
        y = np.arange(60, dtype=np.int64) % 2
        return ImageData("fatal", x[:40], y[:40], x[40:], y[40:], ("even", "odd"))


register("datasets", "fatal", Fatal)

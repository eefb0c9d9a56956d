"""A plug-in: few digits, and no time spent on serving; what else a trial does stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.data.base import DatasetInfo, ImageData
from harness.data.digits import Digits
from harness.measure import serving
from harness.registry import register

N_TRAIN, N_TEST = 300, 60


class CutDigits(Digits):
    """The first of the digits, each pixel four times, so that the cells of HOG fit in."""

    def info(self, home: Path | None) -> DatasetInfo:
        return DatasetInfo("cut_digits", N_TRAIN, N_TEST, n_classes=10, image_shape=(16, 16))

    def load(self, home: Path | None) -> ImageData:
        whole = super().load(home)
        x, x_test = (
            images.repeat(2, axis=1).repeat(2, axis=2) for images in (whole.x_train[:N_TRAIN], whole.x_test[:N_TEST])
        )
        return ImageData("cut_digits", x, whole.y_train[:N_TRAIN], x_test, whole.y_test[:N_TEST], whole.class_names)


def latency(predict: Callable[[Any], Any], images: Any) -> serving.Latency:
    return serving.Latency(1.0, 1.0, 1.0, 1)


def throughput(predict: Callable[[Any], Any], images: Any, batch_size: int) -> float:
    return 1.0


register("datasets", "cut_digits", CutDigits)
serving.latency, serving.throughput = latency, throughput  # type: ignore[assignment]

from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis.frames import complete, complete_epochs, lines_of, ok
from harness.errors import MisuseError
from tests import synthetic


def test_columns_that_were_not_measured_are_added_empty() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=1)
    frame = complete(trials.drop(columns=["accuracy", "optimizer", "peak_bytes"]))
    assert frame["accuracy"].isna().all()
    assert set(frame["optimizer"]) == {""}
    assert math.isnan(frame["peak_bytes"].iloc[0])


def test_pandas_own_types_are_read() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=2)
    trials = synthetic.fail(trials, trials["seed"] == 1, "oom", "over 1 GiB")
    frame = complete(trials.convert_dtypes())
    pd.testing.assert_frame_equal(frame, complete(trials))


def test_a_frame_without_rows_has_every_column() -> None:
    assert {"trial_id", "n_train", "label", "train_s"} <= set(complete(pd.DataFrame()).columns)
    assert {"trial_id", "epoch", "val_accuracy"} <= set(complete_epochs(pd.DataFrame()).columns)


def test_rows_that_do_not_say_what_they_are_are_refused() -> None:
    with pytest.raises(MisuseError, match=r"lacks .*seed.*it has dataset, pipeline"):
        complete(pd.DataFrame({"dataset": ["mnist"], "pipeline": ["cnn"]}))


def test_label_names_the_device_only_where_a_pipeline_ran_on_several() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=1, devices=("cpu", "gpu"))
    lost = (trials["family"] == "traditional") & (trials["device"] == "gpu")
    frame = complete(synthetic.fail(trials, lost, "skipped", "runs on the CPU only"))
    assert {"cnn (cpu)", "cnn (gpu)", "hog-svm"} <= set(ok(frame)["label"])


def test_lines_are_ordered_by_family() -> None:
    frame = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=1))
    expected = [("hog-svm", "traditional"), ("pixels-rf", "traditional"), ("cnn", "deep"), ("mlp", "deep")]
    assert list(lines_of(frame)) == expected

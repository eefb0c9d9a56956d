"""Settings are chosen inside the training images, by the same budget for all, and the cost stands apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.digits import Digits
from harness.run import tune
from harness.run.executor import InProcessExecutor
from harness.run.record import Record
from harness.suite.model import Part, Pipeline, Suite, Tuning
from harness.suite.plan import Trial, expand

SVM = {"features": "pixels", "estimator": "sklearn.svm.SVC", "search": {"estimator": {"gamma": [100.0, 0.001]}}}


def trial(tuning: dict[str, Any] | None, n_train: int = 100, **spec: Any) -> Trial:
    return Trial(
        dataset=Part(name="digits"), pipeline="p", spec=Pipeline.model_validate(spec), n_train=n_train, seed=0,
        tuning=Tuning.model_validate(tuning) if tuning else None,
        backend="tensorflow" if "network" in spec else None,
    )  # fmt: skip


def run(one: Trial) -> Record:
    record = InProcessExecutor(None).run_one(one, Path("unused"), lambda event: None)
    assert record.row["status"] == "ok", record.row["message"]
    return record


@pytest.mark.parametrize("scoring", [{}, {"holdout": 0.3}, {"folds": 3}])
def test_a_bad_default_is_left_for_something_better(scoring: dict[str, Any]) -> None:
    bad = {**SVM, "estimator": {"sklearn.svm.SVC": {"gamma": 100.0}}}
    default, tuned = run(trial(None, **bad)), run(trial({"trials": 3, **scoring}, **bad))
    assert tuned.row["accuracy"] > default.row["accuracy"] + 0.15
    assert json.loads(tuned.row["tuned_params"])["estimator.gamma"] == 0.001
    assert tuned.row["tune_s"] > 0
    assert "tune_s" not in default.row
    assert default.tuning == []


def test_each_tried_setting_is_a_line_and_the_best_is_chosen() -> None:
    record = run(trial({"trials": 6}, features="pixels", estimator="sklearn.svm.SVC"))
    scores = [line["score"] for line in record.tuning]
    assert [line["candidate"] for line in record.tuning] == list(range(6))
    assert [line["best"] for line in record.tuning] == list(np.maximum.accumulate(scores))
    assert json.loads(record.tuning[0]["params"]) == {}
    assert record.row["tuning_score"] == max(scores) >= scores[0]
    assert record.row["tuned_params"] == record.tuning[int(np.argmax(scores))]["params"]
    assert (record.row["tuning_candidates"], record.row["tuning"]) == (6, "trials=6, holdout=0.2")


def test_the_test_set_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = tune.accuracy

    def spy(one: Trial, part: tune.Split, n_classes: int) -> float:
        seen.append(len(part.y) + len(part.y_held))
        return original(one, part, n_classes)

    monkeypatch.setattr(tune, "accuracy", spy)
    run(trial({"trials": 2}, **SVM))
    run(trial({"trials": 2, "folds": 2}, **SVM))
    assert set(seen) == {100}
    data = Digits().load(None)
    parts = list(
        tune.described(
            Pipeline.model_validate(SVM),
            0,
            [(np.arange(80), np.arange(80, 100))],
            data.x_train[:100],
            data.y_train[:100],
        )
    )
    np.testing.assert_array_equal(parts[0].x_held, data.x_train[80:100].reshape(20, -1) / np.float32(255))


def test_features_that_learn_are_fitted_on_the_part_that_is_trained_on() -> None:
    spec = {"features": ["pixels", {"pca": {"n_components": 5}}], "estimator": "sklearn.svm.SVC"}
    images, y = Digits().load(None).x_train[:100], np.arange(100) % 10
    pairs = [(np.arange(40), np.arange(40, 100)), (np.arange(40), np.arange(40, 50))]
    first, second = tune.described(Pipeline.model_validate(spec), 0, pairs, images, y)
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_allclose(first.x.mean(axis=0), 0, atol=1e-5)
    assert abs(first.x_held.mean(axis=0)).max() > 0.1


def test_networks_are_tuned_with_their_optimizers() -> None:
    spec = {"network": {"mlp": {"width": 8}}, "optimizer": {"sgd": {"learning_rate": 1e-5}}, "train": {"epochs": 2},
            "search": {"optimizer": {"learning_rate": [0.5]}, "network": {"width": [64]}}}  # fmt: skip
    record = run(trial({"trials": 2}, n_train=200, **spec))
    chosen = json.loads(record.row["tuned_params"])
    assert chosen["optimizer.learning_rate"] == 0.5
    assert record.row["learning_rate"] == 0.5
    assert record.row["tuning_candidates"] == 2


def test_where_nothing_can_be_held_out_the_settings_stay() -> None:
    record = run(trial({"trials": 5}, n_train=10, **SVM))
    assert record.row["tuning_candidates"] == 0
    assert record.tuning == []


def test_a_suite_with_tuning_has_every_pipeline_twice() -> None:
    suite = Suite.model_validate(
        {"suite": "s", "datasets": ["digits"], "sizes": [100], "tuning": {"trials": 4}, "pipelines": {"svm": SVM}}
    )
    plain, tuned = expand(suite, lambda part: 1200)
    assert [trial.id for trial in expand(suite, lambda part: 1200)] == [plain.id, tuned.id]
    assert (plain.pipeline, tuned.pipeline) == ("svm", "svm/tuned")
    assert plain.spec.search is None
    assert plain.tuning is None
    without = Suite.model_validate(suite.model_dump(exclude_unset=True) | {"tuning": None})
    assert expand(without, lambda part: 1200)[0].id == plain.id
    assert len({plain.id, tuned.id}) == 2

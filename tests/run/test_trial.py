from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from harness.run.columns import PHASES
from harness.run.executor import InProcessExecutor
from harness.run.trial import evaluate, failure_status, measured, run_trial
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial


def trial(dataset: str, n_train: int, **spec: Any) -> Trial:
    return Trial(
        dataset=Part(name=dataset), pipeline="p", spec=Pipeline.model_validate(spec), n_train=n_train, seed=0,
        backend="tensorflow" if "network" in spec else None,
    )  # fmt: skip


def run(one: Trial, home: Path | None = None) -> dict[str, Any]:
    record = InProcessExecutor(home).run_one(one, Path("unused"), lambda event: None)
    assert record.row["status"] == "ok", record.row["message"]
    return record.row | {"history": record.epochs}


def test_scores_agree_with_their_definitions() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    probabilities = rng.dirichlet(np.ones(4), 200)
    predicted = probabilities.argmax(axis=1)
    scores = evaluate(y, predicted, probabilities, 4)
    assert scores["accuracy"] == pytest.approx(accuracy_score(y, predicted))
    assert scores["balanced_accuracy"] == pytest.approx(recall_score(y, predicted, average="macro"))
    assert scores["f1_macro"] == pytest.approx(f1_score(y, predicted, average="macro"))
    assert scores["log_loss"] == pytest.approx(-np.mean(np.log(probabilities[np.arange(200), y])))
    assert scores["log_loss"] == pytest.approx(log_loss(y, probabilities))
    assert (scores["accuracy_half_a"] + scores["accuracy_half_b"]) / 2 == pytest.approx(scores["accuracy"])
    assert scores["accuracy_half_a"] == pytest.approx(np.mean((predicted == y)[::2]))


def test_without_probabilities_there_is_no_log_loss() -> None:
    assert math.isnan(evaluate(np.array([0, 1]), np.array([0, 1]), None, 2)["log_loss"])
    assert measured(log_loss=float("nan"), fit_s=1.5)["values"] == {"log_loss": None, "fit_s": 1.5}


def test_a_class_the_subset_lacks_has_probability_zero() -> None:
    row = run(trial("digits", 9, features="pixels", estimator="sklearn.naive_bayes.GaussianNB"))
    assert 0 < row["accuracy"] < 0.9
    assert row["log_loss"] > 0


@pytest.mark.parametrize(
    ("name", "device", "status"),
    [
        ("ResourceExhaustedError", "cpu", "oom"),
        ("ResourceExhaustedError", "gpu", "oom_gpu"),
        ("OutOfMemoryError", "gpu", "oom_gpu"),
        ("ValueError", "gpu", "failed"),
    ],
)
def test_allocation_failures_of_any_backend(name: str, device: str, status: str) -> None:
    assert failure_status(type(name, (Exception,), {})("..."), device) == status


def test_a_traditional_trial_measures_every_phase() -> None:
    row = run(
        trial(
            "digits", 300, features=["pixels", {"pca": {"n_components": 20}}], estimator={"sklearn.svm.SVC": {"C": 10}}
        )
    )
    assert row["accuracy"] > 0.9
    assert row["n_features"] == 20
    for phase in PHASES:
        assert row[f"{phase}_s"] > 0
        assert row[f"{phase}_peak_bytes"] >= row[f"{phase}_added_bytes"] >= 0


def test_a_deep_trial_tells_its_first_step_apart_and_keeps_its_epochs() -> None:
    row = run(trial("digits", 300, network="mlp", train={"epochs": 5, "batch_size": 32, "validation_fraction": 0.2}))
    assert row["accuracy"] > 0.8
    assert row["epochs"] == 5
    assert [line["epoch"] for line in row["history"]] == [1, 2, 3, 4, 5]
    assert row["history"][-1]["val_accuracy"] > 0.7
    assert 0 < row["build_s"] + row["first_step_s"] < row["fit_s"]
    assert row["learning_rate"] == pytest.approx(0.001)
    assert row["device_used"] == "cpu"


@pytest.mark.parametrize("hint", [{}, {"prefer": "threads"}, {"require": "sharedmem"}])
def test_estimators_use_the_trials_threads(monkeypatch: pytest.MonkeyPatch, hint: dict[str, str]) -> None:
    seen = []
    monkeypatch.setattr(
        "harness.run.trial._phases", lambda *_: seen.append(joblib.Parallel(n_jobs=None, **hint)._effective_n_jobs())
    )
    one = trial("digits", 100, features="pixels", estimator="sklearn.ensemble.RandomForestClassifier")
    run_trial(one.model_copy(update={"threads": 3}), None, lambda event: None)
    assert seen == [3]


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    spec = {"features": "pixels", "estimator": {"sklearn.ensemble.RandomForestClassifier": {"n_estimators": 20}}}
    one = trial("digits", 200, **spec)
    assert run(one)["accuracy"] == run(one)["accuracy"]
    assert run(one)["log_loss"] != run(one.model_copy(update={"seed": 1}))["log_loss"]


def test_published_figures_on_a_slice_of_real_mnist(mnist_home: Path) -> None:
    # Far below what full MNIST gives (0.986 for this SVM), and far above chance: a slice that a test can afford.
    row = run(trial("mnist", 2000, features="pixels", estimator={"sklearn.svm.SVC": {"C": 10}}), mnist_home)
    assert 0.94 < row["accuracy"] < 0.97
    assert row["n_test"] == 10_000

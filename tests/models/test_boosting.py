"""XGBoost, LightGBM and explainable boosting: defaults, seeds, threads, numbers of parameters, and what is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness import registry
from harness.conformance import check
from harness.errors import MisuseError, SuiteError, TrialError
from harness.models import accelerators
from harness.models.accelerators import build, unavailable
from harness.models.boosting import LIBRARIES
from harness.models.estimators import n_parameters
from harness.run.executor import InProcessExecutor
from harness.run.runner import make_plan
from harness.suite.load import parse_suite
from harness.suite.model import Part, Pipeline
from harness.suite.plan import expand

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32)
N = 400
# For a moment's work; what makes each draw at random is on.
SMALL: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 4, "subsample": 0.5},
    "lightgbm": {"n_estimators": 4, "subsample": 0.5},
    "ebm": {"max_rounds": 20, "outer_bags": 2, "interactions": 0},
}
LEAST = {"xgboost": 0.6, "lightgbm": 0.6, "ebm": 0.75}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    accelerators.installed.cache_clear()


def made(name: str, seed: int = 0, threads: int = 1, **params: Any) -> Any:
    for_now = {**SMALL[name], **params}
    with joblib.parallel_config(backend="threading", n_jobs=threads):
        return build(Part(name=name, params=for_now), seed, "classifier", "none")


def pipeline(name: str, accelerator: str | None = None) -> Pipeline:
    named = {"accelerator": accelerator} if accelerator else {}
    return Pipeline.model_validate({"features": "pixels", "estimator": name, **named})


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_same_seed_gives_the_same_and_another_does_not(name: str) -> None:
    first, again, other = (made(name, seed).fit(X[:N], Y[:N]).predict_proba(X[N:]) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.mean(first.argmax(axis=1) == Y[N:]) > LEAST[name]


@pytest.mark.parametrize("name", LIBRARIES)
def test_seed_and_threads_are_the_trials_unless_set(name: str) -> None:
    params = made(name, seed=5, threads=3).get_params()
    assert (params["random_state"], params["n_jobs"]) == (5, 3)
    params = made(name, seed=5, threads=3, random_state=7, n_jobs=2).get_params()
    assert (params["random_state"], params["n_jobs"]) == (7, 2)


@pytest.mark.parametrize("name", LIBRARIES)
def test_it_conforms(name: str) -> None:
    few = {"lightgbm": {"min_child_samples": 5}}.get(name, {})
    check("estimators", name, {**SMALL[name], **few})


def test_defaults_are_the_libraries() -> None:
    import lightgbm
    import xgboost
    from interpret.glassbox import ExplainableBoostingClassifier

    for name, theirs in (("lightgbm", lightgbm.LGBMClassifier), ("ebm", ExplainableBoostingClassifier)):
        default = theirs().get_params()
        # Not among LightGBM's own arguments; the default is its documentation's.
        default.setdefault("max_bin", 255)
        ours = registry.build("estimators", name, {}).get_params()
        options = set(registry.parameters("estimators", name).model_fields) - {"random_state", "n_jobs"}
        assert {key: ours[key] for key in options} == {key: default[key] for key in options}

    # XGBoost's classes leave their defaults to the library, which tells them once it has fitted.
    def settled(classifier: Any) -> Any:
        config = json.loads(classifier.fit(X[:50], Y[:50]).get_booster().save_config())
        return config["learner"]["gradient_booster"]["tree_train_param"]

    bare = xgboost.XGBClassifier(n_estimators=1, n_jobs=1)
    assert settled(registry.build("estimators", "xgboost", {"n_estimators": 1})) == settled(bare)
    assert registry.parameters("estimators", "xgboost").model_fields["n_estimators"].default == 100


def count_json(node: dict[str, Any]) -> int:
    """Numbers of a tree of LightGBM's dump."""
    return 1 if "leaf_value" in node else 2 + count_json(node["left_child"]) + count_json(node["right_child"])


def test_parameters_counted_by_hand() -> None:
    fitted = made("xgboost").fit(X[:N], Y[:N])
    frame = fitted.get_booster().trees_to_dataframe()
    leaves = int((frame["Feature"] == "Leaf").sum())
    assert n_parameters(fitted) == leaves + 2 * (len(frame) - leaves) > 4 * 10

    fitted = made("lightgbm").fit(X[:N], Y[:N])
    trees = fitted.booster_.dump_model()["tree_info"]
    assert n_parameters(fitted) == sum(count_json(tree["tree_structure"]) for tree in trees) > 4 * 10

    # A feature of two values has one cut; each class has scores of missing, low, high and unseen, and an intercept.
    fitted = made("ebm").fit((X[:N, 20:23] > 8).astype(np.float32), Y[:N])
    assert n_parameters(fitted) == 3 * (1 + 4 * 10) + 10


@pytest.mark.parametrize("name", LIBRARIES)
def test_without_its_library_it_is_skipped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unavailable(pipeline(name), "cpu") is None
    accelerators.installed.cache_clear()
    monkeypatch.setattr(accelerators, "find_spec", lambda package: None)
    told = f"{name} needs {LIBRARIES[name]}, which is not installed; pip install 'harness[{name}]'"
    suite = parse_suite(SUITE.replace("{xgboost: {n_estimators: 3}}", name), "x.yaml")
    assert list(make_plan(suite, None).skipped.values()) == [told]
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)
    monkeypatch.setitem(sys.modules, f"{LIBRARIES[name]}.glassbox", None)
    with pytest.raises(TrialError) as error:
        made(name)
    assert str(error.value) == told


def test_what_cannot_be_computed_is_told() -> None:
    assert unavailable(pipeline("xgboost"), "gpu") == "xgboost is computed on the CPU here; take devices: [cpu]"
    told = "sklearnex computes classifiers of scikit-learn; ebm takes accelerator: none"
    assert unavailable(pipeline("ebm", "sklearnex"), "cpu") == told
    with pytest.raises(TrialError, match="array_api computes classifiers of scikit-learn; ebm takes"):
        build(Part(name="ebm"), 0, "classifier", "array_api")
    with pytest.raises(
        MisuseError, match=r"xgboost\.max_depth: Input should be greater than or equal to 1, received 0"
    ):
        build(Part(name="xgboost", params={"max_depth": 0}), 0, "classifier", "none")


SUITE = """
suite: boosted
datasets: digits
sizes: 100
threads: 1
pipelines:
  boosted:
    features: pixels
    estimator: {xgboost: {n_estimators: 3}}
"""


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{xgbost: {n_estimators: 3}}", "unknown classifier 'xgbost'; did you mean 'xgboost'?"),
        ("LightGBM", "unknown classifier 'LightGBM'; did you mean 'lightgbm'?"),
        ("SVC", "unknown classifier 'SVC'; did you mean 'sklearn.svm.SVC'?"),
        ("{xgboost: {n_estimator: 3}}", "unknown key 'n_estimator'; did you mean 'n_estimators'?"),
        ("{ebm: {interactions: many}}", "string should match pattern"),
        ("zzz", "expected xgboost, lightgbm, ebm, or a dotted name such as 'sklearn.svm.SVC'"),
    ],
)
def test_mistakes_in_a_suite(written: str, told: str) -> None:
    with pytest.raises(SuiteError) as error:
        parse_suite(SUITE.replace("{xgboost: {n_estimators: 3}}", written), "x.yaml")
    assert told in str(error.value)


def test_an_accelerator_of_scikit_learn_is_a_mistake() -> None:
    with pytest.raises(SuiteError, match="cuml computes classifiers of scikit-learn; xgboost takes accelerator: none"):
        parse_suite(SUITE + "    accelerator: cuml\n", "x.yaml")


def test_a_trial_runs(tmp_path: Path) -> None:
    (trial,) = expand(parse_suite(SUITE, "x.yaml"), lambda part: 1000)
    row = InProcessExecutor(None).run_one(trial, tmp_path / "log", lambda event: None).row
    assert (row["status"], row["model"], row["family"]) == ("ok", "xgboost", "traditional"), row["message"]
    assert row["accuracy"] > 0.4
    assert row["n_parameters"] > 30
    assert row["model_bytes"] > 1000

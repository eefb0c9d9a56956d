from __future__ import annotations

from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.suite.compared import compared
from harness.suite.load import parse_suite
from harness.suite.model import Match, Part, Pipeline, Suite
from harness.suite.parts import chain_problems
from harness.suite.plan import Trial, expand, matches, parse_only

RF = {"features": ["pixels"], "estimator": "sklearn.ensemble.RandomForestClassifier"}
CNN = {"network": "cnn", "optimizer": ["adam", {"sgd": {"learning_rate": 0.1}}]}


def suite(**changes: Any) -> Suite:
    values: dict[str, Any] = {
        "suite": "s",
        "datasets": ["digits"],
        "sizes": [100, 300, "full"],
        "seeds": 2,
        "pipelines": {"rf": RF, "cnn": CNN},
    }
    return Suite.model_validate(values | changes)


def trials(**changes: Any) -> list[Trial]:
    return expand(suite(**changes), lambda part: 1200)


def test_the_grid_is_complete_and_seeds_come_outermost() -> None:
    plan = trials()
    assert [(t.seed, t.n_train, t.pipeline) for t in plan] == [
        (seed, n, name) for seed in (0, 1) for n in (100, 300, 1200) for name in ("rf", "cnn/adam", "cnn/sgd")
    ]


@given(
    sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=4, unique=True),
    seeds=st.integers(1, 3),
    devices=st.lists(st.sampled_from(["cpu", "gpu"]), min_size=1, unique=True),
    backends=st.lists(st.sampled_from(["tensorflow", "jax", "torch"]), min_size=1, unique=True),
)
def test_every_combination_once(sizes: list[int], seeds: int, devices: list[str], backends: list[str]) -> None:
    plan = trials(sizes=sizes, seeds=seeds, devices=devices, backends=backends)
    # An estimator has no backend, so it runs once however many there are.
    assert len(plan) == len(sizes) * seeds * len(devices) * (1 + 2 * len(backends))
    assert len({t.id for t in plan}) == len(plan)


def test_full_is_the_datasets_size_and_comes_once() -> None:
    plan = trials(sizes=[1200, "full"], seeds=1)
    assert [(t.n_train, t.full) for t in plan] == [(1200, True)] * 3


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ({"pipeline": "cnn*"}, 6),
        ({"pipeline": "cnn/sgd", "size": ">100"}, 14),
        ({"size": "full"}, 12),
        ({"size": [100, "<=300"], "seed": 1}, 12),
        ([{"seed": 0}, {"seed": 1}], 0),
    ],
)
def test_exclude(exclude: Any, left: int) -> None:
    assert len(trials(exclude=exclude)) == left


def test_include_adds_beyond_the_grid_after_exclude() -> None:
    plan = trials(exclude={"pipeline": "cnn*"}, include={"pipeline": "cnn/adam", "sizes": 500, "seeds": [7]})
    assert [(t.pipeline, t.n_train, t.seed) for t in plan if t.pipeline != "rf"] == [("cnn/adam", 500, 7)]


def test_the_id_follows_what_decides_the_result_and_nothing_else() -> None:
    (base,) = trials(sizes=[100], seeds=1, pipelines={"rf": RF})
    (renamed,) = trials(sizes=[100], seeds=1, pipelines={"forest": RF}, limits={"time": 5}, suite="other")
    assert renamed.id == base.id
    for changed in (
        {"sizes": [101]},
        {"seeds": [1]},
        {"devices": ["gpu"]},
        {"threads": 1},
        {"datasets": ["mnist"]},
        {"pipelines": {"rf": RF | {"features": ["hog"]}}},
        {"pipelines": {"rf": RF | {"estimator": {"sklearn.ensemble.RandomForestClassifier": {"n_estimators": 5}}}}},
    ):
        (other,) = trials(**{"sizes": [100], "seeds": 1, "pipelines": {"rf": RF}, **changed})
        assert other.id != base.id, changed


def test_a_trial_survives_the_way_to_its_process() -> None:
    for trial in trials(limits={"time": "5min"}):
        again = Trial.model_validate_json(trial.model_dump_json())
        assert again == trial
        assert again.id == trial.id


def test_one_optimizer_more_than_once_is_told_apart_by_its_parameters() -> None:
    twice = CNN | {"optimizer": ["adam", {"sgd": {"learning_rate": 0.1}}, {"sgd": {"learning_rate": 1}}]}
    names = [t.pipeline for t in trials(sizes=[100], seeds=1, pipelines={"cnn": twice})]
    assert names == ["cnn/adam", "cnn/sgd(learning_rate=0.1)", "cnn/sgd(learning_rate=1)"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hog*", Match(pipeline=["hog*"])),
        ("size=100", Match(size=[100])),
        ("size>=100", Match(size=[">=100"])),
        ("pipeline=cnn,seed=0,seed=1", Match(pipeline=["cnn"], seed=[0, 1])),
    ],
)
def test_only(text: str, match: Match) -> None:
    assert parse_only(text) == match


def test_only_refuses_what_it_does_not_know() -> None:
    for text in ("sizze=3", "device=tpu", "size=big"):
        with pytest.raises(pydantic.ValidationError):
            parse_only(text)


def test_a_match_needs_every_key() -> None:
    trial = trials(sizes=[300], seeds=1)[0]
    assert matches(trial, Match(pipeline=["r?"], size=[300], seed=[0]))
    assert not matches(trial, Match(pipeline=["r?"], size=[300], seed=[1]))


def test_identity_names_features_model_and_optimizer() -> None:
    text = """
suite: s
datasets: digits
sizes: 100
pipelines:
  a: {features: [hog, {pca: {n_components: 5}}], estimator: sklearn.svm.SVC}
  b: {network: cnn}
"""
    a, b = (t.identity() for t in expand(parse_suite(text, "s"), lambda part: 1200))
    assert (a["family"], a["features"], a["model"], a["optimizer"], a["backend"]) == (
        "traditional", "hog > pca", "SVC", None, "sklearn",
    )  # fmt: skip
    assert (b["family"], b["features"], b["model"], b["optimizer"], b["backend"]) == (
        "deep", None, "cnn", "adam", "tensorflow",
    )  # fmt: skip
    assert str(Part(name="hog", params={"a": 1})) == "hog(a=1)"


def test_repeats_are_interleaved_and_each_has_an_id_of_its_own() -> None:
    twice = trials(sizes=[100, 300], seeds=2, repeats=2, pipelines={"a": RF, "b": {"network": "cnn"}})
    assert [(t.seed, t.n_train, t.repeat, t.pipeline) for t in twice[:8]] == [
        (0, 100, 0, "a"), (0, 100, 0, "b"), (0, 100, 1, "a"), (0, 100, 1, "b"),
        (0, 300, 0, "a"), (0, 300, 0, "b"), (0, 300, 1, "a"), (0, 300, 1, "b"),
    ]  # fmt: skip
    assert len({t.id for t in twice}) == len(twice) == 16
    once = trials(sizes=[100, 300], seeds=2, pipelines={"a": RF, "b": {"network": "cnn"}})
    assert {t.id for t in once} < {t.id for t in twice}, "asking for repeats later keeps what was measured"


def test_a_list_of_accelerators_expands_into_one_pipeline_each() -> None:
    both = trials(sizes=[100], seeds=1, pipelines={"rf": RF | {"accelerator": ["none", "sklearnex"]}})
    assert [(t.pipeline, t.spec.accelerator) for t in both] == [("rf/none", ["none"]), ("rf/sklearnex", ["sklearnex"])]
    assert len({t.id for t in both}) == 2
    with pytest.raises(pydantic.ValidationError, match="belongs to an estimator"):
        suite(pipelines={"cnn": CNN | {"accelerator": "cuml"}})


CHAIN = [
    "deskew",
    {"hog": {"pixels_per_cell": 7}},
    "sklearn.preprocessing.StandardScaler",
    {"pca": {"n_components": 20}},
]
SVM = {"sklearn.svm.SVC": {"C": 10}}


def test_an_ablation_is_what_would_be_written_by_hand() -> None:
    plan = trials(
        sizes=[100],
        seeds=1,
        pipelines={"hog-svm": {"features": CHAIN, "estimator": SVM, "ablate": True, "explain": True}},
    )
    assert [(t.identity()["ablation"], t.identity()["removed"]) for t in plan] == [
        ("hog-svm", stage) for stage in (None, "deskew", "hog", "StandardScaler", "pca")
    ]
    assert [t.pipeline for t in plan] == ["hog-svm", *(f"hog-svm/without-{t.identity()['removed']}" for t in plan[1:])]
    by_hand = [CHAIN, CHAIN[1:], ["deskew", "pixels", *CHAIN[2:]], [*CHAIN[:2], CHAIN[3]], CHAIN[:3]]
    for one, features in zip(plan, by_hand, strict=True):
        (hand,) = trials(
            sizes=[100], seeds=1, pipelines={"x": {"features": features, "estimator": SVM, "explain": {"images": 1000}}}
        )
        assert hand.id == one.id
        assert not chain_problems([part.name for part in one.spec.features or []])


def test_twins_and_pixels_are_removed_only_where_something_is_left_to_compare() -> None:
    scaler = "sklearn.preprocessing.StandardScaler"
    plan = trials(
        sizes=[100],
        seeds=1,
        pipelines={"p": {"features": ["pixels", scaler, "pca", scaler, scaler], "estimator": SVM, "ablate": True}},
    )
    assert [t.identity()["removed"] for t in plan] == [None, "StandardScaler", "pca", "StandardScaler-2"]


def test_a_series_is_what_would_be_written_by_hand() -> None:
    pipelines = {
        "cnn": {"network": {"cnn": {"depth": 2}}, "vary": {"network": {"width": [4, 8]}}},
        "svm": {"features": "pixels", "estimator": SVM, "vary": {"estimator": {"kernel": ["rbf", "linear"]}}},
    }
    plan = trials(sizes=[100], seeds=1, pipelines=pipelines)
    assert [(t.pipeline, t.identity()["series"], t.identity()["series_value"]) for t in plan] == [
        ("cnn/width=4", "cnn/width", 4.0),
        ("cnn/width=8", "cnn/width", 8.0),
        ("svm/kernel=rbf", "svm/kernel", None),
        ("svm/kernel=linear", "svm/kernel", None),
    ]
    (hand,) = trials(sizes=[100], seeds=1, pipelines={"x": {"network": {"cnn": {"depth": 2, "width": 8}}}})
    assert hand.id == plan[1].id
    assert plan[1].identity()["architecture"] == "cnn(depth=2, width=8)"
    assert Trial.model_validate_json(plan[1].model_dump_json()).identity() == plan[1].identity()


def test_tuned_ones_are_an_ablation_of_their_own_and_in_no_series() -> None:
    pipelines = {
        "a": {"features": ["hog"], "estimator": SVM, "ablate": True},
        "v": {"features": "pixels", "estimator": SVM, "vary": {"estimator": {"gamma": [0.1, 1]}}},
    }
    rows = {t.pipeline: t.identity() for t in trials(sizes=[100], seeds=1, pipelines=pipelines, tuning={"trials": 3})}
    assert rows["a/without-hog"]["ablation"] == "a"
    assert (rows["a/without-hog/tuned"]["ablation"], rows["a/without-hog/tuned"]["removed"]) == ("a/tuned", "hog")
    assert rows["v/gamma=0.1"]["series"] == "v/gamma"
    assert rows["v/gamma=0.1/tuned"]["series"] is None


NET = {"network": {"cnn": {"width": 4}}}
RANDOM = {"sklearn.random_projection.GaussianRandomProjection": {"n_components": 9}}


@pytest.mark.parametrize(
    ("features", "origin"),
    [
        (["deskew", "pixels", "sklearn.preprocessing.StandardScaler", "pca"], "pixels"),
        (["pixels", RANDOM], "random"),
        (["deskew", "hog", "pca"], "hand"),
        (["hog", RANDOM], "hand"),
        ([{"embedding": NET}], "learned"),
        ([{"embedding": {**NET, "trained": False}}, "pca"], "random"),
        ([{"embedding": {**NET, "labels": "shuffled"}}], "shuffled"),
        ([{"embedding": {**NET, "source": {"dataset": "mnist", "n_train": 100}}}], "transferred"),
        ([{"embedding": {**NET, "train": {"scheme": "frozen"}}}], "random"),
        ([{"embedding": {"network": {"vgg16": {"weights": "imagenet"}}, "trained": False}}], "transferred"),
        ([{"embedding": {"network": "autoencoder", "layer": "code", "trained": False}}], "learned"),
    ],
)
def test_where_features_come_from(features: Any, origin: str) -> None:
    assert compared(Pipeline.model_validate({"features": features, "estimator": SVM}))["feature_origin"] == origin


def test_schemes_and_what_a_person_chose() -> None:
    bare = compared(Pipeline.model_validate({"network": "cnn"}))
    assert bare == {
        "scheme": "joint",
        "architecture": "cnn",
        "classifier": None,
        "feature_origin": "end_to_end",
        "n_choices": 1,
    }
    train = {"epochs": 3, "scheme": {"transferred": {"dataset": "mnist", "n_train": 50}}}
    chosen = Pipeline.model_validate(
        {
            "features": "hog",
            "network": {"mlp": {"width": 4}},
            "optimizer": {"sgd": {"learning_rate": 0.1}},
            "train": train,
        }
    )
    # Three parts with a value each in two, and epochs, dataset and n_train.
    assert compared(chosen)["n_choices"] == 8
    assert (compared(chosen)["scheme"], compared(chosen)["feature_origin"]) == ("transferred", "network_on_features")
    svm = Pipeline.model_validate({"features": CHAIN, "estimator": {"sklearn.svm.SVC": {"gamma": 1, "C": 10}}})
    assert (compared(svm)["classifier"], compared(svm)["n_choices"]) == ("SVC(C=10, gamma=1)", 9)


def test_a_recipe_without_a_scheme_is_the_joint_one() -> None:
    plain, joint, frozen = (
        trials(sizes=[100], seeds=1, pipelines={"cnn": {"network": "cnn", "train": {"epochs": 2, **scheme}}})[0].id
        for scheme in ({}, {"scheme": "joint"}, {"scheme": "frozen"})
    )
    assert plain == joint != frozen

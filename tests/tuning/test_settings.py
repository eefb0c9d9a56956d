from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.suite.domains import Choice, Range, write_domain
from harness.suite.model import Part, Pipeline
from harness.tuning.settings import own_settings, parts_of, space_of_pipeline, with_params
from harness.tuning.spaces import space_of

SVC = "sklearn.svm.SVC"
WIDE = {"low": 0.5, "high": 2.0}


def svm(search=None, **params) -> Pipeline:
    return Pipeline.model_validate({"features": ["pixels"], "estimator": {SVC: params}, "search": search})


def mlp(search=None, optimizer=None) -> Pipeline:
    return Pipeline.model_validate({"network": {"mlp": {"depth": 3}}, "optimizer": optimizer, "search": search})


def test_a_pipeline_searches_what_its_parts_ship():
    assert set(space_of_pipeline(svm())) == {"estimator.C", "estimator.gamma"}
    assert set(space_of_pipeline(mlp())) == {
        "network.width",
        "network.dropout",
        "optimizer.learning_rate",
        "optimizer.beta_1",
    }
    assert parts_of(mlp())["optimizer"] == Part(name="adam")


def test_what_the_suite_sets_is_searched_only_where_search_names_it():
    assert set(space_of_pipeline(svm(C=10))) == {"estimator.gamma"}
    named = svm({"estimator": {"C": WIDE}}, C=10)
    assert space_of_pipeline(named)["estimator.C"] == Range(low=0.5, high=2.0)
    assert own_settings(named, space_of_pipeline(named)) == {"estimator.C": 10, "estimator.gamma": "scale"}


shipped = space_of(Part(name=SVC), "estimator")
overrides = st.dictionaries(
    st.sampled_from(["C", "gamma", "tol", "kernel"]),
    st.sampled_from([Range(low=0.5, high=2.0), Choice(values=(1, 2)), Range(low=1, high=9, log=True, integer=True)]),
)


@given(overrides)
def test_search_takes_the_place_of_what_is_shipped_and_adds_to_it(named):
    search = {"estimator": {key: write_domain(domain) for key, domain in named.items()}}

    expected = {f"estimator.{key}": domain for key, domain in (shipped | named).items()}
    assert space_of_pipeline(svm(search)) == expected


def test_what_this_optimizer_does_not_have_is_passed_over():
    search = {"optimizer": {"momentum": [0.5, 0.9], "learning_rate": WIDE}}

    assert "optimizer.momentum" not in space_of_pipeline(mlp(search, "adam"))
    both = space_of_pipeline(mlp(search, "momentum"))
    assert both["optimizer.momentum"] == Choice(values=(0.5, 0.9))
    assert both["optimizer.learning_rate"] == space_of_pipeline(mlp(search))["optimizer.learning_rate"]


def test_own_settings_are_those_that_yaml_could_say():
    space = {"estimator.hidden_layer_sizes": Choice(values=([1],)), "estimator.alpha": Range(low=1, high=2)}
    spec = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.neural_network.MLPClassifier"})

    assert own_settings(spec, space) == {"estimator.hidden_layer_sizes": [100], "estimator.alpha": 0.0001}
    assert own_settings(spec, {}) == {}


def test_with_params_sets_them_in_their_parts():
    spec = with_params(
        mlp(optimizer={"sgd": {"clipnorm": 1.0}}),
        {"network.width": 32, "network.depth": 1, "optimizer.learning_rate": 0.5},
    )

    assert spec.network == Part(name="mlp", params={"width": 32, "depth": 1})
    assert spec.optimizer == [Part(name="sgd", params={"clipnorm": 1.0, "learning_rate": 0.5})]
    assert with_params(mlp(), {"optimizer.beta_1": 0.5}).optimizer == [Part(name="adam", params={"beta_1": 0.5})]


def test_with_params_leaves_the_pipeline_and_everything_else_as_they_were():
    spec = Pipeline.model_validate(
        {
            "features": ["hog", {"pca": {"n_components": 9}}],
            "estimator": {SVC: {"kernel": "poly"}},
            "accelerator": "none",
        }
    )
    before = json.dumps(spec.plain)
    changed = with_params(spec, {"estimator.C": 1e-3})

    assert json.dumps(spec.plain) == before
    assert changed.plain == spec.plain | {"estimator": {SVC: {"kernel": "poly", "C": 0.001}}}
    assert with_params(spec, {}) is spec


def test_with_params_of_a_part_that_is_not_there_is_a_mistake():
    with pytest.raises(KeyError, match="network"):
        with_params(svm(), {"network.width": 3})

from __future__ import annotations

import inspect

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MisuseError
from harness.suite.domains import LARGEST, Choice, Range, check_search, parse_domain, settable, write_domain

SVC = "sklearn.svm.SVC"

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
numbers = st.floats(-LARGEST, LARGEST)


def searched(search: object, **pipeline: object) -> list[str]:
    """What is told about a pipeline's `search`: each message behind its place."""
    pipeline = pipeline or {"features": ["pixels"], "estimator": SVC}
    told = check_search({"pipelines": {"p": pipeline | {"search": search}}})
    return [f"{'.'.join(map(str, path[3:]))}: {message}" for path, message in told]


@given(st.lists(plain | st.lists(plain, max_size=2), min_size=1, max_size=5))
def test_a_list_is_a_choice_and_is_written_as_it_was_read(values):
    try:
        choice = parse_domain(values)
    except pydantic.ValidationError as error:
        # Hypothesis drew a value twice.
        assert "is given twice" in str(error)  # noqa: PT017
        return
    assert choice == Choice(values=tuple(values))
    assert choice.probes() == tuple(values)
    assert write_domain(choice) == values


@given(numbers, numbers, st.booleans(), st.booleans())
def test_a_mapping_is_a_range_exactly_where_it_makes_one(low, high, log, integer):
    low, high = (round(low), round(high)) if integer else (low, high)
    written = {"low": low, "high": high, "log": log, "integer": integer}
    if low >= high or (log and low <= 0):
        with pytest.raises(ValueError, match="`low`"):
            parse_domain(written)
        return
    domain = parse_domain(written)

    assert domain == Range(low=low, high=high, log=log, integer=integer)
    assert parse_domain(write_domain(domain)) == domain
    assert all(low <= probe <= high for probe in domain.probes())
    assert all(isinstance(probe, int if integer else float) for probe in domain.probes())


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"low": 1, "high": 1}, "`low` must be below `high`"),
        ({"low": 0, "high": 1, "log": True}, "needs `low` above 0"),
        ({"low": 0.5, "high": 3, "integer": True}, "needs whole `low` and `high`"),
        ({"low": float("nan"), "high": 3}, "finite number"),
        ({"low": 0, "high": 1e300}, "less than or equal to"),
        ([], "at least 1 item"),
        ([1, 2, 1], "1 is given twice"),
        (10, "expected a range such as"),
        ("rbf", "expected a range such as"),
        (None, "expected a range such as"),
    ],
)
def test_what_is_neither_is_refused(value, told):
    with pytest.raises(ValueError, match=told):
        parse_domain(value)


def test_values_that_yaml_tells_apart_are_different():
    assert parse_domain([1, 1.0, True, "1", None]).probes() == (1, 1.0, True, "1", None)


def test_the_middle_of_a_logarithmic_range_is_geometric():
    assert parse_domain({"low": 0.01, "high": 100, "log": True}).probes() == (0.01, 1.0, 100.0)


def test_good_searches_are_told_nothing_about():
    search = {"estimator": {"C": {"low": 0.01, "high": 1000, "log": True}, "kernel": ["rbf", "poly"]}}

    assert searched(search) == []
    assert (
        searched(
            {"network": {"width": [32, 64]}, "optimizer": {"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}}},
            network="mlp",
        )
        == []
    )


def test_all_mistakes_are_told_each_in_its_place():
    told = searched(
        {
            "estimator": {
                "c": [1],
                "C": {"low": -1, "high": 1},
                "kernel": ["rbf", "rbff"],
                "gamma": {"lo": 1, "high": 2},
                "degree": {"low": 2, "high": 5},
                "tol": 3,
            }
        }
    )

    assert told[0] == "estimator.c: unknown parameter 'c' of SVC; did you mean 'C'?"
    assert told[1].startswith("estimator.C: The 'C' parameter of SVC must be a float in the range (0.0, inf]. Got -1.0")
    assert told[2].startswith("estimator.kernel: The 'kernel' parameter of SVC must be")
    assert told[3] == "estimator.gamma.low: 'low' is required"
    assert told[4] == "estimator.gamma.lo: unknown key 'lo'; did you mean 'low'?"
    assert told[5].startswith("estimator.degree: The 'degree' parameter of SVC must be an int")
    assert told[5].endswith("; for whole numbers write integer: true")
    assert told[6].startswith("estimator.tol: expected a range such as")
    assert len(told) == 7
    assert not any("\n" in message for message in told)


def test_a_network_s_values_are_checked_by_its_own_annotations():
    told = searched({"network": {"width": {"low": 0.5, "high": 8}, "dropout": [0.5, 1]}}, network="mlp")

    assert [message.partition(":")[0] for message in told] == ["network.width", "network.dropout"]


def test_a_parameter_that_one_of_several_optimizers_has_is_known():
    optimizers = ["adam", {"momentum": {"learning_rate": 0.1}}]

    assert searched({"optimizer": {"momentum": [0.5, 0.9]}}, network="mlp", optimizer=optimizers) == []
    told = searched({"optimizer": {"momentun": [0.5, 0.9]}}, network="mlp", optimizer=optimizers)
    assert told == ["optimizer.momentun: unknown parameter 'momentun' of any optimizer here; did you mean 'momentum'?"]


def test_a_part_without_parameters_says_so():
    assert searched({"network": {"width": [1]}}, network="perceptron") == [
        "network.width: unknown key 'width'; it takes none"
    ]


@pytest.mark.parametrize(
    "values",
    [
        None,
        {"pipelines": 3},
        {"pipelines": {"p": 3}},
        {"pipelines": {"p": {"search": 3}}},
        {"pipelines": {"p": {"search": {"estimator": 3}}}},
        {"pipelines": {"p": {"search": {"estimtor": {"C": [1]}}}}},
        {"pipelines": {"p": {"search": {"network": {"width": [1]}}, "network": "mpl"}}},
        {"pipelines": {"p": {"search": {"estimator": {"C": [1]}}, "estimator": {SVC: {"gama": 1}}}}},
        {"pipelines": {"p": {"search": {"estimator": {"C": [1]}}, "estimator": 7}}},
    ],
)
def test_what_is_told_elsewhere_is_passed_over(values):
    assert list(check_search(values)) == []


def test_settable_knows_scikit_learn_and_registered_parts():
    assert settable("estimator", SVC)["C"] == 1.0
    assert settable("network", "mlp")["depth"] == 2
    assert settable("optimizer", "adam")["learning_rate"] == 0.001
    assert settable("estimator", "sklearn.model_selection.GridSearchCV")["param_grid"] is inspect.Parameter.empty
    with pytest.raises(MisuseError, match="did you mean 'adam'"):
        settable("optimizer", "adamm")

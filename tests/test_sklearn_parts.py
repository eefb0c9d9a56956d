import pytest

from harness import sklearn_parts
from harness.errors import MisuseError

SVC = "sklearn.svm.SVC"
GRID_SEARCH = "sklearn.model_selection.GridSearchCV"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (SVC, "classifier"),
        ("sklearn.ensemble.HistGradientBoostingClassifier", "classifier"),
        (GRID_SEARCH, "classifier"),
        ("sklearn.preprocessing.StandardScaler", "transformer"),
        ("sklearn.feature_selection.SelectKBest", "transformer"),
        ("sklearn.svm.SVR", "estimator"),
    ],
)
def test_resolve_finds_public_classes(name, role):
    found = sklearn_parts.resolve(name, role)

    assert found.__name__ == name.rpartition(".")[2]
    assert found.__module__.startswith("sklearn.")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sklearn.svm.SVM", "sklearn.svm.SVC"),
        ("sklearn.svm.svc", "sklearn.svm.SVC"),
        ("SVC", "sklearn.svm.SVC"),
        ("sklearn.svm._classes.SVC", "sklearn.svm.SVC"),
        ("sklearn.ensemble.RandomForrestClassifier", "sklearn.ensemble.RandomForestClassifier"),
        ("sklearn.emsemble.RandomForestClassifier", "sklearn.ensemble.RandomForestClassifier"),
        ("sklearn.ensemble.HistGradientBosstingClassifier", "sklearn.ensemble.HistGradientBoostingClassifier"),
    ],
)
def test_resolve_suggests_the_nearest_name(name, meant):
    with pytest.raises(MisuseError, match=f"did you mean '{meant}'") as caught:
        sklearn_parts.resolve(name, "classifier")

    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.Popen",
        "sklearn",
        "sklearn.",
        "sklearn..SVC",
        "sklearn.svm.SVC.fit",
        "sklearn.os.system",
        "sklearn.utils.os.system",
        "sklearn.tests.test_pipeline.NoTrans",
        "sklearn.svm.tests.test_svm.SVC",
        "sklearn.svm.l1_min_c",
        "sklearn.ensemble.BaseEnsemble",
        "",
    ],
)
def test_resolve_refuses_whatever_is_not_a_public_estimator(name):
    with pytest.raises(MisuseError, match="unknown scikit-learn estimator"):
        sklearn_parts.resolve(name, "estimator")


@pytest.mark.parametrize(
    ("name", "role"),
    [("sklearn.svm.SVR", "classifier"), ("sklearn.preprocessing.StandardScaler", "classifier"), (SVC, "transformer")],
)
def test_resolve_refuses_the_wrong_role(name, role):
    with pytest.raises(MisuseError, match=f"is not a {role}; expected one such as sklearn"):
        sklearn_parts.resolve(name, role)


def test_check_finds_nothing_wrong_with_good_parameters():
    assert sklearn_parts.check(SVC, {"C": 10, "gamma": "scale", "class_weight": {0: 2.0}}, "classifier") == []


def test_check_tells_all_mistakes_at_once():
    problems = sklearn_parts.check(SVC, {"c": 1, "gama": 1, "C": -1, "kernel": "rbff"}, "classifier")

    assert len(problems) == 4
    assert problems[0] == "unknown parameter 'c' of SVC; did you mean 'C'?"
    assert problems[1] == "unknown parameter 'gama' of SVC; did you mean 'gamma'?"
    assert problems[2].startswith("The 'C' parameter of SVC must be a float in the range (0.0, inf]. Got -1")
    assert problems[3].startswith("The 'kernel' parameter of SVC must be")
    assert all("\n" not in problem for problem in problems)


def test_check_names_missing_parameters():
    problems = sklearn_parts.check(GRID_SEARCH, {"estimator": {SVC: {}}}, "classifier")

    assert problems == ["missing parameter 'param_grid' of GridSearchCV"]


def test_check_looks_into_nested_estimators():
    params = {"estimators": [["a", {SVC: {"C": 0}}], ["b", {"sklearn.svm.SVD": None}]]}
    problems = sklearn_parts.check("sklearn.ensemble.VotingClassifier", params, "classifier")

    assert len(problems) == 2
    assert problems[0].startswith("estimators: The 'C' parameter of SVC")
    assert problems[1].startswith("estimators: unknown scikit-learn estimator 'sklearn.svm.SVD'; did you mean")


@pytest.mark.parametrize(("inner", "problems"), [("sklearn.svm.SVC", 0), ("sklearn.svm.SVR", 1)])
def test_a_searcher_is_a_classifier_when_it_searches_one(inner, problems):
    params = {"estimator": {inner: {}}, "param_grid": {"C": [1, 10]}}

    assert len(sklearn_parts.check(GRID_SEARCH, params, "classifier")) == problems


def test_memory_is_refused_because_it_writes_outside_the_run(tmp_path):
    params = {"memory": str(tmp_path / "outside")}
    problems = sklearn_parts.check("sklearn.cluster.FeatureAgglomeration", params, "transformer")

    assert problems == ["parameter 'memory' of FeatureAgglomeration would write outside the run folder; leave it out"]


def test_build_sets_parameters_and_the_seed():
    forest = sklearn_parts.build("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 7}, 3, "classifier")

    assert forest.get_params()["n_estimators"] == 7
    assert forest.get_params()["random_state"] == 3


def test_build_leaves_a_random_state_that_the_suite_sets():
    svc = sklearn_parts.build(SVC, {"random_state": 8}, 3, "classifier")

    assert svc.random_state == 8


def test_build_does_not_pass_a_seed_where_none_is_taken():
    neighbours = sklearn_parts.build("sklearn.neighbors.KNeighborsClassifier", {}, 3, "classifier")

    assert "random_state" not in neighbours.get_params()


def test_build_makes_nested_estimators_that_can_be_fitted():
    params = {
        "estimators": [["svm", {SVC: {"C": 2}}], ["tree", {"sklearn.tree.DecisionTreeClassifier": None}]],
        "final_estimator": {"sklearn.linear_model.LogisticRegression": {}},
        "cv": 2,
    }
    stack = sklearn_parts.build("sklearn.ensemble.StackingClassifier", params, 5, "classifier")
    stack.fit([[0], [1], [2], [3], [10], [11], [12], [13]], [0, 0, 0, 0, 1, 1, 1, 1])

    assert stack.predict([[1], [12]]).tolist() == [0, 1]
    assert stack.named_estimators_["svm"].C == 2
    assert stack.named_estimators_["tree"].random_state == 5


def test_a_list_stands_for_a_tuple_where_only_a_tuple_is_taken():
    scaler = sklearn_parts.build("sklearn.preprocessing.MinMaxScaler", {"feature_range": [-1, 1]}, 0, "transformer")

    assert scaler.fit_transform([[0.0], [4.0]]).ravel().tolist() == [-1, 1]


def test_build_raises_the_first_mistake():
    with pytest.raises(MisuseError, match="unknown parameter 'c' of SVC; did you mean 'C'"):
        sklearn_parts.build(SVC, {"c": 1}, 0, "classifier")

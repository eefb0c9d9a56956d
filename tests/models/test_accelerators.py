"""Accelerated classifiers against scikit-learn's own; GPUs and cuML up to the device's boundary, with fakes."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from harness import sklearn_parts
from harness.errors import TrialError
from harness.measure.devices import Gpu
from harness.models import accelerated, accelerators
from harness.models.accelerated import Accelerated
from harness.models.accelerators import build, device_of, modules, resolve, unavailable
from harness.models.estimators import n_parameters
from harness.suite.model import Part, Pipeline

X, Y = load_digits(return_X_y=True)
X = X.astype(np.float32) / 16
# Threads that wait for one another by spinning take a hundred times as long on a busy machine.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
H100 = (Gpu("H100", 80 * 2**30, "580"),)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    accelerators.installed.cache_clear()


def pipeline(name: str, accelerator: str | None = None, params: dict[str, Any] | None = None) -> Pipeline:
    named = {"accelerator": [accelerator]} if accelerator else {}
    return Pipeline.model_validate({"features": "pixels", "estimator": {f"sklearn.{name}": params}, **named})


def made(name: str, accelerator: str, params: dict[str, Any], threads: int = 2) -> Any:
    with joblib.parallel_config(backend="threading", n_jobs=threads):
        return build(Part(name=f"sklearn.{name}", params=params), 0, "classifier", accelerator)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("svm.SVC", {"C": 10}),
        ("svm.NuSVC", {"nu": 0.1}),
        ("ensemble.RandomForestClassifier", {"n_estimators": 50}),
        ("ensemble.ExtraTreesClassifier", {"n_estimators": 50}),
        ("linear_model.LogisticRegression", {}),
        ("neighbors.KNeighborsClassifier", {}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearnex_agrees_with_scikit_learn(name: str, params: dict[str, Any]) -> None:
    pytest.importorskip("sklearnex")
    with threadpool_limits(1):
        fast, plain = (made(name, kind, params).fit(X[:1200], Y[:1200]) for kind in ("sklearnex", "none"))
    assert type(fast.estimator_).__module__.startswith("sklearnex.")
    found, expected = fast.predict(X[1200:]), plain.predict(X[1200:])
    assert found.dtype == expected.dtype
    # A forest draws other random numbers: two of scikit-learn's with different seeds differ as much.
    least = 0.93 if name.startswith("ensemble") else 0.985
    assert np.mean(found == expected) > least
    assert abs(np.mean(found == Y[1200:]) - np.mean(expected == Y[1200:])) < 0.025
    assert hasattr(fast, "predict_proba") == hasattr(plain, "predict_proba")
    assert np.array_equal(fast.classes_, plain.classes_)
    ours, theirs = n_parameters(fast), n_parameters(plain)
    assert ours
    assert theirs
    assert 0.7 < ours / theirs < 1.3
    before = pickle.dumps(fast)
    n_parameters(fast)
    assert len(pickle.dumps(fast)) == len(before), "counting does not change what is counted"
    assert np.array_equal(pickle.loads(before).predict(X[1200:]), found)
    again = clone(fast).fit(X[:1200], Y[:1200])
    assert np.array_equal(again.predict(X[1200:]), found)
    assert device_of(fast) == device_of(plain) == "cpu"


def test_what_sklearnex_leaves_to_scikit_learn_is_no_result() -> None:
    pytest.importorskip("sklearnex")
    forest = made("ensemble.RandomForestClassifier", "sklearnex", {"criterion": "entropy", "n_estimators": 2})
    with pytest.raises(TrialError, match=r"left RandomForestClassifier to scikit-learn \('entropy' criterion is not"):
        forest.fit(X[:100], Y[:100])


THREADS = """
import os, sys, joblib, numpy as np
from harness.models.accelerators import build
from harness.suite.model import Part
x = np.random.default_rng(0).normal(size=(1500, 50)).astype("f4")
y = (x[:, 0] * x[:, 1] > 0).astype(int)
names = ("svm.SVC", "ensemble.RandomForestClassifier", "linear_model.LogisticRegression")
with joblib.parallel_config(backend="threading", n_jobs=int(sys.argv[1])):
    made = [build(Part(name="sklearn." + name), 0, "classifier", "sklearnex") for name in names]
    before = len(os.listdir("/proc/self/task"))
    for one in made:
        one.fit(x, y)
        one.predict_proba(x) if hasattr(one, "predict_proba") else one.decision_function(x)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_sklearnex_takes_the_threads_it_is_given() -> None:
    pytest.importorskip("sklearnex")
    commands = [[sys.executable, "-c", THREADS, number] for number in ("1", "2")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    with_one, with_two = (int(process.communicate()[0]) for process in running)
    assert with_one == 0
    assert with_two >= 1


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_lists_are_those_of_the_installed_libraries() -> None:
    classifiers = sklearn_parts.public_names("classifier")
    with_arrays = {
        name
        for name in classifiers
        if not sklearn_parts.check(name, {}, "classifier") and sklearn_parts._takes_arrays(name, {})
    }
    assert with_arrays <= set(sklearn_parts.ACCELERATED["array_api"])
    sklearnex = pytest.importorskip("sklearnex")
    assert set(sklearnex.get_patch_map()) & set(classifiers) == set(sklearn_parts.ACCELERATED["sklearnex"])
    for accelerator in ("sklearnex", "cuml", "array_api"):
        assert set(sklearn_parts.ACCELERATED[accelerator]) <= set(classifiers)


ON_TORCH = """
import pickle, sys, warnings
import numpy as np
from sklearn.datasets import load_digits
from harness.models.accelerators import build, device_of
from harness.models.estimators import n_parameters
from harness.suite.model import Part
warnings.simplefilter("ignore")
x, y = load_digits(return_X_y=True)
x = x.astype("f4") / 16
x[:, x.std(axis=0) == 0] += np.random.default_rng(0).normal(size=(len(x), 3)).astype("f4")
x.flags.writeable = False
for name in sys.argv[1:]:
    part = Part(name=name)
    plain, fast = (build(part, 0, "classifier", kind).fit(x[:400], y[:400]) for kind in ("none", "array_api"))
    found = fast.predict(x[1500:])
    assert type(fast.estimator_.classes_).__module__ == "torch", type(fast.estimator_.classes_)
    assert isinstance(found, np.ndarray) and found.dtype == y.dtype, found.dtype
    assert isinstance(fast.classes_, np.ndarray) and np.array_equal(fast.classes_, plain.classes_)
    assert (found == plain.predict(x[1500:])).mean() > 0.99, name
    assert n_parameters(fast) == n_parameters(plain), (n_parameters(fast), n_parameters(plain))
    assert hasattr(fast, "predict_proba") == hasattr(plain, "predict_proba")
    if hasattr(plain, "predict_proba"):
        mine = fast.predict_proba(x[1500:])
        assert mine.dtype == np.float32 and np.abs(mine - plain.predict_proba(x[1500:])).max() < 0.05
    if hasattr(plain, "decision_function"):
        assert isinstance(fast.decision_function(x[:3]), np.ndarray)
    assert np.array_equal(pickle.loads(pickle.dumps(fast)).predict(x[1500:]), found)
    assert device_of(fast) == "cpu"
    print(name)
"""


def test_the_array_api_on_torch_agrees_with_scikit_learn() -> None:
    pytest.importorskip("torch")
    names = [
        name
        for name in sklearn_parts.ACCELERATED["array_api"]
        if not sklearn_parts.check_accelerator(name, {}, "array_api")
    ]
    environment = os.environ | {"SCIPY_ARRAY_API": "1", **ONE_THREAD}
    command = [sys.executable, "-c", ON_TORCH, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == names


class OnGpu:
    """An array as PyTorch has it on a GPU: nothing but a copy to the host shows what it holds."""

    def __init__(self, held: Any) -> None:
        self.held = np.asarray(held)
        self.shape = self.held.shape
        self.__cuda_array_interface__ = {"version": 3}

    def detach(self) -> OnGpu:
        return self

    def cpu(self) -> Any:
        return self.held


class Majority(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """What a library with arrays of its own would fit."""

    def fit(self, x: OnGpu, y: OnGpu) -> Majority:
        assert x.held.dtype == np.float32
        self.classes_ = OnGpu(np.unique(y.held))
        self.coef_ = OnGpu(np.zeros((2, 3)))
        return self

    def predict(self, x: OnGpu) -> OnGpu:
        return OnGpu(np.full(len(x.held), 7.0))


def test_up_to_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    cuda = SimpleNamespace(synchronize=lambda: done.append("waited"))
    torch = SimpleNamespace(
        __name__="torch", cuda=cuda, asarray=lambda array, device: done.append(device) or OnGpu(array)
    )
    monkeypatch.setattr(accelerated, "_array_library", lambda: (torch, "cuda"))
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    fitted = Accelerated(Majority(), "array_api").fit(np.ones((4, 2)), np.array([3, 7, 7, 7]))
    assert done == ["cuda", "cuda", "waited"]
    assert device_of(fitted) == "gpu"
    assert fitted.predict(np.ones((2, 2))).tolist() == [7, 7]
    assert fitted.predict(np.ones((2, 2))).dtype == np.int64
    assert n_parameters(fitted) == 6
    assert not hasattr(fitted, "predict_proba")


class FakeForest(Majority):
    """The forest of cuML 25: other defaults, other names."""

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        max_depth: int = 16,
        max_samples: float = 1.0,
        random_state: Any = None,
        split_criterion: str = "gini",
        output_type: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.max_samples = max_samples
        self.random_state = random_state
        self.split_criterion = split_criterion
        self.output_type = output_type
        self.verbose = verbose

    def fit(self, x: Any, y: Any) -> FakeForest:
        self.classes_ = np.unique(y).astype(np.float32)
        return self

    def predict(self, x: Any) -> Any:
        assert x.dtype == np.float32
        return np.full(len(x), 7.0, np.float32)


@pytest.fixture
def cuml(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """cuML cannot be installed without a GPU: a stand-in with one class."""
    waited: list[str] = []
    runtime = SimpleNamespace(deviceSynchronize=lambda: waited.append("waited"))
    for name, contents in {
        "cuml": {},
        "cuml.ensemble": {"RandomForestClassifier": FakeForest},
        "cuml.svm": {},
        "cupy": {"cuda": SimpleNamespace(runtime=runtime)},
    }.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    return waited


def test_cuml_gets_the_parameters_that_agree(cuml: list[str]) -> None:
    forest = made("ensemble.RandomForestClassifier", "cuml", {"n_estimators": 30, "max_depth": 9})
    params = forest.estimator.get_params()
    assert (params["n_estimators"], params["max_depth"], params["random_state"]) == (30, 9, 0)
    assert (params["max_samples"], params["output_type"]) == (1.0, "numpy")
    forest.fit(X[:50], Y[:50] % 5)
    assert cuml == ["waited"]
    assert forest.classes_.dtype == Y.dtype
    assert forest.predict(X[:2].astype(np.float64)).dtype == Y.dtype
    assert device_of(forest) == "gpu"


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("ensemble.RandomForestClassifier", {}, "has no max_depth=None, scikit-learn's default, but 16; set max_depth"),
        ("ensemble.RandomForestClassifier", {"max_depth": 9, "criterion": "entropy"}, "has no parameter 'criterion'"),
        ("ensemble.ExtraTreesClassifier", {}, "cuml has no ExtraTreesClassifier; it has RandomForestClassifier"),
        ("svm.SVC", {}, "cuml.svm.SVC cannot be imported"),
    ],
)
def test_cuml_refuses_what_it_would_do_otherwise(
    cuml: list[str], name: str, params: dict[str, Any], words: str
) -> None:
    with pytest.raises(TrialError, match=words):
        made(name, "cuml", params)


@pytest.mark.parametrize(
    ("spec", "device", "here", "expected"),
    [
        (pipeline("svm.SVC"), "cpu", (), "none"),
        (pipeline("svm.SVC"), "gpu", (), "array_api"),
        (pipeline("svm.SVC"), "gpu", ("cuml",), "cuml"),
        (pipeline("svm.NuSVC"), "gpu", ("cuml",), "array_api"),
        (pipeline("svm.SVC", "sklearnex"), "cpu", (), "sklearnex"),
        (Pipeline.model_validate({"network": "cnn"}), "gpu", ("cuml",), "none"),
    ],
)
def test_what_computes(
    monkeypatch: pytest.MonkeyPatch, spec: Pipeline, device: str, here: tuple[str, ...], expected: str
) -> None:
    monkeypatch.setattr(accelerators, "find_spec", lambda name: object() if name in here else None)
    assert resolve(spec, device) == expected


LINEAR = "linear_model.LogisticRegression"


@pytest.mark.parametrize(
    ("spec", "device", "here", "cards", "words"),
    [
        (pipeline("svm.SVC"), "cpu", (), (), None),
        (pipeline("svm.SVC", "none"), "gpu", (), H100, "own classifiers run on the CPU; for a GPU take"),
        (pipeline("svm.SVC", "sklearnex"), "gpu", ("sklearnex",), H100, "needs an Intel GPU"),
        (pipeline("svm.SVC", "sklearnex"), "cpu", (), (), "pip install scikit-learn-intelex"),
        (pipeline("svm.SVC", "sklearnex"), "cpu", ("sklearnex",), (), None),
        (pipeline("svm.SVC", "cuml"), "cpu", ("cuml",), (), "runs on a GPU only"),
        (pipeline("svm.SVC", "cuml"), "gpu", (), H100, "cuml is not installed; see https"),
        (pipeline("svm.SVC"), "gpu", ("torch",), H100, r"no array API support for SVC.*; cuml has it \(https"),
        (pipeline("svm.SVC"), "gpu", ("torch",), (), "shows no GPU"),
        (pipeline("svm.SVC"), "gpu", ("cuml",), H100, None),
        (pipeline(LINEAR), "gpu", ("torch",), H100, None),
        (pipeline(LINEAR, None, {"solver": "saga"}), "gpu", ("torch",), H100, "LogisticRegression with these"),
        (pipeline(LINEAR), "gpu", (), H100, "needs PyTorch or CuPy; pip install torch"),
        (pipeline(LINEAR, "array_api"), "cpu", ("torch",), (), None),
        (Pipeline.model_validate({"network": "cnn"}), "gpu", (), (), None),
    ],
)
def test_why_it_cannot_run_here(
    monkeypatch: pytest.MonkeyPatch,
    spec: Pipeline,
    device: str,
    here: tuple[str, ...],
    cards: tuple[Gpu, ...],
    words: str | None,
) -> None:
    monkeypatch.setattr(accelerators, "find_spec", lambda name: object() if name in here else None)
    monkeypatch.setattr(accelerators, "gpus", lambda: cards)
    monkeypatch.setattr(accelerators, "version", lambda name: "2.9.0")
    told = unavailable(spec, device)
    if words is None:
        assert told is None
    else:
        assert told is not None
        assert re.search(words, told)
        assert "\n" not in told


def test_torch_without_cuda_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "find_spec", lambda name: object() if name == "torch" else None)
    monkeypatch.setattr(accelerators, "gpus", lambda: H100)
    monkeypatch.setattr(accelerators, "version", lambda name: "2.13.0+cpu")
    assert "PyTorch with CUDA, or CuPy; the one installed is 2.13.0+cpu" in str(unavailable(pipeline(LINEAR), "gpu"))


def test_choosing_imports_no_library() -> None:
    code = """
import sys
from harness.models import accelerators
from harness.suite.model import Pipeline
spec = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.svm.SVC", "accelerator": "sklearnex"})
accelerators.unavailable(spec, "cpu"), accelerators.unavailable(spec, "gpu"), accelerators.modules("sklearnex")
print(*{"sklearn", "sklearnex", "torch", "cupy", "cuml", "tensorflow"} & set(sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_a_forkserver_does_not_start_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerators, "find_spec", lambda name: object())
    assert modules("none") == []
    assert modules("cuml") == ["harness.models.accelerated"]
    assert modules("array_api") == ["harness.models.accelerated", "torch"]
    assert "sklearnex.svm" in modules("sklearnex")

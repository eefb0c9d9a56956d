"""A classifier that another library computes, behind scikit-learn's interface; see `harness.models.accelerators`."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if

from harness.errors import TrialError

# Parameters with which cuML gives what scikit-learn's defaults give, though they are written differently there.
SAME_IN_CUML = {
    ("cache_size", 200),  # of the kernel: decides memory and speed, no result
    ("decision_function_shape", "ovr"),  # scikit-learn's SVC trains one against one whatever this is, cuML by this
    ("max_samples", None),  # 1.0 in cuML
    ("solver", "lbfgs"),  # cuML's `qn` is L-BFGS
    ("verbose", 0),
}


def _has(method: str) -> Any:
    """Have a method exactly where the accelerated estimator has it."""
    return available_if(lambda self: hasattr(self.estimator, method))


class Accelerated(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A classifier of another library behind scikit-learn's interface: NumPy in, NumPy out, the device synchronised.

    Parameters
    ----------
    estimator
        The classifier, not fitted.
    accelerator
        Whose it is: `sklearnex`, `array_api` or `cuml`.

    Attributes
    ----------
    estimator_
        The fitted classifier, with arrays of its own library.
    classes_ : ndarray of shape (n_classes,)
        Of the type of the labels that were fitted.
    device_ : str
        `cpu` or `gpu`; see `device_of`.
    """

    def __init__(self, estimator: BaseEstimator, accelerator: str) -> None:
        self.estimator = estimator
        self.accelerator = accelerator

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Fit on features (n, d) and labels (n,), and wait until the device has finished.

        Raises
        ------
        TrialError
            If sklearnex left the work to scikit-learn: a row must not name what did not compute it.
        """
        labels = np.asarray(y)
        estimator = clone(self.estimator)
        with self._computing() as told:
            estimator.fit(self._give(X), self._give(labels))
            _synchronise(self.accelerator)
        if self.accelerator == "sklearnex":
            _refuse_fallback(type(estimator).__name__, told)
        self.estimator_ = estimator
        self.classes_: NDArray[Any] = to_numpy(estimator.classes_).astype(labels.dtype)
        on_gpu = self.accelerator == "cuml" or any(map(_on_gpu, vars(estimator).values()))
        self.device_ = "gpu" if on_gpu else "cpu"
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Labels (n,), of the type of those that were fitted."""
        return self._call("predict", X).astype(self.classes_.dtype, copy=False)

    @_has("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Probabilities (n, n_classes)."""
        return self._call("predict_proba", X)

    @_has("decision_function")  # type: ignore[untyped-decorator]
    def decision_function(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Scores (n, n_classes), or (n,) for two classes."""
        return self._call("decision_function", X)

    def _call(self, method: str, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        if self.accelerator == "sklearnex":
            result: NDArray[Any] = getattr(self.estimator_, method)(X)
            return result
        with _dispatching(self.accelerator):
            # Copying to the host waits for the device.
            return to_numpy(getattr(self.estimator_, method)(self._give(X)))

    def _give(self, values: ArrayLike) -> Any:
        """Arrays as the library takes them: reals as float32 outside sklearnex, on the device for `array_api`."""
        array = np.asarray(values)
        if self.accelerator == "sklearnex":
            return array
        if array.dtype.kind == "f":
            array = array.astype(np.float32, copy=False)
        return _to_device(array) if self.accelerator == "array_api" else array

    @contextlib.contextmanager
    def _computing(self) -> Iterator[list[str]]:
        """The settings under which to fit; gives what sklearnex says meanwhile."""
        with _dispatching(self.accelerator), _overheard("sklearnex") as told:
            yield told


@contextlib.contextmanager
def _dispatching(accelerator: str) -> Iterator[None]:
    """Have scikit-learn compute on the arrays it is given, where that is the accelerator."""
    if accelerator != "array_api":
        yield
        return
    import sklearn

    with sklearn.config_context(array_api_dispatch=True):
        yield


@contextlib.contextmanager
def _overheard(name: str) -> Iterator[list[str]]:
    """Collect what a logger says, of any level, and keep it from being printed."""
    told: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        told.append(record.getMessage())
        return False

    logger, level = logging.getLogger(name), logging.getLogger(name).level
    logger.addFilter(collect)
    logger.setLevel(logging.DEBUG)
    try:
        yield told
    finally:
        logger.setLevel(level)
        logger.removeFilter(collect)


def _refuse_fallback(name: str, told: list[str]) -> None:
    """Raise unless sklearnex said that it computed everything itself.

    Its log is the only public account: https://uxlfoundation.github.io/scikit-learn-intelex/latest/verbose.html
    """
    if any("running accelerated version" in line for line in told) and not any("fallback to" in line for line in told):
        return
    causes = [line.partition("patching failed with cause - ")[2].rstrip(".") for line in told]
    because = "; ".join(dict.fromkeys(filter(None, causes))) or "it does not say why"
    raise TrialError(f"sklearnex left {name} to scikit-learn ({because}); take accelerator: none, or other parameters")


def from_sklearnex(name: str, plain: BaseEstimator) -> BaseEstimator:
    """The class of that name in sklearnex, with the same parameters and the threads of the surrounding joblib."""
    # oneDAL takes all cores where nothing is said, and some of its methods pay no heed to n_jobs.
    importlib.import_module("daal4py").daalinit(joblib.effective_n_jobs(None))
    made: BaseEstimator = _counterpart("sklearnex", name)(**plain.get_params(deep=False))
    return made


def from_cuml(name: str, plain: BaseEstimator) -> BaseEstimator:
    """The class of that name in cuML, given every parameter that differs from its own default.

    Raises
    ------
    TrialError
        If cuML has no such parameter, or cannot do what scikit-learn does by default.
    """
    found = _counterpart("cuml", name)
    theirs: Mapping[str, Any] = found().get_params()
    ours = plain.get_params(deep=False)
    default = type(plain)().get_params(deep=False)
    values: dict[str, Any] = {"output_type": "numpy"} if "output_type" in theirs else {}
    for key, value in ours.items():
        as_it_comes = repr(value) == repr(default[key])
        if as_it_comes and (value == "deprecated" or (key, value) in SAME_IN_CUML):
            continue
        if key not in theirs:
            if not as_it_comes:
                raise TrialError(f"cuml.{found.__name__} has no parameter {key!r}; leave it out, or accelerator: none")
        elif value is None and theirs[key] is not None:
            raise TrialError(
                f"cuml.{found.__name__} has no {key}=None, scikit-learn's default, but {theirs[key]!r}; set {key}"
            )
        elif value != theirs[key]:
            values[key] = value
    made: BaseEstimator = found(**values)
    return made


def _counterpart(package: str, name: str) -> Any:
    """The class that `sklearn.svm.SVC` is in another package: `package.svm.SVC`.

    Raises
    ------
    TrialError
        If the package cannot be imported or does not have it.
    """
    module, _, attribute = name.replace("sklearn", package, 1).rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise TrialError(f"{module}.{attribute} cannot be imported: {error}") from error


@cache
def _array_library() -> tuple[Any, str]:
    """The library whose arrays `array_api` computes on, and its device: a GPU where one is visible."""
    if find_spec("torch"):
        torch = importlib.import_module("torch")
        if torch.cuda.is_available() or not find_spec("cupy"):
            return torch, "cuda" if torch.cuda.is_available() else "cpu"
    return importlib.import_module("cupy"), "cuda"


def _to_device(array: NDArray[Any]) -> Any:
    library, device = _array_library()
    if library.__name__ == "cupy":
        return library.asarray(array)
    with warnings.catch_warnings():
        # It is only read, so that NumPy forbids writing to it does not matter.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return library.asarray(array, device=device)


def _synchronise(accelerator: str) -> None:
    """Wait for the GPU to finish what it was given."""
    if accelerator == "cuml":
        importlib.import_module("cupy").cuda.runtime.deviceSynchronize()
    elif accelerator == "array_api":
        library, device = _array_library()
        if library.__name__ == "cupy":
            library.cuda.runtime.deviceSynchronize()
        elif device == "cuda":
            library.cuda.synchronize()


def to_numpy(values: Any) -> NDArray[Any]:
    """An array of NumPy, PyTorch, CuPy or cuML as one of NumPy."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    elif hasattr(values, "get"):
        values = values.get()
    elif hasattr(values, "to_output"):
        values = values.to_output("numpy")
    return np.asarray(values)


def _on_gpu(value: Any) -> bool:
    return hasattr(value, "__cuda_array_interface__")

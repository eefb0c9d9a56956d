"""Who computes a classifier: scikit-learn, something faster with the classes of its names, or another library.

=========== ======= ==========================================================================================
accelerator device  what computes
=========== ======= ==========================================================================================
none        cpu     scikit-learn, or the library of a registered estimator
sklearnex   cpu     the class of that name in scikit-learn-intelex (oneDAL); nothing is patched
array_api   both    scikit-learn, on arrays of PyTorch or CuPy (`array_api_dispatch`; float32)
cuml        gpu     the class of that name in RAPIDS cuML
=========== ======= ==========================================================================================

Only the classifier is accelerated; its features are computed as in any other pipeline. This module chooses and says
what is missing, for which it imports none of these libraries; `harness.models.accelerated` computes.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness import registry, sklearn_parts
from harness.errors import TrialError
from harness.measure.devices import gpus
from harness.models.boosting import LIBRARIES, not_installed

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from harness.sklearn_parts import Role
    from harness.suite.model import Part, Pipeline

NO_GPU = "this machine shows no GPU (neither NVML nor nvidia-smi finds one)"


@cache
def installed(package: str) -> bool:
    """Whether a top-level package can be found; it is not imported."""
    return find_spec(package) is not None


def resolve(spec: Pipeline, device: str) -> str:
    """The accelerator of a pipeline that names at most one.

    Where the suite names none: on the CPU `none`; on a GPU `cuml` where it is installed and has the classifier, else
    `array_api`. A network has `none`.
    """
    if spec.estimator is None:
        return "none"
    if spec.accelerator:
        return spec.accelerator[0]
    if device == "cpu" or spec.estimator.name in registry.names("estimators"):
        return "none"
    return "cuml" if installed("cuml") and not _refused(spec.estimator, "cuml") else "array_api"


def unavailable(spec: Pipeline, device: str) -> str | None:
    """Why this machine cannot compute a pipeline's classifier on a device, in one line; None where it can.

    Imports none of the accelerators, so it cannot tell that an installed one is broken.
    """
    if spec.estimator is None:
        return None
    accelerator = resolve(spec, device)
    if device == "gpu":
        if accelerator == "none" and spec.estimator.name in registry.names("estimators"):
            return f"{spec.estimator.name} is computed on the CPU here; take devices: [cpu]"
        if accelerator == "none":
            return "scikit-learn's own classifiers run on the CPU; for a GPU take accelerator: array_api or cuml"
        if accelerator == "sklearnex":
            return "sklearnex runs on the CPU (its GPU code needs an Intel GPU); take accelerator: array_api or cuml"
        if not gpus():
            return NO_GPU
    elif accelerator == "cuml":
        return "cuml runs on a GPU only; on the CPU take accelerator: none or sklearnex"
    if told := _refused(spec.estimator, accelerator):
        # Where the suite leaves the choice, cuML was not taken because it does not have the class, or is not here.
        left = not spec.accelerator and not _refused(spec.estimator, "cuml")
        return f"{told}; cuml has it (https://docs.rapids.ai/install)" if left else told
    library = LIBRARIES.get(spec.estimator.name)
    if library and not installed(library):
        return not_installed(spec.estimator.name)
    return _not_installed(accelerator, device)


def modules(accelerator: str) -> list[str]:
    """What a forkserver imports for an accelerator's trials.

    Not cuML and CuPy: they start CUDA, which does not survive a fork. A trial imports them itself.
    """
    names = [] if accelerator == "none" else ["harness.models.accelerated"]
    if accelerator == "sklearnex":
        names += [f"sklearnex.{part}" for part in ("ensemble", "linear_model", "neighbors", "svm")]
    if accelerator == "array_api" and installed("torch"):
        names.append("torch")
    return names


def build(part: Part, seed: int, role: Role, accelerator: str) -> BaseEstimator:
    """Make an estimator, not yet fitted, that takes and gives NumPy arrays.

    Parameters
    ----------
    part
        A registered estimator, or a scikit-learn class by its dotted name, with its parameters.
    seed
        For `random_state`, wherever it has one and `part` does not set it.
    role
        Only a `classifier` can be accelerated.
    accelerator
        What `resolve` gave. `sklearnex`, like a registered estimator, gets the threads of the surrounding
        `joblib.parallel_config`, one without it.

    Raises
    ------
    MisuseError
        If the name or a parameter is wrong.
    TrialError
        If the accelerator cannot compute it, or the library of a registered one is not installed.
    """
    from harness.models import accelerated
    from harness.models.build import build_estimator

    estimator = build_estimator(part, seed, role)
    if accelerator == "none":
        return estimator
    if told := sklearn_parts.check_accelerator(part.name, part.params, accelerator):
        raise TrialError(told)
    if accelerator == "sklearnex":
        estimator = accelerated.from_sklearnex(part.name, estimator)
    elif accelerator == "cuml":
        estimator = accelerated.from_cuml(part.name, estimator)
    return accelerated.Accelerated(estimator, accelerator)


def device_of(estimator: Any) -> str:
    """Where a fitted estimator was computed, `cpu` or `gpu`, as its fitted arrays prove.

    cuML, which has no code for the CPU, is taken at its word where it shows no array (forests).
    """
    from harness.models.accelerated import Accelerated

    return estimator.device_ if isinstance(estimator, Accelerated) else "cpu"


@cache
def _refused_text(name: str, params: str, accelerator: str) -> str | None:
    return sklearn_parts.check_accelerator(name, json.loads(params), accelerator)


def _refused(part: Part, accelerator: str) -> str | None:
    """What `sklearn_parts.check_accelerator` says; asked once, for a run may plan thousands of trials of it."""
    return _refused_text(part.name, json.dumps(part.params, sort_keys=True, default=str), accelerator)


def _not_installed(accelerator: str, device: str) -> str | None:
    if accelerator == "sklearnex" and not installed("sklearnex"):
        return "sklearnex is not installed; pip install scikit-learn-intelex"
    if accelerator == "cuml" and not installed("cuml"):
        return "cuml is not installed; see https://docs.rapids.ai/install"
    if accelerator == "array_api" and not installed("cupy"):
        if not installed("torch"):
            return "array_api needs PyTorch or CuPy; pip install torch"
        if device == "gpu" and (found := _version("torch")).endswith("+cpu"):
            return f"array_api needs PyTorch with CUDA, or CuPy; the one installed is {found}"
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

"""Scikit-learn's own classes, by their dotted names: resolved, checked and built.

A suite writes `{sklearn.svm.SVC: {C: 10}}`. A parameter that is itself an estimator is written the same way:
`{sklearn.ensemble.BaggingClassifier: {estimator: {sklearn.svm.SVC: {C: 10}}}}`, also inside lists.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from harness.errors import MisuseError
from harness.registry import did_you_mean, names

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Role: TypeAlias = Literal["classifier", "transformer", "estimator"]

EXAMPLES: dict[Role, str] = {
    "classifier": "sklearn.svm.SVC",
    "transformer": "sklearn.preprocessing.StandardScaler",
    "estimator": "sklearn.svm.SVC",
}
# Classifiers that an accelerator has under the same name; of those under `array_api`, the ones that the installed
# scikit-learn says it can compute on arrays of any library.
ACCELERATED: dict[str, tuple[str, ...]] = {
    "sklearnex": (
        "sklearn.ensemble.ExtraTreesClassifier",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.neighbors.KNeighborsClassifier",
        "sklearn.svm.NuSVC",
        "sklearn.svm.SVC",
    ),
    "array_api": (
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.linear_model.RidgeClassifierCV",
        "sklearn.naive_bayes.GaussianNB",
    ),
    "cuml": (
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neighbors.KNeighborsClassifier",
        "sklearn.svm.SVC",
    ),
}


def resolve(name: str, role: Role) -> type[BaseEstimator]:
    """Find a public scikit-learn class by its dotted name.

    Parameters
    ----------
    name
        Such as `sklearn.svm.SVC`. Only public modules and public classes are looked at.
    role
        `classifier` (a searcher such as `GridSearchCV` around one counts), `transformer`, or
        `estimator` for any.

    Raises
    ------
    MisuseError
        If scikit-learn has no such class, or it has another role.
    """
    found = _public_class(name)
    if found is None:
        # A plain word may have meant a registered estimator.
        sort = role if _may_be_registered(name, role) else f"scikit-learn {role}"
        raise MisuseError(f"unknown {sort} {name!r}; {_nearest(name, role)}")
    if not _may_be(found, role):
        raise MisuseError(f"{name!r} is not a {role}; expected one such as {EXAMPLES[role]}")
    return found


def check(name: str, params: Mapping[str, Any], role: Role) -> list[str]:
    """Every mistake in a class's name and parameters, one line each; an empty list where all is well."""
    try:
        found = resolve(name, role)
    except MisuseError as error:
        return [str(error)]
    signature = inspect.signature(found).parameters
    problems: list[str] = []
    good: dict[str, Any] = {}
    for key, value in params.items():
        if key not in signature:
            problems.append(f"unknown parameter {key!r} of {found.__name__}; {_did_you_mean_parameter(key, signature)}")
        elif key == "memory" and value is not None:
            problems.append(f"parameter 'memory' of {found.__name__} would write outside the run folder; leave it out")
        elif nested := _check_nested(value):
            problems += [f"{key}: {problem}" for problem in nested]
        else:
            good[key] = _prepare(found, key, value, seed=0)
    required = {key for key, parameter in signature.items() if _is_required(parameter)}
    problems += [f"missing parameter {key!r} of {found.__name__}" for key in sorted(required - set(params))]
    if required <= set(good):
        fixed = {key: good[key] for key in required}
        problems += [told for key in good if (told := _refusal(found(**{**fixed, key: good[key]})))]
        if not problems and role == "classifier" and not _is_classifier(found(**good)):
            problems.append(f"{name!r} with these parameters is not a classifier")
    return problems


def check_accelerator(name: str, params: Mapping[str, Any], accelerator: str) -> str | None:
    """Why an accelerator cannot compute a classifier, in one line; None where it can.

    Tells the same on every machine, whether or not the accelerator is installed. A name or parameter that is itself
    wrong is left to `check`.

    Parameters
    ----------
    name, params
        The classifier, such as `sklearn.svm.SVC`.
    accelerator
        `none`, `sklearnex`, `array_api` or `cuml`.
    """
    short = name.rpartition(".")[2]
    if accelerator != "none" and name in names("estimators"):
        return f"{accelerator} computes classifiers of scikit-learn; {name} takes accelerator: none"
    if accelerator == "none" or (accelerator == "array_api" and check(name, params, "classifier")):
        return None
    known = ACCELERATED[accelerator]
    if accelerator == "array_api":
        if _takes_arrays(name, params):
            return None
        known = tuple(one for one in known if _takes_arrays(one, {}))
        problem = (
            f"scikit-learn has no array API support for {short} with these parameters; with the defaults it has it for"
        )
    elif name in known:
        return None
    else:
        problem = f"{accelerator} has no {short}; it has"
    return f"{problem} {', '.join(one.rpartition('.')[2] for one in known)}"


def build(name: str, params: Mapping[str, Any], seed: int, role: Role) -> BaseEstimator:
    """Make the estimator, not yet fitted.

    `random_state` is `seed` wherever a class has it and `params` does not set it, nested estimators included.

    Raises
    ------
    MisuseError
        If the name or a parameter is wrong; the message is the first line of `check`.
    """
    if problems := check(name, params, role):
        raise MisuseError(problems[0])
    return _make(name, params, seed, role)


def _make(name: str, params: Mapping[str, Any], seed: int, role: Role) -> BaseEstimator:
    found = resolve(name, role)
    values = {key: _prepare(found, key, value, seed) for key, value in params.items()}
    if "random_state" in inspect.signature(found).parameters:
        values.setdefault("random_state", seed)
    return found(**values)


def _prepare(found: type[BaseEstimator], key: str, value: Any, seed: int) -> Any:
    """Turn what YAML can say into what the parameter takes."""
    constraints = getattr(found, "_parameter_constraints", {}).get(key, ())
    # YAML has no tuples, and `feature_range` or `quantile_range` take nothing else.
    # What scikit-learn does not validate has a word ("no_validation") in place of a list.
    listed = isinstance(value, list) and isinstance(constraints, list)
    if listed and tuple in constraints and "array-like" not in constraints and list not in constraints:
        return tuple(value)
    return _build_nested(value, seed)


def _build_nested(value: Any, seed: int) -> Any:
    if (nested := _as_nested(value)) is not None:
        return _make(*nested, seed, "estimator")
    if isinstance(value, list):
        return [_build_nested(item, seed) for item in value]
    return value


def _check_nested(value: Any) -> list[str]:
    if (nested := _as_nested(value)) is not None:
        return check(*nested, "estimator")
    if isinstance(value, list):
        return [problem for item in value for problem in _check_nested(item)]
    return []


def _as_nested(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """`{sklearn.svm.SVC: {C: 10}}` as its name and parameters; None for any other value."""
    if isinstance(value, Mapping) and len(value) == 1:
        (name, params), *_ = value.items()
        if isinstance(name, str) and name.startswith("sklearn.") and isinstance(params, Mapping | None):
            return name, params or {}
    return None


def _refusal(estimator: BaseEstimator) -> str | None:
    """What scikit-learn itself says against the parameters, as one line."""
    if not hasattr(estimator, "_parameter_constraints"):
        return None
    try:
        # What `fit` calls first: the only way to have values refused before any data is loaded.
        estimator._validate_params()
    except ValueError as error:
        return " ".join(str(error).split())
    return None


def _public_class(name: str) -> type[BaseEstimator] | None:
    """The class behind a dotted name, where scikit-learn's `__all__` lists name it; None otherwise."""
    import sklearn
    from sklearn.base import BaseEstimator

    package, *modules, attribute = name.split(".") if "." in name else ("", name)
    if package != "sklearn" or not modules or modules[0] not in sklearn.__all__:
        return None
    if any(part == "tests" or not part or part.startswith("_") for part in modules):
        return None
    try:
        module = importlib.import_module(".".join((package, *modules)))
    except ModuleNotFoundError:
        return None
    try:
        found = getattr(module, attribute, None) if _is_public(module, attribute) else None
    except ImportError:
        # An experimental class, such as HalvingGridSearchCV, which asks for another import first.
        return None
    usable = inspect.isclass(found) and issubclass(found, BaseEstimator) and not inspect.isabstract(found)
    return found if usable else None


def _is_public(module: Any, attribute: str) -> bool:
    listed: list[str] | None = getattr(module, "__all__", None)
    return not attribute.startswith("_") if listed is None else attribute in listed


def _may_be(found: type[BaseEstimator], role: Role) -> bool:
    from sklearn.base import ClassifierMixin, MetaEstimatorMixin, RegressorMixin, TransformerMixin

    if role == "classifier":
        meta = issubclass(found, MetaEstimatorMixin) and hasattr(found, "predict_proba")
        return issubclass(found, ClassifierMixin) or (meta and not issubclass(found, RegressorMixin))
    return role == "estimator" or issubclass(found, TransformerMixin)


def _is_classifier(estimator: BaseEstimator) -> bool:
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(estimator))
    except AttributeError:
        # What a meta-estimator is depends on the estimator inside; here it has none.
        return False


def _takes_arrays(name: str, params: Mapping[str, Any]) -> bool:
    """Whether scikit-learn says that a class takes arrays of any library (https://data-apis.org/array-api)."""
    from sklearn.utils import get_tags

    return bool(get_tags(_make(name, params, 0, "classifier")).array_api_support)


def _is_required(parameter: inspect.Parameter) -> bool:
    named = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return named and parameter.default is inspect.Parameter.empty


def _did_you_mean_parameter(key: str, known: Mapping[str, object]) -> str:
    # `c` for `C` is the commonest slip, and a comparison of lower-cased words alone would miss it.
    same = [name for name in known if name.lower() == str(key).lower()]
    return f"did you mean {same[0]!r}?" if same else did_you_mean(str(key), known)


def _nearest(name: str, role: Role) -> str:
    by_class: dict[str, str] = {dotted.rpartition(".")[2].lower(): dotted for dotted in public_names(role)}
    registered = names("estimators") if _may_be_registered(name, role) else []
    by_class |= {one.lower(): one for one in registered}
    wanted = name.rpartition(".")[2].lower()
    if close := difflib.get_close_matches(wanted, by_class, n=1, cutoff=0.65):
        return f"did you mean {by_class[close[0]]!r}?"
    known = f"{', '.join(registered)}, or " if registered else ""
    return f"expected {known}a dotted name such as {EXAMPLES[role]!r}"


def _may_be_registered(name: str, role: Role) -> bool:
    return role == "classifier" and "." not in name


@cache
def public_names(role: Role) -> list[str]:
    """All public dotted names with that role; imports the whole of scikit-learn, so for an error's sake or a list's."""
    from sklearn.utils.discovery import all_estimators

    filters = {"classifier": "classifier", "transformer": "transformer", "estimator": None}
    found: list[tuple[str, type[BaseEstimator]]] = all_estimators(type_filter=filters[role])
    dotted = (f"{cls.__module__.partition('._')[0]}.{name}" for name, cls in found)
    return sorted(name for name in dotted if _public_class(name) is not None)


def describe(name: str) -> str:
    """The first line of a class's docstring.

    Raises
    ------
    MisuseError
        If scikit-learn has no such class.
    """
    return (inspect.getdoc(resolve(name, "estimator")) or "").partition("\n")[0]

"""Names that a suite may use, and the code each stands for.

A part is added as one file and one line here (or an entry point in another package, group `harness.datasets`,
`harness.features`, `harness.estimators`, `harness.networks` or `harness.optimizers`). The line is only a string: the
module, and whatever library it imports, is loaded when the part is first used.

A file or module given with `--plugin` can add parts too, by calling `register` when it is imported. Nothing else is
ever imported because a suite names it.

A part's parameters are the keyword-only parameters of its signature: their annotations are what a suite's values are
checked against, their defaults are the defaults, and the first line of its docstring describes it. (Part files do
not use `from __future__ import annotations`, so that the annotations stay objects.)
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pydantic

from harness.errors import HarnessError, MisuseError

Kind: TypeAlias = Literal["datasets", "features", "estimators", "networks", "optimizers"]

BUILT_IN: dict[Kind, dict[str, str]] = {
    "datasets": {
        "digits": "harness.data.digits:Digits",
        "mnist": "harness.data.mnist:Mnist",
        "fashion_mnist": "harness.data.mnist:FashionMnist",
        "cifar10": "harness.data.cifar:Cifar10",
        "cifar100": "harness.data.cifar:Cifar100",
        "openml": "harness.data.openml:OpenMl",
        "folder": "harness.data.folder:Folder",
        "archive": "harness.data.archive:Archive",
        "npz": "harness.data.arrays:Npz",
        "generated": "harness.data.generated:Generated",
    },
    "features": {
        "pixels": "harness.features.pixels:Pixels",
        "hog": "harness.features.hog:Hog",
        "lbp": "harness.features.lbp:Lbp",
        "zoning": "harness.features.zoning:Zoning",
        "projection": "harness.features.projection:Projection",
        "hu": "harness.features.hu:Hu",
        "glcm": "harness.features.glcm:Glcm",
        "gabor": "harness.features.gabor:Gabor",
        "edges": "harness.features.edges:Edges",
        "colour": "harness.features.colour:Colour",
        "zernike": "harness.features.zernike:Zernike",
        "haar": "harness.features.haar:Haar",
        "topology": "harness.features.topology:Topology",
        "regions": "harness.features.regions:Regions",
        "bovw": "harness.features.bovw:Bovw",
        "patches": "harness.features.patches:Patches",
        "scattering": "harness.features.scattering:Scattering",
        "deskew": "harness.features.deskew:Deskew",
        "pca": "harness.features.pca:Pca",
        "select": "harness.features.select:Select",
        "whiten": "harness.features.whiten:Whiten",
        "embedding": "harness.models.embedding:Embedding",
    },
    "estimators": {
        "xgboost": "harness.models.boosting:xgboost",
        "lightgbm": "harness.models.boosting:lightgbm",
        "ebm": "harness.models.boosting:ebm",
    },
    "networks": {
        "perceptron": "harness.models.networks.perceptron:perceptron",
        "mlp": "harness.models.networks.mlp:mlp",
        "rbf": "harness.models.networks.rbf:rbf",
        "rnn": "harness.models.networks.rnn:rnn",
        "lstm": "harness.models.networks.lstm:lstm",
        "gru": "harness.models.networks.gru:gru",
        "lenet5": "harness.models.networks.lenet5:lenet5",
        "cnn": "harness.models.networks.cnn:cnn",
        "vgg16": "harness.models.networks.vgg16:vgg16",
        "vgg19": "harness.models.networks.vgg19:vgg19",
        "resnet": "harness.models.networks.resnet:resnet",
        "autoencoder": "harness.models.networks.autoencoder:autoencoder",
    },
    "optimizers": {
        "sgd": "harness.models.optimizers.classic:sgd",
        "momentum": "harness.models.optimizers.classic:momentum",
        "nesterov": "harness.models.optimizers.classic:nesterov",
        "adagrad": "harness.models.optimizers.classic:adagrad",
        "adadelta": "harness.models.optimizers.classic:adadelta",
        "rmsprop": "harness.models.optimizers.classic:rmsprop",
        "adam": "harness.models.optimizers.classic:adam",
        "adamax": "harness.models.optimizers.classic:adamax",
        "nadam": "harness.models.optimizers.classic:nadam",
        "adamw": "harness.models.optimizers.further:adamw",
        "lion": "harness.models.optimizers.further:lion",
        "adafactor": "harness.models.optimizers.further:adafactor",
        "ftrl": "harness.models.optimizers.further:ftrl",
        "muon": "harness.models.optimizers.further:muon",
    },
}


# What the harness calls of what a part makes.
METHODS: dict[Kind, tuple[str, ...]] = {
    "datasets": ("info", "load"),
    "features": ("fit", "transform"),
    "estimators": ("fit", "predict", "get_params", "set_params"),
}

REGISTERED: dict[Kind, dict[str, Callable[..., Any]]] = {kind: {} for kind in BUILT_IN}


def register(kind: Kind, name: str, part: Callable[..., Any]) -> None:
    """Add a part under a name; for plug-ins.

    Raises
    ------
    MisuseError
        If the name is taken or no word, or the part cannot be called with parameters that a suite could set.
    """
    if kind not in BUILT_IN:
        raise MisuseError(f"unknown kind {kind!r}; known: {', '.join(BUILT_IN)}")
    if not (isinstance(name, str) and name.isprintable() and name.strip()):
        raise MisuseError(f"{name!r} is no name for one of the {kind}; expected a word")
    if name in names(kind):
        raise MisuseError(f"{kind[:-1]} {name!r} is already registered; choose another name")
    try:
        _model(name, part)
    # What inspect and pydantic say of a part that is no function, or of annotations that are no types.
    except (TypeError, ValueError, NameError, pydantic.PydanticUserError) as error:
        raise MisuseError(f"{kind[:-1]} {name!r} cannot be used: {str(error).partition(chr(10))[0]}") from error
    REGISTERED[kind][name] = part


def load_plugin(plugin: str) -> None:
    """Import a plug-in: a `.py` file, or an importable module's dotted name.

    Raises
    ------
    MisuseError
        If there is no such file or module, or it cannot be imported.
    """
    path = Path(plugin)
    if path.suffix == ".py" and not path.is_file():
        raise MisuseError(f"--plugin {plugin}: no such file")
    try:
        if path.suffix == ".py":
            spec = importlib.util.spec_from_file_location(f"harness_plugin_{path.stem}", path.absolute())
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(plugin)
    except HarnessError as error:
        raise MisuseError(f"--plugin {plugin}: {error}") from error
    except (Exception, SystemExit) as error:
        raise MisuseError(f"--plugin {plugin}: {_failure(error, path)}") from error


def _failure(error: BaseException, path: Path) -> str:
    """What an import raised, and the line of the plug-in's file it came from, where there is one."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path.absolute())]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    words = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    where = f"line {line}: " if line else ""
    return f"cannot be imported: {where}{type(error).__name__}: {words}".removesuffix(": ")


@cache
def entries(kind: Kind) -> dict[str, str]:
    """Names of one kind and the `module:attribute` each stands for, built-in ones first."""
    found = dict(BUILT_IN[kind])
    for entry in entry_points(group=f"harness.{kind}"):
        found.setdefault(entry.name, entry.value)
    return found


def names(kind: Kind) -> list[str]:
    """All names of one kind."""
    return [*entries(kind), *REGISTERED[kind]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest known word, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(known)


def load_part(kind: Kind, name: str) -> Callable[..., Any]:
    """Import the part of that name.

    Raises
    ------
    MisuseError
        If no part has that name, or its module cannot be imported.
    """
    if name in REGISTERED[kind]:
        return REGISTERED[kind][name]
    known = entries(kind)
    if name not in known:
        raise MisuseError(f"unknown {kind[:-1]} {name!r}; {did_you_mean(name, names(kind))}")
    module, _, attribute = known[name].partition(":")
    try:
        part: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise MisuseError(f"{kind[:-1]} {name!r} cannot be loaded from {known[name]}: {error}") from error
    return part


@cache
def parameters(kind: Kind, name: str) -> type[pydantic.BaseModel]:
    """The part's parameters as a pydantic model, made from its signature."""
    return _model(name, load_part(kind, name))


def _model(name: str, part: Callable[..., Any]) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(part).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[parameter.name] = (parameter.annotation, default)
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return pydantic.create_model(name, __config__=config, **fields)


def build(kind: Kind, name: str, params: Mapping[str, Any], *args: Any) -> Any:
    """Call the part with `args` and its checked parameters.

    Raises
    ------
    MisuseError
        If no part has that name, or it makes something else than a part of its kind.
    pydantic.ValidationError
        If a parameter is unknown or its value does not fit.
    """
    checked = parameters(kind, name).model_validate(dict(params))
    made = load_part(kind, name)(*args, **{key: getattr(checked, key) for key in checked.model_fields_set})
    if lacking := [method for method in METHODS.get(kind, ()) if not callable(getattr(made, method, None))]:
        raise MisuseError(f"{kind[:-1]} {name!r} makes a {type(made).__name__} without {' and '.join(lacking)}")
    return made


def make(kind: Kind, name: str, params: Mapping[str, Any]) -> Any:
    """As `build`, with what is wrong with a parameter in one line.

    Raises
    ------
    MisuseError
        If no part has that name, a parameter is unknown or its value does not fit.
    """
    try:
        return build(kind, name, params)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (name, *first["loc"])))
        raise MisuseError(f"{place}: {first['msg']}, received {first['input']!r}") from error


def describe(kind: Kind, name: str) -> str:
    """The first line of the part's docstring."""
    return (inspect.getdoc(load_part(kind, name)) or "").partition("\n")[0]

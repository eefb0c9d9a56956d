"""What a suite file may say, as frozen pydantic models.

These check shapes and values. Whether a name is registered and its parameters are right is `harness.suite.parts`.
"""

import json
import re
from functools import cached_property
from pathlib import PurePath
from typing import Annotated, Any, Literal

import pydantic
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]

DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|min|h)$")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)$")
BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_duration(value: object) -> object:
    """`90`, `90s`, `20min` or `1.5h` as seconds."""
    if isinstance(value, str):
        if match := DURATION.match(value):
            return float(match[1]) * SECONDS[match[2]]
        raise ValueError("expected a duration such as 90s, 20min or 1.5h")
    return value


def parse_bytes(value: object) -> object:
    """`512MiB` or `8GiB` as bytes."""
    if isinstance(value, str):
        if match := AMOUNT.match(value):
            amount = float(match[1]) * BYTES[match[2]]
            if amount < 2**63:
                return int(amount)
        raise ValueError("expected an amount such as 512MiB or 8GiB")
    return value


def one_or_many(value: object) -> object:
    """A single item stands for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def parse_part(value: object) -> object:
    """`hog` or `{hog: {pixels_per_cell: 7}}` as a name and its parameters."""
    if isinstance(value, Part):
        return value
    if isinstance(value, str):
        return {"name": value, "params": {}}
    if isinstance(value, dict) and set(value) == {"name", "params"}:
        return value
    if isinstance(value, dict) and len(value) == 1:
        (name, params), *_ = value.items()
        params = {} if params is None else params
        if not isinstance(params, dict):
            raise ValueError(f"expected parameters as a mapping, such as {{{name}: {{key: value}}}}")
        return {"name": name, "params": params}
    raise ValueError(
        "expected a name, or a mapping with one name and its parameters, such as {hog: {pixels_per_cell: 7}}"
    )


class Model(pydantic.BaseModel):
    """Base of everything in a suite: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Part(Model):
    """A registered part, or a scikit-learn class by its dotted name, and its parameters."""

    name: str = Field(min_length=1)
    params: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """What rows call a dataset: its `name` or `id` where the suite gives one, else what its `path` ends in."""
        number = f"{self.name}-{self.params['id']}" if "id" in self.params else ""
        file = PurePath(str(self.params.get("path", ""))).name.partition(".")[0]
        return str(self.params.get("name") or number or file or self.name)

    def __str__(self) -> str:
        """`hog(pixels_per_cell=7)`, as labels show it."""
        inner = ", ".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.name}({inner})" if inner else self.name


PART_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        },
    ]
}


def write_part(part: Part) -> object:
    """The inverse of `parse_part`."""
    return {part.name: part.params} if part.params else part.name


PartSpec = Annotated[Part, BeforeValidator(parse_part), PlainSerializer(write_part), WithJsonSchema(PART_SCHEMA)]


Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Accelerator = Literal["none", "sklearnex", "array_api", "cuml"]


class EarlyStopping(Model):
    """Stop when the validation loss has not improved for `patience` epochs."""

    patience: int = Field(default=5, ge=1, description="epochs without improvement before training stops")
    min_delta: float = Field(default=0.0, ge=0, description="smallest fall of the validation loss that counts")
    restore_best: bool = Field(default=True, description="return to the weights of the best epoch")


class Augment(Model):
    """How training images are changed at random, anew in every epoch; see `harness.models.augment`."""

    shift: float = Field(default=0.0, ge=0, lt=1, description="at most this part of the height and of the width")
    rotate: float = Field(default=0.0, ge=0, le=180, description="at most this many degrees, either way")
    zoom: float = Field(default=0.0, ge=0, lt=1, description="larger or smaller by at most this part")
    flip: Literal["horizontal", "vertical", "horizontal_and_vertical"] | None = Field(
        default=None, description="mirror one image of two; a mirrored digit may be none"
    )
    brightness: float = Field(default=0.0, ge=0, le=1, description="lighter or darker by at most this")
    contrast: float = Field(default=0.0, ge=0, lt=1, description="contrast up or down by at most this part")
    fill: Literal["nearest", "constant", "reflect", "wrap"] = Field(
        default="nearest", description="what stands where an image was moved away"
    )


class Source(Model):
    """Other images that a network's layers are trained on first."""

    dataset: PartSpec = Field(description="a registered dataset, with images of any number of classes")
    n_train: int = Field(ge=1, description="how many of its training images, of the trial's seed")


class Transferred(Model):
    """All layers but the last trained on another dataset and frozen; the last one on the trial's own."""

    transferred: Source


SCHEMES = ("joint", "frozen", "stagewise")
# What pydantic writes into the places of mistakes in a scheme.
SCHEME_TAGS = ("by name", "from elsewhere")


def parse_scheme(value: object) -> object:
    """A scheme is one of three words, or a mapping."""
    if (
        isinstance(value, Transferred)
        or value in SCHEMES
        or (isinstance(value, dict) and set(value) == {"transferred"})
    ):
        return value
    raise ValueError(f"expected {', '.join(SCHEMES)} or {{transferred: {{dataset: fashion_mnist, n_train: 3000}}}}")


Scheme = Annotated[
    Annotated[Literal["joint", "frozen", "stagewise"], Tag(SCHEME_TAGS[0])]
    | Annotated[Transferred, Tag(SCHEME_TAGS[1])],
    Discriminator(lambda value: SCHEME_TAGS[0] if isinstance(value, str) else SCHEME_TAGS[1]),
    BeforeValidator(parse_scheme),
]


class TrainSpec(Model):
    """How a network is trained."""

    scheme: Scheme = Field(
        default="joint",
        # A recipe that says nothing of it is the same as before there was a choice, its trials too.
        exclude_if=lambda scheme: scheme == "joint",
        description="all layers at once (joint), the last one alone (frozen), one stage after the other (stagewise), "
        "or the last one on layers trained on another dataset",
    )

    epochs: int = Field(default=10, ge=1, description="passes over the training images")
    batch_size: int = Field(
        default=128, ge=1, description="images per gradient step; the last, smaller batch is used too"
    )
    min_steps: int = Field(
        default=0,
        ge=0,
        description="at least this many gradient steps: where images are few, an epoch passes over them several times",
    )
    validation_fraction: float = Field(
        default=0.0, ge=0, lt=1, description="part of the training subset held out for validation; never the test set"
    )
    early_stopping: EarlyStopping | None = Field(default=None, description="needs validation_fraction > 0")
    augment: Augment | None = Field(
        default=None, description="change the training images at random; never the test set"
    )
    steps_per_execution: int = Field(default=1, ge=1, description="gradient steps per call into the backend")
    jit_compile: bool | None = Field(
        default=None, description="compile with XLA (torch: TorchInductor); where not given, what the device does best"
    )
    precision: Precision | None = Field(
        default=None, description="number format of the layers; where not given, what the device does best"
    )

    @property
    def scheme_name(self) -> str:
        """`joint`, `frozen`, `stagewise` or `transferred`."""
        return self.scheme if isinstance(self.scheme, str) else "transferred"

    @model_validator(mode="after")
    def early_stopping_needs_validation(self) -> "TrainSpec":
        """Refuse early stopping on anything but a validation part."""
        if self.early_stopping is not None and self.validation_fraction == 0:
            raise ValueError("early_stopping needs validation_fraction > 0, such as validation_fraction: 0.1")
        if self.early_stopping is not None and self.scheme != "joint":
            raise ValueError(
                f"early_stopping goes with scheme: joint alone; a {self.scheme_name} one has a fixed budget"
            )
        return self


DEFAULT_OPTIMIZER = Part(name="adam")


class Tuning(Model):
    """How the settings of every pipeline are chosen, inside its training images; see `harness.tuning`."""

    trials: int | None = Field(default=None, ge=1, le=10_000, description="settings that are tried, the default first")
    time: (
        Annotated[
            float, BeforeValidator(parse_duration), Field(gt=0, le=1e9), WithJsonSchema({"type": ["number", "string"]})
        ]
        | None
    ) = Field(default=None, description="no setting is tried that would begin later; the default always is")
    holdout: float = Field(
        default=0.2, gt=0, lt=1, description="part of the training images that settings are scored on"
    )
    folds: int | None = Field(
        default=None, ge=2, le=20, description="score by k-fold cross-validation instead of one held-out part"
    )

    @model_validator(mode="after")
    def one_budget(self) -> "Tuning":
        """Refuse two budgets or none, and two ways of scoring."""
        if (self.trials is None) == (self.time is None):
            raise ValueError("expected one budget: either {trials: 20} or {time: 10min}")
        if self.folds is not None and "holdout" in self.model_fields_set:
            raise ValueError("settings are scored either on a `holdout` or in `folds`; take one of the two")
        return self

    def __str__(self) -> str:
        """`trials=20, holdout=0.2`, as rows show it."""
        budget = f"trials={self.trials}" if self.time is None else f"time={self.time:g}s"
        return f"{budget}, {f'folds={self.folds}' if self.folds else f'holdout={self.holdout:g}'}"


Searched = Literal["estimator", "network", "optimizer"]
SearchSpec = dict[Searched, dict[str, Any]]
Varied = Literal["estimator", "network"]
VarySpec = dict[Varied, dict[str, list[Any]]]


class Explain(Model):
    """How what a pipeline's features measure, and what its estimator does with them, is told; see `harness.explain`."""

    images: int = Field(default=1000, ge=50, description="test images that are measured, drawn by the seed")
    patches: int = Field(
        default=7, ge=2, le=32, description="patches per side of the grid that is deleted and inserted"
    )
    leaves: Annotated[list[Annotated[int, Field(ge=2, le=1024)]], BeforeValidator(one_or_many)] = Field(
        default=[4, 8, 16, 32, 64], min_length=1, description="sizes of the trees that stand in for the classifier"
    )


def parse_explain(value: object) -> object:
    """`true` stands for the settings as they come, `false` for none."""
    if isinstance(value, bool):
        return {} if value else None
    return value


class Pipeline(Model):
    """Features and an estimator, or a network with its optimizer and training, with or without features before it."""

    features: Annotated[list[PartSpec], BeforeValidator(one_or_many)] | None = Field(
        default=None, description="handcrafted features, chained in this order", min_length=1
    )
    estimator: PartSpec | None = Field(
        default=None, description="a registered classifier, or one of scikit-learn by its dotted name"
    )
    accelerator: Annotated[list[Accelerator], BeforeValidator(one_or_many)] | None = Field(
        default=None,
        description="what computes the estimator: none (scikit-learn itself), sklearnex, array_api or cuml; a list "
        "expands into one pipeline each; where not given none on the CPU, and on a GPU cuml or else array_api",
        min_length=1,
    )
    network: PartSpec | None = Field(default=None, description="a registered Keras network")
    optimizer: Annotated[list[PartSpec], BeforeValidator(one_or_many)] | None = Field(
        default=None,
        description="one optimizer or a list, which expands into one pipeline each; adam where not given",
        min_length=1,
    )
    train: TrainSpec | None = Field(default=None, description="how the network is trained")
    search: SearchSpec | None = Field(
        default=None,
        description="what `tuning` tries instead of the ranges that ship with a part: "
        "{estimator: {C: {low: 0.1, high: 100, log: true}, kernel: [rbf, poly]}}",
    )
    vary: VarySpec | None = Field(
        default=None,
        description="one parameter and its values, such as {network: {width: [4, 8, 16]}}; "
        "expands into one pipeline each, NAME/width=4 and so on",
    )
    ablate: bool | None = Field(
        default=None,
        description="expands into the pipeline and, for each of its features, NAME/without-FEATURE; "
        "pixels stand in for what made features of images",
    )
    explain: Annotated[Explain | None, BeforeValidator(parse_explain, json_schema_input_type=bool | Explain | None)] = (
        Field(
            default=None,
            description="tell in a last phase how well what the features measure can be named, and how well what the "
            "estimator does can be followed: true, or a mapping",
        )
    )

    contends: bool = Field(
        default=True,
        # Says what rows are for, not what a trial does: one that contends is the same as before there was a choice.
        exclude_if=lambda contends: contends is True,
        description="whether it may be called the best of its family; false for probes, such as a pipeline that is "
        "there to be explained",
    )

    @property
    def chosen_optimizer(self) -> Part | None:
        """What trains the network, of several optimizers the first; adam where none is named."""
        if self.network is None:
            return None
        return self.optimizer[0] if self.optimizer else DEFAULT_OPTIMIZER

    @cached_property
    def compared(self) -> dict[str, Any]:
        """Columns that say what is compared; see `harness.suite.compared`. Thousands of trials share it."""
        from harness.suite.compared import compared

        return compared(self)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """What the suite says, as JSON holds it; thousands of trials share it."""
        return self.model_dump(mode="json", exclude_none=True)

    @model_validator(mode="after")
    def is_one_of_two(self) -> "Pipeline":
        """Refuse a mixture of the two kinds and neither."""
        if (self.network is None) == (self.estimator is None):
            raise ValueError("expected either `estimator` (with `features`) or `network`, and exactly one of the two")
        if self.estimator is not None:
            if self.features is None:
                raise ValueError("an estimator needs `features`; for raw pixels write features: [pixels]")
            for key in ("optimizer", "train"):
                if getattr(self, key) is not None:
                    raise ValueError(f"`{key}` belongs to a network; an estimator takes its settings as parameters")
        elif self.accelerator is not None:
            raise ValueError("`accelerator` belongs to an estimator; a network takes `train: {jit_compile, precision}`")
        for key in self.search or ():
            if getattr(self, key) is None and not (key == "optimizer" and self.network):
                raise ValueError(f"`search` names the {key}, and this pipeline has none")
        self._expands_once()
        return self

    def _expands_once(self) -> None:
        """Refuse what `vary`, `ablate` and `explain` cannot do for this pipeline."""
        for key, does in (("ablate", "removes"), ("explain", "explains")):
            if getattr(self, key) and self.network is not None:
                raise ValueError(f"`{key}` {does} the features before an estimator, and this pipeline has a network")
        for key in ("vary", "ablate"):
            for several in ("optimizer", "accelerator"):
                if getattr(self, key) and len(getattr(self, several) or ()) > 1:
                    raise ValueError(f"`{key}` goes with one {several}, not with a list; write a pipeline for each")
        if self.vary is None:
            return
        if self.ablate:
            raise ValueError("`vary` and `ablate` do not go together; write two pipelines")
        named = [(piece, key, values) for piece, params in self.vary.items() for key, values in params.items()]
        if len(named) != 1 or len(self.vary) != 1:
            raise ValueError("`vary` takes one parameter of one part, such as vary: {network: {width: [4, 8, 16]}}")
        (piece, key, values), *_ = named
        if getattr(self, piece) is None:
            raise ValueError(f"`vary` names the {piece}, and this pipeline has none")
        if len({json.dumps(value, sort_keys=True, default=repr) for value in values}) != max(len(values), 2):
            raise ValueError(f"`vary` needs at least two values of {key!r}, none of them twice")
        if key in (self.search or {}).get(piece, {}):
            raise ValueError(f"{key!r} is in `vary` and in `search`; take one of the two")


def parse_size(value: object) -> object:
    """A size is a whole number, or `full`."""
    if isinstance(value, bool) or not ((isinstance(value, int) and value >= 1) or value == "full"):
        raise ValueError("expected a whole number of training images, or full")
    return value


Size = Annotated[
    int | Literal["full"],
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "full"}]}),
]
Device = Literal["cpu", "gpu"]
Backend = Literal["tensorflow", "jax", "torch"]
COMPARISON = re.compile(r"^(<=|>=|<|>)\s*([0-9]{1,18})$")


def parse_size_pattern(value: object) -> object:
    """A size, `full`, or a comparison such as `>3000`."""
    if isinstance(value, str) and value != "full" and not COMPARISON.match(value):
        raise ValueError("expected a whole number, full, or a comparison such as '>3000'")
    return value


Patterns = Annotated[list[str], BeforeValidator(one_or_many), Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], BeforeValidator(one_or_many), Field(min_length=1)]
Devices = Annotated[list[Device], BeforeValidator(one_or_many), Field(min_length=1)]
Backends = Annotated[list[Backend], BeforeValidator(one_or_many), Field(min_length=1)]


class Match(Model):
    """Trials for which every named key matches; names take `*` and `?`."""

    pipeline: Patterns | None = None
    dataset: Patterns | None = None
    size: (
        Annotated[
            list[Annotated[int | str, BeforeValidator(parse_size_pattern)]],
            BeforeValidator(one_or_many),
            Field(min_length=1),
        ]
        | None
    ) = None
    seed: Seeds | None = None
    device: Devices | None = None
    backend: Backends | None = None

    @model_validator(mode="after")
    def names_something(self) -> "Match":
        """Refuse an empty pattern, which would match every trial."""
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("expected at least one of pipeline, dataset, size, seed, device, backend")
        return self


class Addition(Model):
    """Further trials beyond the grid; what is not named is as in the suite."""

    pipeline: Patterns
    dataset: Patterns | None = None
    sizes: Annotated[list[Size], BeforeValidator(one_or_many), Field(min_length=1)] | None = None
    seeds: Seeds | None = None
    devices: Devices | None = None
    backends: Backends | None = None


class Limits(Model):
    """What one trial may use before it is stopped and recorded as `timeout` or `oom`."""

    time: (
        Annotated[
            float, BeforeValidator(parse_duration), Field(gt=0, le=1e9), WithJsonSchema({"type": ["number", "string"]})
        ]
        | None
    ) = None
    memory: (
        Annotated[
            int, BeforeValidator(parse_bytes), Field(gt=0, lt=2**63), WithJsonSchema({"type": ["integer", "string"]})
        ]
        | None
    ) = None


MAX_SEEDS = 100_000


def parse_seeds(value: object) -> object:
    """`5` stands for seeds 0 to 4."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_SEEDS:
            raise ValueError(f"expected 1 to {MAX_SEEDS:,} seeds")
        return list(range(value))
    return value


class Suite(Model):
    """A benchmark suite: which pipelines run on which data, at which sizes and seeds."""

    suite: Name = Field(description="the suite's name; the run folder is called after it")
    description: str = Field(default="", description="the question this suite answers")
    datasets: Annotated[list[PartSpec], BeforeValidator(one_or_many)] = Field(
        min_length=1, description="registered datasets"
    )
    sizes: Annotated[list[Size], BeforeValidator(one_or_many)] = Field(
        min_length=1, description="numbers of training images, nested: 300 contains 100; full takes all"
    )
    seeds: Annotated[
        Seeds,
        BeforeValidator(parse_seeds),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "minItems": 1, "items": {"type": "integer"}},
                ]
            }
        ),
    ] = Field(default=[0], description="5 stands for seeds 0 to 4; a list names them")
    repeats: int = Field(
        default=1, ge=1, le=1000, description="how often each trial is measured, interleaved with the others (A B A B)"
    )
    devices: Devices = Field(default=["cpu"], description="a missing device gives rows with status skipped")
    backends: Backends = Field(default=["tensorflow"], description="Keras backends for the networks")
    threads: int | None = Field(
        default=None, ge=1, le=4096, description="CPU threads of a trial; all cores where not given"
    )
    limits: Limits = Limits()
    tuning: Tuning | None = Field(
        default=None,
        description="run every pipeline a second time, as NAME/tuned, with settings chosen by the same budget for all",
    )
    exclude: Annotated[list[Match], BeforeValidator(one_or_many)] = Field(
        default=[], description="trials to leave out of the grid"
    )
    include: Annotated[list[Addition], BeforeValidator(one_or_many)] = Field(
        default=[], description="trials beyond the grid"
    )
    pipelines: dict[Name, Pipeline] = Field(min_length=1, description="what is compared, by name")

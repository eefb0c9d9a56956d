"""What `harness describe` says of parts and suites, from Python and from the command line."""

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from harness import registry
from harness.cli import app
from harness.describe import docs, show
from harness.describe.parts import Description, Parameter, describe
from harness.errors import MisuseError
from harness.suite.load import shipped_suites

EVERY = [(kind, name) for kind in registry.BUILT_IN for name in registry.BUILT_IN[kind]]


def parameters(description: Description) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in description.parameters}


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_part_is_described(kind: registry.Kind, name: str) -> None:
    (found,) = describe(name, kind)
    assert found.summary == registry.describe(kind, name)
    assert list(parameters(found)) == list(registry.parameters(kind, name).model_fields)
    file, _, line = found.source.rpartition(":")
    part = registry.load_part(kind, name)
    assert f" {part.__name__}" in Path(file).read_text().splitlines()[int(line) - 1]
    if kind != "optimizers":
        assert [one for one, parameter in parameters(found).items() if not parameter.explanation] == []
    json.dumps(show.as_data(found))


@pytest.mark.parametrize("name", shipped_suites())
def test_every_suite_is_described(name: str) -> None:
    (found,) = describe(name, "suites")
    assert "Question: " in found.text
    assert found.source.endswith(f"suites/{name}.yaml")
    assert set(found.facts) == {"datasets", "sizes", "seeds", "pipelines"}


def test_a_features_words() -> None:
    (hog,) = describe("hog", "features")
    assert hog.kind == "features"
    assert hog.facts == {"takes": "images", "gives": "matrix", "learned": "no"}
    assert parameters(hog)["pixels_per_cell"] == Parameter(
        "pixels_per_cell", "integer >= 1", 7, False, "Side of the square cell that one histogram describes."
    )
    assert parameters(hog)["block_norm"].type == "one of L1, L1-sqrt, L2, L2-Hys"
    assert hog.references == ["Dalal and Triggs, Histograms of oriented gradients for human detection (CVPR 2005)."]
    (pca,) = describe("pca", "features")
    assert pca.facts == {"takes": "matrix", "gives": "matrix", "learned": "from the training images"}
    assert parameters(pca)["n_components"].type == "integer >= 1 or number > 0 and < 1"


def test_options_common_to_all_optimizers_are_explained() -> None:
    (nadam,) = describe("nadam", "optimizers")
    assert parameters(nadam)["learning_rate"].explanation == "Of the first step."
    assert "Dozat" in " ".join(nadam.references)


def test_options_that_are_explained_elsewhere_are_looked_up() -> None:
    (vgg16,) = describe("vgg16", "networks")
    assert parameters(vgg16)["input_size"].explanation.startswith("Side in pixels that images are resized to")


def test_scikit_learns_classes_are_described_by_their_own_docstrings() -> None:
    (svc,) = describe("sklearn.svm.SVC")
    assert svc.kind == "estimators"
    assert (parameters(svc)["C"].type, parameters(svc)["C"].default) == ("float", 1.0)
    assert parameters(svc)["gamma"].type == "{'scale', 'auto'} or float"
    assert svc.references[0].startswith("`LIBSVM: A Library")
    assert ":class:" not in svc.text
    (scaler,) = describe("sklearn.preprocessing.StandardScaler")
    assert scaler.kind == "features"


def test_a_name_that_two_kinds_have_is_shown_twice_and_a_kind_chooses() -> None:
    assert [found.kind for found in describe("mnist")] == ["datasets", "suites"]
    assert [found.kind for found in describe("mnist", "suites")] == ["suites"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("hgo", None, "nothing is named 'hgo'; did you mean 'hog'?"),
        ("hgo", "features", "unknown feature 'hgo'; did you mean 'hog'?"),
        ("SVC", None, "nothing is named 'SVC'; did you mean 'sklearn.svm.SVC'?"),
        (
            "sklearn.svm.SVCC",
            None,
            "unknown scikit-learn estimator 'sklearn.svm.SVCC'; did you mean 'sklearn.svm.SVC'?",
        ),
        ("qqqqqq", "networks", "unknown network 'qqqqqq'; what there is: harness list networks"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest(name: str, kind: str | None, message: str) -> None:
    with pytest.raises(MisuseError) as caught:
        describe(name, kind)
    assert str(caught.value) == message


def odd(
    x: Any,
    *,
    pair: tuple[int, int],
    share: Annotated[float, Field(gt=0, le=1)] | None = None,
    word: str = "a",
    how: Any = object,
) -> None:
    """A part of many kinds of parameters.

    Some text
    in two lines (Nobody, Nowhere 1999). And more.

    Parameters
    ----------
    pair, share
        Of something:

        - one;
        - two,
          and more of it.
    """


def test_a_parts_parameters_of_every_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.REGISTERED["features"], "odd", odd)
    registry.parameters.cache_clear()
    (found,) = describe("odd", "features")
    registry.parameters.cache_clear()
    assert found.text == "Some text in two lines (Nobody, Nowhere 1999). And more."
    assert found.references == ["Some text in two lines (Nobody, Nowhere 1999)."]
    told = parameters(found)
    assert (told["pair"].type, told["pair"].required) == ("list of 2 integer", True)
    assert told["share"].type == "number > 0 and <= 1 or null"
    assert told["pair"].explanation == told["share"].explanation
    assert told["share"].explanation == "Of something:\n\n- one;\n- two, and more of it."
    assert told["how"].explanation == ""
    lines = list(show.as_lines(found))
    assert "  pair: list of 2 integer, required" in lines
    assert "  share: number > 0 and <= 1 or null, default null" in lines
    assert max(map(len, lines[1:-1])) <= show.WIDTH


def test_sphinxs_markup_is_left_out() -> None:
    text = "See :class:`~sklearn.svm.SVC` and :ref:`the guide <guide>`.\n\n.. versionadded:: 1.4\n   New.\n\nMore."
    assert docs.flowing(text) == "See `sklearn.svm.SVC` and `the guide`.\n\nMore."


def run(*words: str) -> list[str]:
    told = CliRunner().invoke(app, ["describe", *words], catch_exceptions=False)
    assert told.exit_code == 0
    return told.stdout.splitlines()


def test_the_command_shows_a_network_with_its_audit() -> None:
    lines = run("vgg16", "--kind", "networks")
    assert lines[0].startswith("vgg16 (network): VGG16")
    row = next(line for line in lines if line.startswith("  fc1 "))
    assert row.split() == ["fc1", "Dense", "4096", "102,764,544", "102,760,448", "16,384", "102,764,544", "agrees"]
    assert lines[-1].endswith("configuration D in all 21 layers: 138,357,544 parameters")
    assert "  15,470,264,320 multiply-adds in convolutions, dense and recurrent layers" in lines


def test_the_command_takes_input_classes_and_settings_and_gives_json() -> None:
    words = (
        "cnn",
        "--kind",
        "networks",
        "--input",
        "8x10x3",
        "--classes",
        "4",
        "--set",
        "width=2",
        "--set",
        "depth=1",
        "--format",
        "json",
    )
    (found,) = json.loads("\n".join(run(*words)))
    built = found["architecture"]
    assert (built["input_shape"], built["n_classes"], built["settings"]) == ([8, 10, 3], 4, {"width": 2, "depth": 1})
    assert built["layers"][0]["parameters"] == (9 * 3 + 1) * 2
    assert built["multiply_adds"] == 80 * 27 * 2 + 20 * 2 * 128 + 128 * 4
    assert built["audit"] is None
    assert found["parameters"][0]["name"] == "width"


def test_two_kinds_stand_one_after_the_other() -> None:
    lines = run("mnist")
    assert [line.partition(":")[0] for line in lines if line.startswith("mnist (")] == [
        "mnist (dataset)",
        "mnist (suite)",
    ]


def test_settings_of_what_is_no_network_are_refused() -> None:
    with pytest.raises(MisuseError, match=r"^--input, --classes and --set belong to a network, and 'hog' is none$"):
        run("hog", "--kind", "features", "--input", "8x8")

"""VGG16 and VGG19 from files: whose weights, which of them move, and what is told of files that do not fit."""

from __future__ import annotations

import gc
import hashlib
import inspect
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from harness.errors import TrialError
from harness.models.network_classifier import dtype_policy
from harness.models.networks import vgg
from harness.models.networks.vgg import missing_weights
from harness.models.networks.vgg16 import vgg16
from harness.models.networks.vgg19 import vgg19

BUILDERS = {"vgg16": vgg16, "vgg19": vgg19}
FILES = ["vgg16.weights.h5", "vgg16.keras", "vgg16.h5", "vgg19.weights.h5"]


def convolutions(network: keras.Model) -> dict[str, Any]:
    return {layer.name: layer.get_weights()[0] for layer in network.layers if isinstance(layer, keras.layers.Conv2D)}


def images_like(n: int, shape: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, *shape), np.float32)


@pytest.fixture(scope="module")
def published() -> dict[str, keras.Model]:
    """The convolutions of keras.applications, with random weights."""
    keras.utils.set_random_seed(1)
    options = {"include_top": False, "weights": None, "input_shape": (32, 32, 3)}
    return {"vgg16": keras.applications.VGG16(**options), "vgg19": keras.applications.VGG19(**options)}


@pytest.fixture(scope="module")
def home(published: dict[str, keras.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with weights in the formats that Keras has, or once had."""
    folder = tmp_path_factory.mktemp("home")
    for file in FILES:
        network = published[file.partition(".")[0]]
        (network.save_weights if file.endswith(".weights.h5") else network.save)(folder / file)
    return folder


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That data home, which is Keras's, too."""
    monkeypatch.setenv("HARNESS_DATA_HOME", str(home))
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


@pytest.mark.parametrize("file", ["vgg16.weights.h5", "vgg16.h5", "vgg19.weights.h5"])
def test_a_files_weights_give_the_published_features(
    file: str, published: dict[str, keras.Model], at_home: Path
) -> None:
    name = file.partition(".")[0]
    images = images_like(2, (32, 32, 3))
    expected = published[name](getattr(keras.applications, name).preprocess_input(255 * images))
    network = BUILDERS[name]((32, 32, 3), 10, weights=file, head="flat")
    found = keras.Model(network.input, network.get_layer("block5_pool").output)(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.max(expected))
    for layer, weights in convolutions(published[name]).items():
        np.testing.assert_array_equal(convolutions(network)[layer], weights)


@pytest.mark.parametrize(("trainable", "moving"), [("head", []), ("last_block", [5])])
def test_only_what_is_trainable_moves(
    trainable: Any, moving: list[int], published: dict[str, keras.Model], at_home: Path
) -> None:
    file = at_home / "vgg16.weights.h5"
    network = vgg16((8, 8, 1), 3, weights=str(file), trainable=trainable, head="pooled", preprocess=False)
    network.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    head = network.get_layer("predictions").get_weights()[0]
    network.train_on_batch(images_like(3, (8, 8, 1)), np.arange(3))
    before, after = convolutions(published["vgg16"]), convolutions(network)
    assert {name[:6] for name in before if (before[name] != after[name]).any()} == {f"block{n}" for n in moving}
    assert (network.get_layer("predictions").get_weights()[0] != head).any()


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_files_that_do_not_fit_are_told_in_one_line(at_home: Path) -> None:
    whole = (at_home / "vgg16.weights.h5").read_bytes()
    for name, content in {
        "cut.weights.h5": whole[: len(whole) // 2],
        "text.h5": b"text",
        "text.keras": b"text",
    }.items():
        (at_home / name).write_bytes(content)
    for name in ("vgg19.weights.h5", "cut.weights.h5", "text.h5", "text.keras"):
        with pytest.raises(TrialError, match=rf"^{at_home}/{name}: cannot be read as weights of vgg16 [^\n]*$"):
            vgg16((32, 32, 3), 10, weights=name, head="pooled")
    with pytest.raises(TrialError, match=r"have no batch normalisation; leave batch_norm or them out"):
        vgg16((32, 32, 3), 10, weights="vgg16.h5", batch_norm=True)


def test_nothing_of_a_keras_file_but_its_weights_is_read(published: dict[str, keras.Model], at_home: Path) -> None:
    with zipfile.ZipFile(at_home / "vgg16.keras") as source, zipfile.ZipFile(at_home / "odd.keras", "w") as odd:
        odd.writestr("config.json", "this would be code")
        odd.writestr("model.weights.h5", source.read("model.weights.h5"))
    network = vgg16((32, 32, 3), 10, weights="odd.keras", head="pooled")
    np.testing.assert_array_equal(
        convolutions(network)["block1_conv1"], convolutions(published["vgg16"])["block1_conv1"]
    )


def test_imagenets_file_is_taken_from_kerass_cache_if_it_is_the_published_one(
    published: dict[str, keras.Model], at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = at_home / "models" / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    told = missing_weights("vgg19", {"weights": "imagenet"})
    assert told is not None
    assert str(path) in told
    assert "keras.applications.VGG19(include_top=False)" in told
    with pytest.raises(TrialError, match=r"no ImageNet weights at .*; fetch them with"):
        vgg19((32, 32, 3), 10, weights="imagenet")
    path.parent.mkdir()
    published["vgg19"].save(path)
    assert missing_weights("vgg19", {"weights": "imagenet"}) is None
    with pytest.raises(TrialError, match=rf"has MD5 \w+, published is {vgg.PUBLISHED['vgg19'].md5}; remove it"):
        vgg19((32, 32, 3), 10, weights="imagenet")
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(vgg.PUBLISHED, "vgg19", vgg.PUBLISHED["vgg19"]._replace(md5=md5))
    network = vgg19((28, 28, 1), 10, weights="imagenet", head="pooled")
    np.testing.assert_array_equal(
        convolutions(network)["block5_conv4"], convolutions(published["vgg19"])["block5_conv4"]
    )


def test_the_published_file_and_its_hash_are_those_of_keras() -> None:
    for name, (_, file, md5) in vgg.PUBLISHED.items():
        source = inspect.getsource(getattr(keras.applications, name.upper()))
        assert f'"{file}"' in source
        assert f'"{md5}"' in source


def test_absent_weights_are_told_without_building(tmp_path: Path) -> None:
    assert missing_weights("vgg16", {}) is None
    assert missing_weights("cnn", {"weights": "imagenet"}) is None
    told = missing_weights("vgg19", {"weights": "mine.weights.h5"}, tmp_path)
    assert told == (
        f"vgg19: no file of weights at {tmp_path}/mine.weights.h5; put it there, or give `weights` an absolute path"
    )
    (tmp_path / "mine.weights.h5").touch()
    assert missing_weights("vgg19", {"weights": "mine.weights.h5"}, tmp_path) is None


@pytest.mark.parametrize(
    ("head", "expected"),
    [("pooled", 513 * 10), ("flat", (4 * 512 + 1) * 10), ("dense", (4 * 512 + 1) * 16 + 17 * 16 + 17 * 10)],
)
def test_heads_have_the_weights_of_their_layers(head: Any, expected: int) -> None:
    network = vgg16((64, 64, 3), 10, input_size=64, head=head, dense_units=16)
    assert network.count_params() == 14_714_688 + expected


def test_preprocessing_also_suits_random_weights_with_batch_normalisation_in_half_precision() -> None:
    with dtype_policy("mixed_bfloat16"):
        network = vgg16((8, 8, 1), 10, preprocess=True, batch_norm=True, head="pooled")
    images = images_like(2, (8, 8, 1))
    seen = keras.Model(network.input, network.get_layer("block1_conv1").input)(images)
    grey = np.asarray(keras.ops.image.resize(images, (32, 32)))
    np.testing.assert_allclose(seen, 255 * grey - [103.939, 116.779, 123.68], atol=1)
    assert network(images).dtype == "float32"
    assert network.get_layer("block1_conv1").compute_dtype == "bfloat16"


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(TrialError, match="takes images of 1 or 3 channels, received 2"):
        vgg16((32, 32, 2), 10)


@pytest.fixture(autouse=True)
def _free_the_networks() -> Any:
    yield
    gc.collect()

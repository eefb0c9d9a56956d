"""Networks really learn, and training keeps its promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.base import clone

from harness.data.base import ImageData
from harness.data.digits import Digits
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset
from harness.errors import DivergedError
from harness.models import network_classifier
from harness.models.network_classifier import NetworkClassifier
from harness.models.steps import planned
from harness.registry import build
from harness.suite.model import EarlyStopping, Part, TrainSpec

ADAM = Part(name="adam", params={"learning_rate": 0.003})


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return Digits().load(None)


@pytest.fixture
def make() -> Callable[..., NetworkClassifier]:
    """A classifier that is small and quick, but for what a test asks."""
    keras.backend.clear_session()

    def made(network: str = "mlp", optimizer: Part = ADAM, seed: int = 0, **options: Any) -> NetworkClassifier:
        params = options.pop("params", {"width": 32})
        on_epoch = options.pop("on_epoch", None)
        train = TrainSpec(**{"epochs": 3, "batch_size": 64} | options)
        part = Part(name=network, params=params)
        return NetworkClassifier(
            network=part, optimizer=optimizer, train=train, n_classes=10, seed=seed, on_epoch=on_epoch
        )

    return made


Make = Callable[..., NetworkClassifier]


def weights(fitted: NetworkClassifier) -> list[Any]:
    return list(fitted.model_.get_weights())


@pytest.mark.parametrize(
    ("network", "params", "least"),
    [("mlp", {}, 0.95), ("cnn", {}, 0.97), ("cnn", {"batch_norm": True, "depth": 3}, 0.97)],
)
def test_learns_digits(make: Make, digits: ImageData, network: str, params: dict[str, Any], least: float) -> None:
    fitted = make(network, params=params, epochs=12, batch_size=32).fit(digits.x_train, digits.y_train)
    assert np.mean(fitted.predict(digits.x_test) == digits.y_test) > least
    assert fitted.epochs_[-1]["loss"] < 0.3 * fitted.epochs_[0]["loss"]


def test_learns_mnist(make: Make, mnist_home: Any) -> None:
    mnist = Mnist().load(mnist_home)
    chosen = training_subset(mnist.y_train, 1000, 0)
    fitted = make("cnn", params={}, epochs=6, batch_size=32).fit(mnist.x_train[chosen], mnist.y_train[chosen])
    assert np.mean(fitted.predict(mnist.x_test[:1000]) == mnist.y_test[:1000]) > 0.9


def test_vgg16_learns(make: Make, digits: ImageData) -> None:
    params = {"initializer": "he_normal", "batch_norm": True, "dense_units": 64}
    optimizer = Part(name="nesterov", params={"learning_rate": 0.01})
    fitted = make("vgg16", optimizer, params=params, epochs=3, batch_size=16).fit(
        digits.x_train[:80], digits.y_train[:80]
    )
    assert fitted.epochs_[-1]["loss"] < 0.7 * fitted.epochs_[0]["loss"]


def test_probabilities_cover_every_class_though_the_subset_does_not(make: Make, digits: ImageData) -> None:
    few = digits.y_train < 3
    fitted = make(epochs=1).fit(digits.x_train[few], digits.y_train[few])
    probabilities = fitted.predict_proba(digits.x_test)
    assert probabilities.shape == (len(digits.x_test), 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(digits.x_test), probabilities.argmax(axis=1))


def test_images_are_scaled_to_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spying(images: Any) -> Any:
        seen.append(as_input(images))
        return seen[-1]

    as_input = network_classifier.as_input
    monkeypatch.setattr(network_classifier, "as_input", spying)
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 8, 3), np.uint8)
    make(epochs=1).fit(images, np.arange(40, dtype=np.int64) % 10)
    (given,) = seen
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, images / 255, rtol=1e-6)


def test_logs_an_epoch_as_it_ends(make: Make, digits: ImageData) -> None:
    heard: list[dict[str, float]] = []
    fitted = make(on_epoch=heard.append).fit(digits.x_train, digits.y_train)
    assert heard == fitted.epochs_
    assert [row["epoch"] for row in heard] == [1, 2, 3]
    assert set(heard[0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}
    assert all(math.isnan(row["val_loss"]) and math.isnan(row["val_accuracy"]) for row in heard)
    assert 0 < heard[0]["seconds"] < heard[1]["seconds"] < heard[2]["seconds"]


def test_times_building_and_the_first_step_apart(make: Make, digits: ImageData) -> None:
    fitted = make().fit(digits.x_train, digits.y_train)
    assert fitted.build_s_ > 0
    assert 0 < fitted.first_step_s_ <= fitted.epochs_[0]["seconds"]
    later = fitted.epochs_[-1]["seconds"] - fitted.epochs_[0]["seconds"]
    assert 0 < fitted.step_s_ < later / (2 * math.ceil(len(digits.x_train) / 64))
    assert fitted.n_parameters_ == (64 + 1) * 32 + (32 + 1) * 32 + (32 + 1) * 10
    assert fitted.learning_rate_ == pytest.approx(0.003)


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_timing_leaves_training_as_it_was(
    make: Make, digits: ImageData, steps_per_execution: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = make(steps_per_execution=steps_per_execution).fit(digits.x_train, digits.y_train)
    monkeypatch.setattr(network_classifier.StepClock, "epoch_begins", lambda clock: None)
    bare = make(steps_per_execution=steps_per_execution).fit(digits.x_train, digits.y_train)
    assert bare.step_s_ is None
    for ours, theirs in zip(weights(timed), weights(bare), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert timed.model_.train_function.__name__ == bare.model_.train_function.__name__


def test_a_seed_decides_the_weights(make: Make, digits: ImageData) -> None:
    first, again, other = (make(seed=seed, epochs=1).fit(digits.x_train, digits.y_train) for seed in (1, 1, 2))
    np.testing.assert_array_equal(weights(first)[0], weights(again)[0])
    assert not np.array_equal(weights(first)[0], weights(other)[0])


@pytest.mark.parametrize(("n", "steps_per_execution"), [(5, 16), (70, 16), (130, 2)])
def test_no_image_is_left_out(make: Make, digits: ImageData, n: int, steps_per_execution: int) -> None:
    """The last, smaller batch and an incomplete execution make their steps as well."""
    fitted = make(epochs=2, steps_per_execution=steps_per_execution).fit(digits.x_train[:n], digits.y_train[:n])
    assert int(fitted.model_.optimizer.iterations) == 2 * math.ceil(n / 64)
    assert len(fitted.epochs_) == 2


def test_several_steps_in_one_execution_make_the_same_network(make: Make, digits: ImageData) -> None:
    one, four = (make(steps_per_execution=k).fit(digits.x_train, digits.y_train) for k in (1, 4))
    for single, several in zip(weights(one), weights(four), strict=True):
        np.testing.assert_allclose(single, several, atol=1e-5)
    assert [row["loss"] for row in one.epochs_] == pytest.approx([row["loss"] for row in four.epochs_], rel=1e-4)


@pytest.mark.parametrize(
    ("n", "options", "expected"),
    [
        (100, {"epochs": 3, "batch_size": 32}, (1, 12)),
        (100, {"epochs": 3, "batch_size": 32, "min_steps": 50}, (6, 57)),
        (1000, {"epochs": 3, "batch_size": 32, "min_steps": 50}, (1, 96)),
        (1, {"epochs": 1, "batch_size": 128, "min_steps": 7}, (769, 7)),
    ],
)
def test_few_images_are_passed_over_more_often(n: int, options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert planned(n, TrainSpec(**options)) == expected


def test_min_steps_are_made_on_what_validation_leaves(make: Make, digits: ImageData) -> None:
    fitted = make(epochs=1, min_steps=20, validation_fraction=0.5).fit(digits.x_train[:200], digits.y_train[:200])
    assert len(fitted.epochs_) == 1
    assert 20 <= int(fitted.model_.optimizer.iterations) < 22


def test_a_schedule_ends_with_training(make: Make, digits: ImageData) -> None:
    optimizer = Part(name="sgd", params={"learning_rate": 0.1, "schedule": "cosine"})
    fitted = make(optimizer=optimizer, epochs=4).fit(digits.x_train, digits.y_train)
    rates = [row["learning_rate"] for row in fitted.epochs_]
    expected = [0.05 * (1 + math.cos(math.pi * epoch / 4)) for epoch in range(4)]
    assert rates == pytest.approx(expected, rel=1e-4)
    assert float(fitted.model_.optimizer.learning_rate) == pytest.approx(0, abs=1e-7)
    assert fitted.learning_rate_ == pytest.approx(0.1)


def test_validates_on_training_images_only(make: Make, digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float, int]] = []

    def split(y: Any, fraction: float, seed: int) -> tuple[Any, Any]:
        asked.append((len(y), fraction, seed))
        return np.arange(100), np.arange(100, 150)

    monkeypatch.setattr(network_classifier, "validation_split", split)
    # Labels of the validation part that no image of the training part has: it cannot be right about any of them.
    y = np.where(np.arange(150) < 100, digits.y_train[:150] % 5, 9)
    params = {"width": 64, "dropout": 0.0}
    fitted = make(seed=3, params=params, epochs=15, batch_size=16, validation_fraction=0.25).fit(
        digits.x_train[:150], y
    )
    assert asked == [(150, 0.25, 3)]
    assert fitted.epochs_[-1]["accuracy"] > 0.9
    assert fitted.epochs_[-1]["val_accuracy"] == 0


def test_early_stopping_returns_to_the_best_epoch(make: Make, digits: ImageData) -> None:
    options = {"epochs": 60, "batch_size": 8, "validation_fraction": 0.4}
    too_fast = Part(name="adam", params={"learning_rate": 0.02})
    stopping = EarlyStopping(patience=3)
    x, y = digits.x_train[:150], digits.y_train[:150]
    fitted = make(optimizer=too_fast, early_stopping=stopping, **options).fit(x, y)
    losses = [row["val_loss"] for row in fitted.epochs_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + stopping.patience < 60
    held_out = network_classifier.validation_split(y, 0.4, 0)[1]
    probabilities = fitted.predict_proba(x[held_out])
    restored = -np.mean(np.log(probabilities[np.arange(len(held_out)), y[held_out]]))
    assert restored == pytest.approx(losses[best], rel=1e-3)


def test_divergence_is_told_and_its_epochs_kept(make: Make, digits: ImageData) -> None:
    classifier = make("cnn", Part(name="sgd", params={"learning_rate": 1e6}), params={"width": 4}, epochs=5)
    with pytest.raises(DivergedError, match=r"loss became nan in epoch [1-5]; learning_rate 1e\+06: lower it"):
        classifier.fit(digits.x_train, digits.y_train)
    assert not math.isfinite(classifier.epochs_[-1]["loss"])
    assert all(math.isfinite(row["loss"]) for row in classifier.epochs_[:-1])


def test_constructor_only_stores(make: Make) -> None:
    classifier = make(epochs=7)
    copy = clone(classifier)
    assert copy.get_params(deep=False) == classifier.get_params(deep=False)
    assert vars(classifier).keys() == classifier.get_params(deep=False).keys()


@pytest.mark.parametrize(("network", "params"), [("mlp", {}), ("cnn", {}), ("vgg16", {"dense_units": 16})])
def test_mixed_precision_ends_in_single(make: Make, digits: ImageData, network: str, params: dict[str, Any]) -> None:
    before = keras.config.dtype_policy().name
    fitted = make(network, params=params, epochs=1, precision="mixed_bfloat16").fit(
        digits.x_train[:64], digits.y_train[:64]
    )
    assert fitted.precision_ == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before
    dense = [layer for layer in fitted.model_.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.compute_dtype for layer in dense] == ["bfloat16"] * (len(dense) - 1) + ["float32"]
    assert {weight.dtype for weight in fitted.model_.weights} == {"float32"}
    assert fitted.model_._compile_loss.dtype == "float32"
    assert fitted.predict_proba(digits.x_test[:5]).dtype == np.float32


def test_the_published_vgg16_in_mixed_precision_ends_in_single() -> None:
    with network_classifier.dtype_policy("mixed_bfloat16"):
        model = build("networks", "vgg16", {}, (32, 32, 3), 10)
    assert model.layers[-1].compute_dtype == "float32"
    assert model.get_layer("fc2").compute_dtype == "bfloat16"


@pytest.mark.parametrize("jit_compile", [False, True])
def test_serving_gives_the_labels_that_predicting_gives(make: Make, digits: ImageData, jit_compile: bool) -> None:
    fitted = make("cnn", params={}, jit_compile=jit_compile).fit(digits.x_train, digits.y_train)
    assert fitted.jit_compile_ is jit_compile
    serve = fitted.serve()
    np.testing.assert_array_equal(serve(digits.x_test), fitted.predict(digits.x_test))
    np.testing.assert_array_equal(serve(digits.x_test[:1]), fitted.predict(digits.x_test[:1]))

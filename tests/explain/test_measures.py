"""Known answers of each measure."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC

from harness.analysis import rules
from harness.explain import surrogate
from harness.explain.dci import dci
from harness.explain.predictability import predict_features, shuffled
from harness.explain.saliency import curves
from harness.explain.scores import importances, probabilities, weights
from harness.explain.sparsity import needed, sparsity


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def test_what_follows_from_properties_is_predicted_and_noise_is_not() -> None:
    properties = normal(600, 5)
    noise = normal(600, 3, seed=1)
    made = [properties[:, 0] ** 2, np.tanh(3 * properties[:, 1]), properties[:, 2] * properties[:, 3], noise[:, 0]]
    made += [properties[:, 4] + noise[:, 1]]
    found = predict_features(properties, np.stack(made, axis=1), 0, falls=True)
    assert found.r2[:3].min() > 0.9
    assert found.r2[3] < 0.03
    assert found.r2[4] == pytest.approx(0.5, abs=0.07)
    assert found.fall[:2].argmax(axis=1).tolist() == [0, 1]
    assert set(np.argsort(-found.fall[2])[:2]) == {2, 3}
    assert (found.fall <= found.r2[:, None]).all()


def test_properties_of_other_images_predict_nothing() -> None:
    properties = normal(300, 6)
    features = properties @ normal(6, 40, seed=1)
    assert predict_features(properties, features, 0).r2.min() > 0.95
    assert predict_features(shuffled(properties, 0), features, 0).r2.mean() < 0.01


def test_dci_of_codes_that_are_the_properties_is_one_and_of_mixed_codes_low() -> None:
    properties = normal(600, 6)
    same = dci(properties[:, ::-1] * 3, properties, 0)
    assert min(same) > 0.97
    # Every code holds as much of each property, and every property as much of each code.
    hadamard = np.array([[1.0]])
    for _ in range(3):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    eight = normal(600, 8)
    mixed = dci(eight @ hadamard, eight, 0)
    assert mixed.disentanglement < 0.1
    assert mixed.completeness < 0.1
    assert mixed.informativeness > 0.95
    nothing = dci(normal(600, 6, seed=2), properties, 0)
    assert nothing.informativeness < 0.05


def test_a_tree_imitates_a_rule_of_two_thresholds_from_four_leaves_on() -> None:
    train, held = (normal(1000, 4, seed).astype(np.float32) for seed in (0, 1))

    class Quadrants:
        def predict(self, matrix: np.ndarray) -> np.ndarray:
            return (matrix[:, 0] > 0.2) * 2 + (matrix[:, 3] > -0.1)

    found = surrogate.fidelities(Quadrants(), train, held, [2, 4, 32], 0)
    assert found[2] < 0.7
    assert found[4] > 0.97
    assert surrogate.LEAVES == rules.LEAVES


@pytest.fixture(scope="module")
def corner() -> tuple[np.ndarray, np.ndarray]:
    """Noise whose class is the brightness of its upper left quarter."""
    random = np.random.default_rng(0)
    images = random.integers(0, 60, (300, 8, 8)).astype(np.uint8)
    labels = random.integers(0, 2, 300)
    images[:, :2, :2] += (100 * labels).astype(np.uint8)[:, None, None]
    return images, labels


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def test_saliency_is_faithful_to_a_classifier_that_looks_at_one_corner(corner: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = corner
    classifier = LogisticRegression(C=100).fit(flat(images), labels)
    blank = images.mean(axis=0).round().astype(np.uint8)
    found = curves(images[:40], blank, flat, classifier, 4, 0)
    assert found.deletion_area > 0.1
    assert found.insertion_area > 0.1
    assert found.share[0] == 0
    assert found.share[-1] == 1
    assert found.deletion[0] == pytest.approx(found.insertion[-1])
    assert found.deletion[-1] == pytest.approx(found.insertion[0])

    class Blind:
        classes_ = np.array([0, 1])

        def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
            return np.tile([0.7, 0.3], (len(matrix), 1))

    unmoved = curves(images[:10], blank, flat, Blind(), 3, 0)
    assert unmoved.deletion_area == unmoved.insertion_area == 0


def test_importance_is_that_of_the_features_that_the_classifier_uses(corner: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = corner
    matrix = np.hstack([flat(images), np.ones((300, 1), np.float32)])
    classifier = LogisticRegression().fit(matrix, labels)
    found = importances(classifier, matrix, 0)
    assert set(np.argsort(-found)[:4]) == {0, 1, 8, 9}
    assert found[-1] == 0
    assert weights(found).sum() == pytest.approx(1)
    assert weights(np.zeros(4)).tolist() == [0.25] * 4


def test_probabilities_come_from_whatever_a_classifier_has(corner: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = corner
    matrix = flat(images)
    for classifier in (SVC(), RidgeClassifier(), LogisticRegression()):
        found = probabilities(classifier.fit(matrix, labels), matrix)
        assert found.shape == (300, 2)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found.argmax(axis=1) == classifier.predict(matrix)).all()


def test_few_features_are_needed_where_one_tells_all() -> None:
    matrix = normal(400, 64).astype(np.float32)
    labels = (matrix[:, 5] > 0).astype(np.int64)
    order = np.r_[5, np.delete(np.arange(64), 5)]
    found = sparsity(LogisticRegression(), order, matrix[:200], labels[:200], matrix[200:], labels[200:])
    assert found.counts == (1, 2, 4, 8, 16, 32, 64)
    assert found.needed == 1
    shared = (matrix.sum(axis=1) > 0).astype(np.int64)
    many = sparsity(LogisticRegression(), order, matrix[:200], shared[:200], matrix[200:], shared[200:])
    assert many.needed > 16


def test_the_number_needed_is_interpolated_on_its_logarithm() -> None:
    # 0.76 is 95% of 0.8, halfway between the accuracies of 4 and 16.
    assert needed([1, 4, 16, 64], [0.2, 0.72, 0.8, 0.8]) == pytest.approx(8)

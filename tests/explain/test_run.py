"""The whole procedure, on bundled digits and on nothing that it could know beforehand."""

from __future__ import annotations

import base64
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from harness.explain.run import FEATURES, Explanation, explain
from harness.run.columns import EXPLAINED, EXPLANATION_COLUMNS
from harness.suite.model import Explain

OPTIONS = Explain(images=100, patches=3, leaves=[4, 32])


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)


def explained(seed: int = 0) -> Explanation:
    digits = load_digits()
    images, labels = (digits.images * 15).astype(np.uint8), digits.target
    classifier = GaussianNB().fit(flat(images[:600]), labels[:600])
    names = [f"pixel_{place}" for place in range(64)]
    return explain(images[600:900], labels[600:900], images[:600], labels[:600], flat, classifier, names, seed, OPTIONS)


@pytest.fixture(scope="module")
def found() -> Explanation:
    return explained()


def test_every_column_is_measured(found: Explanation) -> None:
    assert set(found.measured) == set(EXPLAINED)
    assert 0 < found.measured["explained_r2"] < 1
    assert found.measured["explained_r2_shuffled"] < 0.02
    assert 0 < found.measured["surrogate_fidelity"] < 1
    assert found.measured["deletion_area"] > 0
    assert 1 < found.measured["features_needed"] <= 64


def test_lines_say_what_the_columns_rest_on(found: Explanation) -> None:
    assert all(set(line) <= set(EXPLANATION_COLUMNS) for line in found.lines)
    by_measure = {measure: [line for line in found.lines if line["measure"] == measure] for measure in _measures(found)}
    r2 = by_measure["r2"]
    assert len(r2) <= FEATURES
    assert sum(line["x"] * line["value"] for line in r2) == pytest.approx(found.measured["explained_r2"])
    assert [line["x"] for line in by_measure["fidelity"]] == [4, 32]
    assert by_measure["sparsity"][-1]["x"] == 64
    image = by_measure["image"][0]
    height, width = map(int, image["item"].split("x"))
    assert len(zlib.decompress(base64.b64decode(image["content"]))) == height * width
    items = {line["item"] for line in by_measure["activation"]}
    assert items == {line["item"] for line in by_measure["property_r2"]}
    assert len(found.lines) < 2000


def _measures(found: Explanation) -> set[str]:
    return {line["measure"] for line in found.lines}


def test_a_seed_decides_everything(found: Explanation) -> None:
    assert explained() == found


def test_constant_features_explain_nothing_and_are_no_failure() -> None:
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype(np.uint8)
    labels = np.arange(60) % 3

    def nothing(some: np.ndarray) -> np.ndarray:
        return np.ones((len(some), 2), np.float32)

    classifier = LogisticRegression().fit(nothing(images), labels)
    options = SimpleNamespace(images=60, patches=2, leaves=[2])
    made = explain(images, labels, images, labels, nothing, classifier, ["a", "b"], 0, options)
    assert "explained_r2" not in made.measured
    assert made.measured["surrogate_fidelity"] == 1
    assert made.measured["deletion_area"] == 0

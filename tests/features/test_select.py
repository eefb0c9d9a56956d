"""Features are selected by what they say of the label; and every way of selecting and reducing that suites can name."""

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from harness.data.digits import Digits
from harness.errors import TrialError
from harness.features.build import build_features
from harness.features.select import Select
from harness.suite.load import parse_suite
from harness.suite.model import Part

RNG = np.random.default_rng(0)
Y = np.arange(200) % 2


@pytest.fixture
def matrix():
    """Noise, but for column 3, which tells by its mean, column 5 by its spread, and column 7, which is constant."""
    x = RNG.normal(size=(200, 9)).astype(np.float32)
    x[:, 3] += 3 * Y
    x[:, 5] *= 1 + 9 * Y
    x[:, 7] = 1
    return x


def test_mutual_information_finds_what_anova_cannot(matrix):
    assert set(Select(k=2, random_state=0).fit(matrix, Y).columns_) == {3, 5}
    chosen = Select(k=1, by="anova").fit(matrix, Y)
    assert list(chosen.columns_) == [3]
    np.testing.assert_array_equal(chosen.transform(matrix)[:, 0], matrix[:, 3])
    assert list(chosen.get_feature_names_out([f"f{i}" for i in range(9)])) == ["f3"]


def test_scores_are_scikit_learns(matrix):
    chosen = Select(k=9, random_state=3).fit(matrix, Y)
    expected = mutual_info_classif(matrix, Y, random_state=3)
    np.testing.assert_allclose(chosen.selection_.scores_, expected)


def test_more_than_there_are_keeps_all_and_labels_are_needed(matrix):
    assert Select(k=50, by="anova").fit(matrix, Y).transform(matrix).shape == (200, 9)
    for y in (None, np.zeros(200, int)):
        with pytest.raises(TrialError, match="labels of at least 2 classes"):
            Select().fit(matrix, y)


WAYS = {
    "mutual information": "{select: {k: 20}}",
    "anova": "{select: {k: 20, by: anova}}",
    "pca": "{pca: {n_components: 20}}",
    "lda": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "rfe": "{sklearn.feature_selection.RFE: {n_features_to_select: 20, step: 10, "
    "estimator: {sklearn.svm.LinearSVC: {C: 0.1}}}}",
    "l1": "{sklearn.feature_selection.SelectFromModel: {estimator: "
    "{sklearn.linear_model.LogisticRegression: {l1_ratio: 1, solver: saga, C: 1, max_iter: 50, tol: 0.01}}}}",
}


@pytest.mark.filterwarnings("ignore:The max_iter was reached")
@pytest.mark.parametrize("way", WAYS)
def test_a_suite_can_name_every_way_of_selecting_and_reducing(way):
    text = f"suite: s\ndatasets: [digits]\nsizes: [300]\npipelines:\n  a:\n    features: [pixels, {WAYS[way]}]\n"
    suite = parse_suite(text + "    estimator: sklearn.svm.SVC\n", "s.yaml")
    data = Digits().load(None)
    chain = build_features([Part.model_validate(part) for part in suite.pipelines["a"].features], 0)
    made = chain.fit_transform(data.x_train[:300], data.y_train[:300])
    assert made.shape[0] == 300
    assert 5 < made.shape[1] < 64
    assert chain.transform(data.x_test[:10]).shape == (10, made.shape[1])

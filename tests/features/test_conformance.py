"""What every registered feature keeps to."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from harness import registry

RNG = np.random.default_rng(0)
INPUTS = {
    "grey": RNG.integers(0, 256, (12, 16, 18), dtype=np.uint8),
    "colour": RNG.integers(0, 256, (12, 16, 18, 3), dtype=np.uint8),
    "matrix": RNG.random((12, 5), dtype=np.float32),
}
KINDS = {"images": ("grey", "colour"), "matrix": ("matrix",)}
CASES = [
    (name, kind) for name in registry.BUILT_IN["features"] for kind in KINDS[registry.load_part("features", name).takes]
]


@pytest.fixture(params=CASES, ids="-".join)
def case(request):
    name, kind = request.param
    params = {"n_components": 3} if name == "pca" else {}
    x = INPUTS[kind].copy()
    x.flags.writeable = False
    return registry.load_part("features", name)(**params), x


def test_gives_a_finite_float32_matrix_with_named_columns(case):
    feature, x = case
    matrix = feature.fit_transform(x)
    names = feature.get_feature_names_out()

    assert matrix.dtype == np.float32
    assert matrix.shape == (len(x), len(names))
    assert np.isfinite(matrix).all()
    assert len(set(names)) == len(names)


def test_a_row_does_not_depend_on_the_other_rows(case):
    feature, x = case
    together = feature.fit(x).transform(x)

    np.testing.assert_allclose(feature.transform(x[3:4]), together[3:4], rtol=1e-5, atol=1e-6)


def test_survives_cloning_and_pickling(case):
    feature, x = case
    expected = feature.fit_transform(x)

    np.testing.assert_array_equal(clone(feature).fit_transform(x), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(feature)).transform(x), expected)


def test_the_constructor_only_stores(case):
    feature, _ = case
    params = feature.get_params()

    assert params.keys() == registry.parameters("features", type(feature).__name__.lower()).model_fields.keys()
    assert {key: value for key, value in vars(feature).items() if key in params} == vars(feature)

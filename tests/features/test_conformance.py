"""What every registered feature keeps to."""

import pytest

from harness import registry
from harness.conformance import check

# Smaller than the defaults, for speed alone.
PARAMS = {
    "pca": {"n_components": 3},
    "bovw": {"words": 10},
    "patches": {"centres": 20},
    "embedding": {"network": "mlp", "trained": False},
}


@pytest.mark.parametrize("name", registry.BUILT_IN["features"])
def test_keeps_to_what_is_asked_of_a_feature(name):
    check("features", name, PARAMS.get(name))

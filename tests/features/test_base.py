"""What the features that describe each channel by itself share."""

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.errors import TrialError
from harness.features import base

RNG = np.random.default_rng(0)
CHANNELWISE = ["lbp", "zoning", "projection", "hu", "glcm", "gabor", "edges", "colour"]
CHANNELWISE += ["zernike", "haar", "topology", "regions"]


@st.composite
def stacks(draw):
    grid = draw(st.integers(1, 5))
    shape = (draw(st.integers(1, 3)), draw(st.integers(grid, 17)), draw(st.integers(grid, 17)))
    return grid, np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 256, shape, dtype=np.uint8)


def cells(plane, grid):
    """The pixels of each cell, by slices."""
    bounds = [[side * index // grid for index in range(grid + 1)] for side in plane.shape]
    return [
        [plane[bounds[0][r] : bounds[0][r + 1], bounds[1][c] : bounds[1][c + 1]] for c in range(grid)]
        for r in range(grid)
    ]


@given(stacks())
def test_cell_means_are_those_of_slices(case):
    grid, stack = case
    expected = [[[cell.mean() for cell in row] for row in cells(plane, grid)] for plane in stack]

    np.testing.assert_allclose(base.cell_means(stack, grid), expected, rtol=1e-12)


@given(stacks())
def test_cell_histograms_are_those_of_slices(case):
    grid, stack = case
    bins, weights = stack % 6, stack / 7
    plain = [[[np.bincount(c.ravel(), minlength=6) / c.size for c in row] for row in cells(p, grid)] for p in bins]
    weighted = [
        [
            [np.bincount(c.ravel(), w.ravel(), minlength=6) / c.size for c, w in zip(*rows, strict=True)]
            for rows in zip(cells(p, grid), cells(v, grid), strict=True)
        ]
        for p, v in zip(bins, weights, strict=True)
    ]

    np.testing.assert_allclose(base.cell_histograms(bins, 6, grid), plain, rtol=1e-12)
    np.testing.assert_allclose(base.cell_histograms(bins, 6, grid, weights), weighted, rtol=1e-12)


@given(side=st.integers(1, 100), data=st.data())
def test_cells_differ_by_at_most_a_pixel_and_none_is_empty(side, data):
    grid = data.draw(st.integers(1, side))
    sizes = np.bincount(base.cell_of_pixel(side, grid), minlength=grid)

    assert sizes.sum() == side
    assert sizes.min() >= 1
    assert np.ptp(sizes) <= 1


@pytest.mark.parametrize("name", CHANNELWISE)
def test_a_channel_is_described_as_a_grey_image_of_its_own(name):
    colour = RNG.integers(0, 256, (5, 17, 14, 3), dtype=np.uint8)
    feature = registry.build("features", name, {})
    matrix = feature.fit_transform(colour)
    columns = feature.get_feature_names_out()
    for channel in range(3):
        grey = feature.fit(colour[..., channel])
        expected = grey.transform(colour[..., channel])
        mine = [f"{column}_{channel}" for column in grey.get_feature_names_out()]
        places = [list(columns).index(column) for column in mine]
        np.testing.assert_allclose(matrix[:, places], expected, rtol=1e-5, atol=1e-6)
    assert len(columns) == 3 * len(mine)


@pytest.mark.parametrize("name", CHANNELWISE)
def test_batches_and_threads_change_nothing(name, monkeypatch):
    images = RNG.integers(0, 256, (23, 16, 12), dtype=np.uint8)
    feature = registry.build("features", name, {})
    expected = feature.fit_transform(images)
    monkeypatch.setattr(base, "BATCH_PIXELS", 5 * 16 * 12)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_allclose(feature.transform(images), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CHANNELWISE)
@pytest.mark.parametrize("value", [0, 255])
def test_flat_images_are_described_by_finite_numbers(name, value):
    assert np.isfinite(registry.build("features", name, {}).fit_transform(np.full((2, 16, 16), value, np.uint8))).all()


@pytest.mark.parametrize("name", CHANNELWISE)
def test_images_of_another_size_are_refused(name):
    feature = registry.build("features", name, {}).fit(np.zeros((1, 16, 16), np.uint8))
    with pytest.raises(TrialError, match=r"fitted on images of shape \(16, 16\), received images of shape \(16, 15\)"):
        feature.transform(np.zeros((1, 16, 15), np.uint8))


@pytest.mark.parametrize(
    ("name", "params", "shape", "message"),
    [
        ("lbp", {"radii": [1, 8]}, (30, 16), r"lbp: a radius of 8 .* at least 17x17 .* 30x16; make radii smaller"),
        ("glcm", {"distances": [4]}, (4, 9), r"glcm: a distance of 4 .* at least 5x5 .* 4x9; make distances smaller"),
        *(
            (name, {"grid": 6}, (9, 5), rf"{name}: a grid of 6x6 cells .* at least 6x6 .* 9x5; make grid smaller")
            for name in ("lbp", "zoning", "gabor", "edges")
        ),
    ],
)
def test_images_that_are_too_small_are_refused(name, params, shape, message):
    with pytest.raises(TrialError, match=message):
        registry.build("features", name, params).fit(np.zeros((1, *shape), np.uint8))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("lbp", {"radii": [1, 3], "grid": 2}),
        ("glcm", {"distances": [2]}),
        ("zoning", {"grid": 3}),
        ("gabor", {"frequencies": [0.25], "grid": 3}),
        ("edges", {"grid": 3}),
    ],
)
def test_images_that_are_just_large_enough_are_taken(name, params):
    least = {"lbp": 7}.get(name, 3)
    feature = registry.build("features", name, params).fit(np.zeros((1, least, least), np.uint8))

    assert feature.transform(np.zeros((1, least, least), np.uint8)).shape == (1, len(feature.get_feature_names_out()))

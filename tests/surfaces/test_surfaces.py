"""Gradients against finite differences, minima and traps against the definition of one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from harness.surfaces.surfaces import SURFACES, Surface


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_gradient_is_that_of_the_value(surface: Surface) -> None:
    x, y = np.random.default_rng(0).uniform([surface.x[0], surface.y[0]], [surface.x[1], surface.y[1]], (50, 2)).T
    dx, dy = surface.gradient(x, y)
    h = 1e-6
    assert dx == pytest.approx((surface.value(x + h, y) - surface.value(x - h, y)) / (2 * h), rel=1e-5, abs=1e-6)
    assert dy == pytest.approx((surface.value(x, y + h) - surface.value(x, y - h)) / (2 * h), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_minima_are_the_lowest_points_and_nothing_slopes_there_or_in_traps(surface: Surface) -> None:
    for x, y in (*surface.minima, *surface.traps):
        assert np.hypot(*surface.gradient(np.float64(x), np.float64(y))) < 1e-5
    for x, y in surface.minima:
        assert surface.value(np.float64(x), np.float64(y)) == pytest.approx(surface.least, abs=1e-7)
    for x, y in surface.traps:
        assert surface.value(np.float64(x), np.float64(y)) > surface.least + 0.1
    lowest = optimize.brute(lambda point: surface.value(*point), (surface.x, surface.y), Ns=60, full_output=True)[1]
    assert lowest == pytest.approx(surface.least, abs=1e-6)


def test_each_is_as_hard_as_it_says() -> None:
    saddle, ravine, plateau, local = SURFACES
    steep = np.hypot(*plateau.gradient(np.array([plateau.start[0], 1.0]), np.array([plateau.start[1], 0.0])))
    assert steep[0] < steep[1] / 40
    assert abs(saddle.gradient(*map(np.float64, saddle.start))[1]) < 0.011
    # At the ravine's bottom the surface bends 400 times as much across as along.
    bends = np.linalg.eigvalsh([[802.0, -400.0], [-400.0, 200.0]])
    assert bends[1] / bends[0] > 2000
    assert ravine.minima == ((1.0, 1.0),)
    # Downhill from the start lies the highest of the six minima.
    found = optimize.minimize(
        lambda p: local.value(*p), local.start, jac=lambda p: np.array(local.gradient(*p)), method="L-BFGS-B",
        options={"maxls": 50}, bounds=[(1.3, 2.0), (0.2, 0.9)],
    )  # fmt: skip
    assert found.x == pytest.approx(local.traps[0], abs=1e-3)

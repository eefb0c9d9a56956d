"""Keras's optimizers on the surfaces: as the textbook has them, alone as together, the same again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from harness.errors import MisuseError
from harness.report.figures import style
from harness.surfaces import show, trajectories
from harness.surfaces.surfaces import SURFACES
from tests.models import textbook

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("optimizer", trajectories.OPTIMIZERS)
def test_a_way_is_the_textbooks(optimizer: str) -> None:
    rate = 0.001
    ways = trajectories.run(optimizer, rate, SURFACES, 3)
    for surface, way in zip(SURFACES, ways, strict=True):
        exact = textbook.steps(
            textbook.RIGHT[optimizer],
            np.array(surface.start),
            lambda w, t, surface=surface: np.array(surface.gradient(*w)),  # type: ignore[misc]
            3,
            rate=rate,
        )
        assert way[0] == pytest.approx(surface.start, rel=1e-6)
        for ours, theirs in zip(way[1:], exact, strict=True):
            assert ours == pytest.approx(theirs, abs=2e-6)


def test_surfaces_do_not_disturb_one_another_and_who_leaves_stays_away() -> None:
    saddle, ravine, *_ = SURFACES
    together = trajectories.run("momentum", 0.01, (ravine, saddle), 6)
    assert np.array_equal(trajectories.run("momentum", 0.01, (saddle,), 6)[0], together[1])
    assert np.isnan(together[0, 4:]).all()
    assert np.isfinite(together[1]).all()


def test_sources_rates_are_those_of_the_document() -> None:
    text = (ROOT / "docs" / "optimizers.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `learning_rate` \| (\S+) \| (.*) \|$", text, re.MULTILINE)
    here = {name: (float(default), source) for name, default, source in rows if name in trajectories.OPTIMIZERS}
    assert set(here) == set(trajectories.OPTIMIZERS)
    for name, (default, source) in here.items():
        assert trajectories.default_rate(name) == default
        numbers = [float(number) for number in re.findall(r"\d[\d.]*", source)]
        other = [number for number in numbers if number != default]
        assert trajectories.SOURCE_RATES.get(name) == (other[0] if other else None)


@pytest.fixture(scope="module")
def paths() -> pd.DataFrame:
    return trajectories.trajectories(optimizers=("sgd", "adamax"), steps=4, grid=(0.003, 1.0))


def test_the_best_rate_is_the_one_that_ends_lowest(paths: pd.DataFrame) -> None:
    rates = paths.groupby(["surface", "optimizer", "rule"])["learning_rate"].agg(["min", "max"])
    assert (rates["min"] == rates["max"]).all()
    rate = rates["min"]
    assert rate["saddle", "sgd", "default"] == 0.01
    assert rate["saddle", "adamax", "source"] == 0.002
    assert ("saddle", "sgd", "source") not in rate
    # At 0.01 and above sgd leaves the ravine.
    assert rate["ravine", "sgd", "best"] == 0.003
    ended = trajectories.ends(paths).set_index(["surface", "optimizer", "rule"])
    assert ended.loc[("ravine", "sgd", "default"), "place"] == "left"
    assert ended.loc[("ravine", "sgd", "best"), ["place", "steps"]].tolist() == ["on the way", 4]
    best = ended.xs("best", level="rule")["value"]
    assert (best <= ended.xs("default", level="rule")["value"]).all()


def test_files_are_the_same_again_and_the_page_says_the_rates(
    paths: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(show, "trajectories", lambda **options: asked.append(options) or paths)
    page = show.write(tmp_path, 4, 0.5).read_text()
    assert asked == [{"steps": 4, "grid": (0.5,)}]
    names = {"trajectories.csv", "surfaces.png", "surfaces.svg", "surfaces.gif", "surfaces.md"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert "and 0.5, the one whose way ends lowest" in page
    assert len(re.findall(r"^adamax +source +0\.002 ", page, re.MULTILINE)) == 4
    with style.styled():
        show.animate(paths, tmp_path / "again.gif")
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "surfaces.gif").read_bytes()
    with Image.open(tmp_path / "surfaces.gif") as animation:
        assert animation.n_frames > 3
    with pytest.raises(MisuseError, match="above 0"):
        show.write(tmp_path, 4, -1.0)


def test_the_shown_animation_is_small_enough_to_be_mailed() -> None:
    folder = ROOT / "reports" / "optimizers-surfaces"
    assert (folder / "surfaces.gif").stat().st_size < 1_500_000
    assert "Keras's own optimizers" in (folder / "surfaces.md").read_text()

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.analysis.crossed import crossed
from harness.analysis.entries import average, best, contest, effect, entries, left_out, scored, seeds_of, weighted
from harness.analysis.frames import complete
from harness.analysis.intervals import newcombe
from harness.hits import unpack
from tests import synthetic_claims
from tests.synthetic import fail


def trials(accuracies: dict[str, float], **noise: Any) -> pd.DataFrame:
    cells = [({"dataset": "d", "n_train": 100, "pipeline": name}, value) for name, value in accuracies.items()]
    return complete(synthetic_claims.rows(np.random.default_rng(0), cells, **noise))


def test_the_best_is_scored_on_the_images_that_did_not_choose_it() -> None:
    frame = trials({"x": 0.8, "y": 0.8}, n_test=1000)
    of_y = frame["pipeline"] == "y"
    frame["accuracy_half_a"], frame["accuracy_half_b"] = np.where(of_y, 0.9, 0.8), np.where(of_y, 0.5, 0.6)
    rows = scored(frame)
    of = entries(rows, seeds_of(rows))
    assert of is not None
    scores, generous, chosen = best(of)
    # y is best on half a, where x is not; on half b it is x. Each is scored where the other was chosen.
    assert chosen == ("y", "x")
    assert scores.accuracy == pytest.approx([(0.8 + 0.5) / 2] * 5)
    assert scores.hits is None
    # y and x are as good over all images, so the one that comes first is what a generous choice takes.
    assert generous.accuracy == pytest.approx([0.7] * 5)


def test_hits_of_the_best_come_from_the_pipeline_of_their_half() -> None:
    frame = trials({"x": 0.8, "y": 0.8, "z": 0.8}, n_test=301, correct=True, seeds=3)
    rows = scored(frame)
    of = entries(rows, seeds_of(rows))
    assert of is not None
    # Half a (even images) from x, half b from y.
    scores = weighted(of, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    texts = {(row.pipeline, row.seed): unpack(row.correct, 301) for row in rows}
    assert scores.hits is not None
    for seed in range(3):
        assert (scores.hits[seed, 0::2] == texts["x", seed][0::2]).all()
        assert (scores.hits[seed, 1::2] == texts["y", seed][1::2]).all()
        halves = scores.hits[seed, 0::2].mean(), scores.hits[seed, 1::2].mean()
        assert scores.accuracy[seed] == pytest.approx(np.mean(halves))


def sides(frame: pd.DataFrame) -> Any:
    rows = scored(frame)
    of = [entries([row for row in rows if row.pipeline == name], seeds_of(rows)) for name in "xy"]
    return contest(best(of[0]), best(of[1]))


def test_an_interval_counts_seeds_and_images_where_rows_tell_them_and_the_wider_one_elsewhere() -> None:
    frame = trials({"x": 0.9, "y": 0.8}, n_test=500, correct=True, seeds=4)
    against = sides(frame)
    known = effect(against, 500)
    assert known.interval == pytest.approx(crossed(against.fair.hits))
    assert known.method == "crossed, 4 seeds and 500 test images"
    without = effect(sides(frame.assign(correct="")), 500)
    assert without.interval == pytest.approx(newcombe(without.one, without.two, 500))
    assert "wider than the paired t over 4 seeds" in without.method
    # A damaged text is no text.
    damaged = frame.assign(correct=frame["correct"].where(frame["seed"] != 2, "AAAA"))
    assert effect(sides(damaged), 500) == without


def test_one_seed_has_a_difference_and_no_interval() -> None:
    found = effect(sides(trials({"x": 0.9, "y": 0.8}, seeds=1)), 10_000)
    assert found.interval.value == pytest.approx(0.1, abs=0.03)
    assert not found.interval.known
    assert found.method == "one seed has no interval"


def test_an_average_takes_the_seeds_that_all_have_and_leaves_out_what_has_few() -> None:
    nan = math.nan
    whole = sides(trials({"x": 0.9, "y": 0.8}, seeds=5))
    half = whole._replace(fair=whole.fair._replace(one=whole.fair.one + np.array([nan, 0, 0, 0, 0])))
    few = whole._replace(fair=whole.fair._replace(one=np.array([0.1, nan, nan, nan, nan])))
    together = average([whole, half, few])
    assert together.seeds == 4
    assert effect(together, 10_000).interval.value == pytest.approx(np.mean((whole.fair.one - whole.fair.two)[1:]))


def test_diverged_pipelines_are_out_and_repeats_are_no_seeds() -> None:
    frame = trials({"x": 0.9, "y": 0.8}, seeds=2)
    again = pd.concat([frame, frame.assign(repeat=1, trial_id=frame["trial_id"] + "r")], ignore_index=True)
    assert len(scored(complete(again))) == 4
    lost = fail(frame, (frame["pipeline"] == "x") & (frame["seed"] == 0), "diverged", "NaN")
    assert {row.pipeline for row in scored(complete(lost))} == {"y"}


def test_what_did_not_end_well_is_named() -> None:
    frame = trials({"x": 0.9, "y": 0.8}, seeds=3)
    everything = pd.Series(True, index=frame.index)
    assert left_out(frame, everything) == ()
    bad = fail(frame, (frame["pipeline"] == "x") & (frame["seed"] < 2), "timeout", "slow")
    assert left_out(bad, everything) == ("without the trials that ended as timeout: x (d, 100 images: 2 of 3)",)
    assert left_out(bad, bad["pipeline"] == "y") == ()


def test_an_interval_is_wider_where_the_halves_disagree_on_the_best() -> None:
    frame = trials({"x": 0.8, "y": 0.8, "z": 0.75}, n_test=1000, seed_noise=0.02)
    place = frame["pipeline"].map({"x": 0, "y": 1, "z": 2})
    # x is far better on half a and y on half b; z is what they meet.
    noise = 0.001 * frame["seed"]
    frame["accuracy_half_a"] = place.map({0: 0.90, 1: 0.80, 2: 0.7}) + noise
    frame["accuracy_half_b"] = place.map({0: 0.82, 1: 0.84, 2: 0.7}) + noise**2
    rows = scored(frame)
    sides = [entries([row for row in rows if row.pipeline in names], seeds_of(rows)) for names in ("xy", "z")]
    assert sides[0] is not None
    assert sides[1] is not None
    one, two = best(sides[0]), best(sides[1])
    found, turned = effect(contest(one, two), 1000), effect(contest(two, one), 1000)
    assert "doubt" in found.method
    # Chosen apart from the score 0.81, chosen with it 0.86.
    assert one.scores.mean == pytest.approx(0.81, abs=0.003)
    assert one.generous.mean == pytest.approx(0.86, abs=0.003)
    plain = newcombe(one.scores.mean, two.scores.mean, 1000)
    assert (found.interval.value, found.interval.low) == pytest.approx((plain.value, plain.low))
    assert found.interval.high == pytest.approx(newcombe(one.generous.mean, two.scores.mean, 1000).high)
    assert turned.interval == pytest.approx([-found.interval.value, -found.interval.high, -found.interval.low])

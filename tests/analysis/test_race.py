"""Planted races and planted tuning tables, whose medians, profiles and widths are known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from harness.analysis import race
from harness.report.figures import race as race_figure
from harness.report.figures import sensitivity as sensitivity_figure

EPOCHS = 8


def row(optimizer: str, seed: int, *, status: str = "ok", tuned: bool = False, rate: float = 0.01) -> dict[str, object]:
    pipeline = f"cnn/{optimizer}" + ("/tuned" if tuned else "")
    return {
        "trial_id": f"{pipeline}-{seed}", "dataset": "mnist", "pipeline": pipeline, "family": "deep", "model": "cnn",
        "optimizer": optimizer, "n_train": 1000, "seed": seed, "device": "cpu", "backend": "tensorflow",
        "status": status, "learning_rate": rate, "fit_s": 8.0 if status == "ok" else None, "machine": "m",
        "tuning": "trials=5" if tuned else None, "tune_s": 40.0 if tuned else None, "timing_valid": True,
    }  # fmt: skip


def history(trial: dict[str, object], reaches: int, watched: int = EPOCHS, *, second: float = 1.0) -> pd.DataFrame:
    """0.85 from epoch `reaches` on, 0.3 before; an epoch takes `second`. The training accuracy is always perfect."""
    epochs = np.arange(1, watched + 1)
    lines = pd.DataFrame({"epoch": epochs, "seconds": epochs * second, "accuracy": 1.0, "loss": 0.1})
    lines["val_accuracy"] = np.where(epochs >= reaches, 0.85, 0.3)
    return lines.assign(**{key: trial[key] for key in ("trial_id", "dataset", "pipeline", "model", "optimizer",
                                                       "n_train", "seed")})  # fmt: skip


@pytest.fixture
def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    """sgd reaches 0.8 after 2, 4 and 6 epochs; adam after 1, never, and not before it diverged; rmsprop never."""
    trials, epochs = [], []
    for seed, reaches in enumerate((2, 4, 6)):
        trials.append(row("sgd", seed))
        epochs.append(history(trials[-1], reaches))
    for seed, (reaches, watched, status) in enumerate(((1, 8, "ok"), (99, 8, "ok"), (99, 1, "diverged"))):
        trials.append(row("adam", seed, status=status))
        epochs.append(history(trials[-1], reaches, watched, second=2.0))
    for seed, status in enumerate(("ok", "timeout", "crashed")):
        trials.append(row("rmsprop", seed, status=status))
        epochs.append(history(trials[-1], 99, 0 if status == "crashed" else 3 if status == "timeout" else 8))
    trials.append(row("nadam", 0, status="skipped"))
    trials.append(row("sgd", 0, tuned=True, rate=0.1))
    epochs.append(history(trials[-1], 1))
    return pd.DataFrame(trials), pd.concat(epochs, ignore_index=True)


def test_who_never_arrives_is_censored_where_it_was_watched_and_not_dropped(
    planted: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    found = race.runs(*planted)
    assert set(found["metric"]) == {"val_accuracy"}
    assert set(found["target"]) == {0.5, 0.8}, "nobody reached 0.9"
    at = found[found["target"] == 0.8].set_index(["optimizer", "setting", "seed"])
    assert len(at) == 10
    assert at.loc[("sgd", "default", 1), ["epochs", "seconds", "censored"]].tolist() == [4, 4, False]
    # Diverged after one epoch and crashed before the first: they would not have gone on. Cut off: who knows.
    assert at.loc[("adam", "default", 2), ["epochs", "seconds", "censored"]].tolist() == [8, 16, True]
    assert at.loc[("rmsprop", "default", 2), ["epochs", "censored"]].tolist() == [8, True]
    assert at.loc[("rmsprop", "default", 1), ["epochs", "censored"]].tolist() == [3, True]


def test_medians_are_those_of_kaplan_and_meier(planted: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = race.targets(*planted)
    at = table[table["target"] == 0.8].set_index(["optimizer", "setting"])
    assert at.loc[("sgd", "default"), ["epochs", "seconds", "runs", "reached"]].tolist() == [4, 4, 3, 3]
    # One of three arrived: the curve never falls to a half.
    assert at.loc[("adam", "default"), ["epochs", "reached"]].tolist() == [math.inf, 1]
    assert at.loc[("rmsprop", "default"), ["epochs", "reached"]].tolist() == [math.inf, 0]
    assert at.loc[("sgd", "tuned"), ["epochs", "learning_rate", "tune_s"]].tolist() == [1, pytest.approx(0.1), 40]


def test_profiles_count_targets_that_were_missed_as_failures(planted: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    scores = race.scores(*planted).set_index(["setting", "optimizer"])
    # Six problems, two targets at three seeds; adam is first in one seed, sgd in two.
    assert scores.loc[("default", "sgd"), ["problems", "fastest", "within_2", "solved"]].tolist() == [
        6, pytest.approx(2 / 3), 1, 1,
    ]  # fmt: skip
    assert scores.loc[("default", "adam"), ["fastest", "solved"]].tolist() == [pytest.approx(1 / 3)] * 2
    assert scores.loc[("default", "rmsprop"), "solved"] == 0


def test_disturbed_times_are_left_out_and_epochs_are_not(planted: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, epochs = planted
    trials.loc[trials["trial_id"] == "cnn/sgd-2", "timing_valid"] = False
    found = race.runs(trials, epochs).set_index(["optimizer", "setting", "seed", "target"])
    assert found.loc[("sgd", "default", 2, 0.8), "epochs"] == 6
    assert math.isnan(found.loc[("sgd", "default", 2, 0.8), "seconds"])


def test_without_a_validation_part_the_training_accuracy_counts(planted: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, epochs = planted
    found = race.runs(trials, epochs.assign(val_accuracy=np.nan))
    assert set(found["metric"]) == {"accuracy"}
    assert set(found["target"]) == set(race.TARGETS)


def test_one_optimizer_is_no_race(planted: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, epochs = planted
    alone = trials[trials["optimizer"] == "sgd"]
    assert race.targets(alone, epochs).empty
    assert race.scores(alone, epochs).empty
    assert race_figure.facts(alone, epochs).panels == ()
    assert race_figure.caption(race_figure.facts(alone, epochs)).startswith("Nothing")


def test_the_figure_puts_the_soonest_on_top_and_the_lost_at_the_edge(
    planted: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    (panel,) = race_figure.facts(*planted).panels
    assert panel.target == 0.8
    assert [entrant.optimizer for entrant in panel.entrants] == ["sgd", "adam", "rmsprop"]
    assert panel.entrants[0].tuned is not None
    assert panel.entrants[0].tuned.value == 1
    (axes,) = race_figure.draw(race_figure.facts(*planted)).axes
    edge = [line for line in axes.lines if line.get_marker() == ">"]
    assert len(edge) == 2
    assert "Kaplan" in race_figure.caption(race_figure.facts(*planted))


@pytest.mark.parametrize(
    ("rates", "scores", "decades", "is_open"),
    [
        # Falls from 0.9 to 0.5 over a decade: two points of it after a twentieth, on either side.
        ((0.001, 0.01, 0.1), (0.5, 0.9, 0.5), 0.1, False),
        # Level from 0.01 to 1; then a twentieth of a decade on one side, the end of what was tried on the other.
        ((1.0, 0.001, 0.01, 0.1), (0.9, 0.5, 0.89, 0.9), 2 + 0.01 / 0.39, True),
        # A second hill does not count.
        ((0.001, 0.01, 0.1, 1.0), (0.9, 0.5, 0.895, 0.1), 0.05, True),
        ((0.01,), (0.9,), 0.0, True),
    ],
)
def test_the_width_is_where_the_score_has_fallen_two_points(
    rates: Sequence[float], scores: Sequence[float], decades: float, is_open: bool
) -> None:
    found = race.width(rates, scores)
    assert found.decades == pytest.approx(decades)
    assert found.open is is_open


def tuning(optimizer: str, seed: int, tried: Sequence[tuple[float | None, float | None]]) -> pd.DataFrame:
    lines = [
        {
            "trial_id": f"cnn/{optimizer}/tuned-{seed}", "dataset": "mnist", "pipeline": f"cnn/{optimizer}/tuned",
            "n_train": 1000, "seed": seed, "candidate": number, "score": score,
            "params": json.dumps({} if rate is None else {race.RATE: rate}),
        }
        for number, (rate, score) in enumerate(tried)
    ]  # fmt: skip
    return pd.DataFrame(lines)


def test_sensitivity_of_planted_searches() -> None:
    trials = pd.DataFrame(
        [row(name, seed, tuned=tuned) for name in ("sgd", "adam") for seed in (0, 1) for tuned in (False, True)]
    )
    # Of sgd the default (0.01, tried first) is a decade too low; one rate of adam's diverged.
    sgd = [tuning("sgd", seed, [(None, 0.5), (0.1, 0.9), (1.0, 0.5)]) for seed in (0, 1)]
    adam = [tuning("adam", seed, [(None, 0.9), (0.001, 0.89 + seed / 100), (0.1, None)]) for seed in (0, 1)]
    lines = pd.concat([*sgd, *adam], ignore_index=True)
    table = race.sensitivity(trials, lines).set_index("optimizer")
    assert table.loc["sgd", ["seeds", "tried", "open", "others"]].tolist() == [2, 6, 0, ""]
    assert table.loc["sgd", ["best", "spread", "short", "decades"]].tolist() == pytest.approx([0.9, 0.4, 0.4, 0.1])
    assert table.loc["sgd", ["best_rate", "default_rate"]].tolist() == pytest.approx([0.1, 0.01])
    assert table.loc["adam", "short"] == pytest.approx(0)
    assert table.loc["adam", "spread"] == pytest.approx(0.9)
    assert table.loc["adam", "decades"] == pytest.approx(1 + 0.02 / 0.9)
    assert table.loc["adam", "open"] == 1
    facts = sensitivity_figure.facts(trials, lines)
    assert [panel.optimizer for panel in facts.panels] == ["adam", "sgd"]
    assert facts.panels[1].seeds[0] == ((0.01, 0.1, 1.0), (0.5, 0.9, 0.5))
    assert [axes.get_title() for axes in sensitivity_figure.draw(facts).axes] == [
        "adam, 1.0 decades",
        "sgd, 0.1 decades",
    ]
    assert "counts as 0" in sensitivity_figure.caption(facts)
    assert sensitivity_figure.facts(trials, lines.head(0)).panels == ()


def test_what_was_searched_besides_is_said() -> None:
    trials = pd.DataFrame([row(name, 0, tuned=tuned) for name in ("sgd", "adam") for tuned in (False, True)])
    lines = tuning("sgd", 0, [(None, 0.5), (0.1, 0.9)])
    lines.loc[1, "params"] = json.dumps({race.RATE: 0.1, "network.width": 32})
    assert race.sensitivity(trials, lines)["others"].tolist() == ["network.width"]
    assert "network.width" in sensitivity_figure.caption(sensitivity_figure.facts(trials, lines))

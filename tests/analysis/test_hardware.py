from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.frames import complete
from harness.analysis.hardware import (
    cost_to_target,
    energy_to_target,
    gpu_gain,
    gpu_ratios,
    gpu_speed_up,
    peaks,
)
from tests import synthetic
from tests.synthetic import Planted


def planted(deep_seconds: float = 12.0, deep_mib: float = 900.0) -> dict[str, Planted]:
    """Both families reach 0.9 at 1,000 images and no sooner; beyond, only deep gets better."""
    return {
        "svm": Planted("traditional", lambda n: 0.5 if n < 1000 else 0.1, lambda n: 3.0 * n / 1000, lambda n: 300.0),
        "net": Planted(
            "deep",
            lambda n: 0.6 if n < 1000 else 0.08 if n < 10_000 else 0.01,
            lambda n: deep_seconds * n / 1000,
            lambda n: deep_mib,
        ),
        "net-slow": Planted("deep", lambda n: 0.05, lambda n: 500.0, lambda n: 4000.0),
    }


def test_ratios_are_those_planted_at_the_cheapest_way_to_the_target() -> None:
    costs = cost_to_target(complete(synthetic.trials(planted(), noise=0.02)))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(4, rel=0.05)
    assert costs.memory.value == pytest.approx(3)
    assert 1 < costs.seconds.low < costs.seconds.value < costs.seconds.high
    assert {(entry.deep.pipeline, entry.deep.n_train) for entry in costs.reached} == {("net", 1000)}
    assert all(entry.target == pytest.approx(0.9, abs=0.01) for entry in costs.reached)


def test_datasets_are_averaged_geometrically() -> None:
    trials = synthetic.trials(planted(), datasets=("a", "b"), noise=0.001)
    trials.loc[(trials["dataset"] == "b") & (trials["family"] == "deep"), "train_s"] *= 9
    costs = cost_to_target(complete(trials))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(12, rel=0.02)


def test_one_seed_has_ratios_without_ends() -> None:
    costs = cost_to_target(complete(synthetic.trials(planted(), seeds=1)))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(4, rel=0.15)
    assert not costs.seconds.known


def test_only_the_cpu_counts_and_both_families_must_have_run_there() -> None:
    trials = synthetic.trials(planted(), devices=("cpu", "gpu"), noise=0.001)
    costs = cost_to_target(complete(trials))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(4, rel=0.02)
    assert cost_to_target(complete(trials[(trials["device"] == "gpu") | (trials["family"] == "deep")])) is None


def test_a_tuned_pipeline_pays_for_its_search() -> None:
    trials = synthetic.trials(planted(), noise=0.001)
    tuned = trials[trials["pipeline"] == "svm"].assign(pipeline="svm/tuned", train_s=trials["train_s"] / 10, tune_s=6.0)
    tuned["trial_id"] += "t"
    costs = cost_to_target(complete(pd.concat([trials, tuned], ignore_index=True)))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(4, rel=0.02)
    cheap = cost_to_target(complete(pd.concat([trials, tuned.assign(tune_s=0.3)], ignore_index=True)))
    assert cheap is not None
    assert cheap.seconds.value == pytest.approx(20, rel=0.02)


def test_a_slow_backend_of_the_same_network_costs_nobody() -> None:
    trials = synthetic.trials(planted(), noise=0.001)
    slow = trials[trials["family"] == "deep"].assign(backend="jax")
    slow = slow.assign(train_s=slow["train_s"] * 10, trial_id=slow["trial_id"] + "j")
    costs = cost_to_target(complete(pd.concat([trials, slow], ignore_index=True)))
    assert costs is not None
    assert costs.seconds.value == pytest.approx(4, rel=0.02)
    assert {entry.deep.pipeline for entry in costs.reached} == {"net (tensorflow)"}


def test_memory_that_was_not_recorded_leaves_the_seconds() -> None:
    costs = cost_to_target(complete(synthetic.trials(planted()).drop(columns="peak_bytes")))
    assert costs is not None
    assert costs.seconds.known
    assert not costs.memory.known


def test_gpu_speed_up_pairs_the_same_trials() -> None:
    trials = synthetic.trials(planted(), devices=("cpu", "gpu"), noise=0.02)
    speed_up = gpu_speed_up(complete(trials), "deep")
    assert speed_up is not None
    assert speed_up.train.value == pytest.approx(8, rel=0.02)
    assert speed_up.train.low < speed_up.train.value < speed_up.train.high
    assert speed_up.predict.value == pytest.approx(1)
    assert gpu_speed_up(complete(trials[trials["device"] == "cpu"]), "deep") is None


def test_energy_counts_tuning_features_and_fit_and_only_what_a_counter_told() -> None:
    trials = synthetic.trials(planted(), noise=0.01)
    assert energy_to_target(complete(trials)) is None
    joules = trials["train_s"] * trials["family"].map({"traditional": 10.0, "deep": 30.0})
    counted = trials.assign(fit_energy_j=joules * 0.5, features_energy_j=joules * 0.5, energy_source="rapl")
    energy = energy_to_target(complete(counted))
    assert energy is not None
    assert energy.ratio.value == pytest.approx(12, rel=0.05)
    assert energy.ratio.low > 1
    assert (energy.sources, energy.datasets) == (("rapl",), ("mnist",))


def on_gpu(deep: float, traditional: float) -> pd.DataFrame:
    """Both families on both devices; the GPU is so many times as fast."""
    trials = synthetic.trials(planted(), devices=("cpu", "gpu"), noise=0.02)
    gpu = trials["device"] == "gpu"
    for family, factor in (("deep", deep), ("traditional", traditional)):
        trials.loc[gpu & (trials["family"] == family), ["train_s", "fit_s"]] *= 8 / factor
    return trials


def test_gpu_gain_is_the_ratio_of_the_speed_ups() -> None:
    gain = gpu_gain(complete(on_gpu(12, 3)))
    assert gain is not None
    assert gain.ratio.value == pytest.approx(4, rel=0.03)
    assert gain.ratio.low < 4 < gain.ratio.high
    assert gain.sizes[0] == ("mnist", 100)
    trials = on_gpu(12, 3)
    assert gpu_gain(complete(trials[(trials["device"] == "cpu") | (trials["family"] == "deep")])) is None


def test_gpu_ratios_are_there_for_both_families_at_every_size() -> None:
    ratios = gpu_ratios(complete(on_gpu(12, 3)))
    assert len(ratios) == 2 * 5
    assert ratios.loc[ratios["family"] == "deep", "fit"].tolist() == pytest.approx([12] * 5, rel=0.05)
    assert ratios.loc[ratios["family"] == "traditional", "fit"].tolist() == pytest.approx([3] * 5, rel=0.05)
    assert (ratios["fit_low"] < ratios["fit"]).all()
    assert ratios["predict"].tolist() == pytest.approx([1] * 10)
    assert gpu_ratios(complete(synthetic.trials(planted()))).empty


def test_peaks_count_the_trials_that_ran_out_of_memory() -> None:
    trials = synthetic.trials(planted(), seeds=2)
    short = (trials["pipeline"] == "net-slow") & (trials["n_train"] == 10_000)
    table = peaks(complete(synthetic.fail(trials, short, "oom", "over 8 GiB"))).set_index(["family", "n_train"])
    assert table.loc[("deep", 1000), ["least_mib", "median_mib", "most_mib"]].tolist() == [900, 2450, 4000]
    assert table.loc[("deep", 1000), "most"] == "net-slow"
    assert table.loc[("deep", 10_000), ["pipelines", "most_mib", "out_of_memory"]].tolist() == [1, 900, 2]
    assert table["gpu_most_mib"].isna().all()

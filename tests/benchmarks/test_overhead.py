"""What isolation costs: fits in the harness against the same fits in a bare script, paired in one run.

Run with `make bench` on an idle machine. The two sides alternate, so that a drift of the machine hits both; the
ratios are printed and kept in pytest-benchmark's `extra_info`.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.digits import Digits
from harness.data.subsets import training_subset
from harness.results import load_results
from harness.run.executor import DEFAULTS

BARE = str(Path(__file__).with_name("bare.py"))
# The same kernels on both sides: the harness turns oneDNN on.
ENVIRONMENT = DEFAULTS | os.environ | {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
PIPELINES = """
  forest: {features: pixels, estimator: {sklearn.ensemble.RandomForestClassifier: {n_estimators: N_TREES}}}
  svm: {features: pixels, estimator: {sklearn.svm.SVC: {C: 10}}}
  mlp: {network: mlp, train: {epochs: N_EPOCHS, batch_size: 32}}
  cnn: {network: cnn, train: {epochs: N_EPOCHS, batch_size: 32}}
"""
KINDS = ("forest", "svm", "mlp", "cnn")


def write(folder: Path, name: str, sizes: list[int], seeds: int, trees: int, epochs: int) -> tuple[Path, Path]:
    """One workload as a suite and as jobs for the bare script, in the same order and on the same images."""
    suite = folder / f"{name}.yaml"
    pipelines = PIPELINES.replace("N_TREES", str(trees)).replace("N_EPOCHS", str(epochs))
    suite.write_text(
        f"suite: {name}\ndatasets: digits\nsizes: {sizes}\nseeds: {seeds}\nthreads: 2\npipelines:{pipelines}"
    )
    data = Digits().load(None)
    np.savez(folder / "digits.npz", x_train=data.x_train, y_train=data.y_train, x_test=data.x_test, y_test=data.y_test)
    jobs: list[dict[str, Any]] = [
        {
            "kind": kind,
            "seed": seed,
            "n_estimators": trees,
            "epochs": epochs,
            "indices": np.sort(training_subset(data.y_train, n, seed)).tolist(),
        }
        for seed in range(seeds)
        for n in sizes
        for kind in KINDS
    ]
    (folder / f"{name}.json").write_text(json.dumps(jobs))
    return suite, folder / f"{name}.json"


def in_harness(suite: Path, folder: Path) -> float:
    """Wall seconds of `harness run`."""
    command = [sys.executable, "-m", "harness", "run", str(suite), "-o", str(folder), "--no-report"]
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def bare(jobs: Path) -> tuple[float, dict[str, list[float]]]:
    """Wall seconds of the bare script, and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, BARE, str(jobs), str(jobs.with_name("digits.npz"))],
        check=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    return time.perf_counter() - begin, json.loads(done.stdout.splitlines()[-1])


def test_a_fit_takes_as_long_as_in_a_bare_script(benchmark: Any, tmp_path: Path) -> None:
    suite, jobs = write(tmp_path, "fit", [1200], 1, trees=1000, epochs=40)
    ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def pair() -> None:
        folder = tmp_path / f"fit-{time.monotonic_ns()}"
        in_harness(suite, folder)
        trials = load_results(folder).trials.set_index("pipeline")
        for job in json.loads(jobs.read_text()):
            # A script of its own for each: a fit that follows another in one process finds warm caches and used memory.
            one = jobs.with_name("one.json")
            one.write_text(json.dumps([job]))
            _, alone = bare(one)
            row = trials.loc[job["kind"]]
            ratios[job["kind"]].append(float(row["fit_s"]) / alone["fit_s"][0])
            assert abs(row["accuracy"] - alone["accuracy"][0]) < 0.03, "the two sides must do the same work"

    benchmark.pedantic(pair, rounds=3, iterations=1)
    for kind, values in ratios.items():
        benchmark.extra_info[f"{kind}_fit_ratio"] = round(statistics.median(values), 3)
        print(f"\n{kind}: fit in the harness / bare = {statistics.median(values):.3f}  {[round(v, 3) for v in values]}")


def test_twenty_small_trials_cost_little_more_than_in_one_process(benchmark: Any, tmp_path: Path) -> None:
    suite, jobs = write(tmp_path, "twenty", [200], 5, trees=100, epochs=10)
    ratios: list[float] = []

    def pair() -> None:
        seconds, _ = bare(jobs)
        ratios.append(in_harness(suite, tmp_path / f"twenty-{time.monotonic_ns()}") / seconds)

    benchmark.pedantic(pair, rounds=3, iterations=1)
    benchmark.extra_info["twenty_trials_ratio"] = round(statistics.median(ratios), 3)
    print(f"\ntwenty trials: harness / bare = {statistics.median(ratios):.3f}  {[round(r, 3) for r in ratios]}")


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"]])
def test_help(benchmark: Any, command: list[str]) -> None:
    benchmark.pedantic(
        lambda: subprocess.run([sys.executable, "-m", "harness", *command], check=True, capture_output=True), rounds=5
    )

"""A hundred thousand trials that end at once: what is left is planning them, keeping their books and reading them.

Run with `make bench`; with `HARNESS_BENCH_OUT=DIR` the curve is kept there as `scale.csv` and `scale.png`. Each stage
runs in a process of its own (`scale.py`), so that its peak of memory is its own. `journal` waits for the disk after
each trial as a run does, and that time is told apart; `run` is all of `run_suite` with an executor that does nothing,
and does not wait for the disk a second time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from tests.benchmarks.scale import STAGES

SIZES = (1_000, 10_000, 100_000)
# Time per trial at the largest size against that at the size before it.
MOST_GROWTH = 2.0
# A trial that is planned is an object and its id; one that is loaded is a row of some hundred cells and its epochs.
MOST_BYTES = 6_000
COLUMNS = ["stage", "trials", "cpu_us_per_trial", "fsync_us_per_trial", "added_mib", "bytes_per_trial"]


def measure(stage: str, n: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.scale", stage, str(n), str(folder)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {
        "stage": stage,
        "trials": n,
        "cpu_us_per_trial": round(found["cpu_s"] / n * 1e6, 1),
        "fsync_us_per_trial": round(found["fsync_s"] / n * 1e6, 1),
        "added_mib": round(found["added_bytes"] / 2**20, 1),
    }


def test_time_per_trial_stays_and_memory_is_bounded(benchmark: Any, tmp_path: Path) -> None:
    def curve() -> pd.DataFrame:
        return pd.DataFrame([measure(stage, n, tmp_path / str(n)) for n in SIZES for stage in STAGES])

    frame = benchmark.pedantic(curve, rounds=1)
    # Of the trials that a size has more than the one before it: what is the same for all sizes does not count.
    added = frame.groupby("stage")[["added_mib", "trials"]].diff()
    frame["bytes_per_trial"] = (added["added_mib"] * 2**20 / added["trials"]).round()
    print("\n" + frame.to_string(index=False))
    benchmark.extra_info["curve"] = json.loads(frame.to_json(orient="records"))
    if out := os.environ.get("HARNESS_BENCH_OUT"):
        keep(frame, Path(out))
    times = frame.pivot(index="stage", columns="trials", values="cpu_us_per_trial")
    growth = times[SIZES[-1]] / times[SIZES[-2]]
    assert (growth < MOST_GROWTH).all(), growth
    largest = frame[frame["trials"] == SIZES[-1]].set_index("stage")
    assert (largest["bytes_per_trial"] < MOST_BYTES).all(), largest["bytes_per_trial"]


def keep(frame: pd.DataFrame, folder: Path) -> None:
    """The curve as a table and as a figure."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    folder.mkdir(parents=True, exist_ok=True)
    frame[COLUMNS].to_csv(folder / "scale.csv", index=False)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    lines: dict[str, Any] = {"hue": "stage", "style": "stage", "markers": True, "dashes": False}
    sns.lineplot(frame, x="trials", y="cpu_us_per_trial", ax=axes[0], legend=False, **lines)
    sns.lineplot(frame, x="trials", y="added_mib", ax=axes[1], **lines)
    axes[0].set(xscale="log", xlabel="trials of the suite", ylabel="CPU microseconds per trial", ylim=(0, None))
    axes[1].set(
        xscale="log", xlabel="trials of the suite", ylabel="peak memory above the libraries (MiB)", yscale="log"
    )
    figure.savefig(folder / "scale.png", dpi=150)
    plt.close(figure)

"""A suite of provoked faults, and the command line as a user has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FAULTS = str(Path(__file__).with_name("faults.py"))


def faulty_suite(folder: Path, *faults: str, limits: str = "{}", seeds: int = 1, extra: str = "") -> Path:
    """A suite file with one dataset per entry of `faults`, each given as its YAML parameters."""
    path = folder / "faulty.yaml"
    path.write_text(f"""\
suite: faulty
datasets: [{{faulty: {{{", ".join(faults)}}}}}]
sizes: [10, full]
seeds: {seeds}
limits: {limits}
pipelines:
  nb: {{features: pixels, estimator: sklearn.naive_bayes.GaussianNB}}
{extra}""")
    return path


@pytest.fixture
def harness(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in `tmp_path`, with the faults plug-in; returns when it has ended."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness", "--plugin", FAULTS, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)

    return call

"""The SLURM script of docs/cluster.md, run with a stand-in for `srun` that starts one task on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs Dask: pip install 'harness[distributed]'")

from harness.results import load_results

SUITE = """\
suite: my-question
datasets: digits
sizes: [100, 200]
pipelines:
  nb: {features: pixels, estimator: sklearn.naive_bayes.GaussianNB}
"""
# A task, which ends with it as those of a job do.
SRUN = """\
#!/bin/bash
while [[ $1 == --* ]]; do shift; done
"$@" &
trap 'kill $(jobs -p)' EXIT TERM
wait
"""


def test_the_slurm_script_works(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
    (script,) = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my-question.yaml").write_text(SUITE)
    for name, content in (("srun", SRUN), ("hostname", "#!/bin/bash\necho 127.0.0.1\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text(f'PATH="$PWD:{Path(sys.executable).parent}:$PATH"\n')
    settings = os.environ | {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 ok" in done.stdout
    trials = load_results(tmp_path / "runs/my-question").trials
    assert trials["status"].tolist() == ["ok", "ok"]
    assert trials["machine"].notna().all()

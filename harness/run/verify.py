"""Read a dataset's files in a process of their own: what is in them can harm nothing but that process.

python -m harness.run.verify < {"part": ..., "home": ...}      answers {"damaged": null} or why
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness import registry
from harness.data.base import Dataset
from harness.errors import HarnessError
from harness.suite.model import Part

# Unpacking and hashing the largest dataset takes seconds; a disk that does not answer is no reason to wait for ever.
VERIFY_S = 600.0


def dataset(part: Part) -> Dataset:
    """The dataset a suite names; not loaded yet."""
    made: Dataset = registry.build("datasets", part.name, part.params)
    return made


def damaged(part: Part, home: Path | None) -> str | None:
    """Why a dataset's files, where they are there, cannot be used; None where nothing is wrong or they are absent.

    A dataset of a plug-in is loaded in this process, which has loaded the plug-in too.
    """
    try:
        if dataset(part).info(home).missing:
            return None
        if part.name in registry.REGISTERED["datasets"]:
            dataset(part).load(home)
            return None
    except HarnessError as error:
        return str(error)
    order = json.dumps({"part": part.model_dump(mode="json"), "home": str(home) if home else None})
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(command, input=order, capture_output=True, text=True, timeout=VERIFY_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{part.name}: not read after {VERIFY_S:g} s"
    try:
        return str(reason) if (reason := json.loads(done.stdout)["damaged"]) else None
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().rpartition("\n")[2]
        return f"{part.name}: reading it ended with exit status {done.returncode}: {last}"


def main() -> None:
    """Answer one order."""
    order = json.loads(sys.stdin.read())
    reason = None
    try:
        dataset(Part.model_validate(order["part"])).load(Path(order["home"]) if order["home"] else None)
    except HarnessError as error:
        reason = str(error)
    print(json.dumps({"damaged": reason}))


if __name__ == "__main__":
    main()

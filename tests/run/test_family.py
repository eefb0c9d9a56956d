"""Finding, measuring and ending the descendants of a process, with real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run import family

# A process that adopts orphans and makes a family of 3 generations in sessions of their own.
FAMILY = """
import json, os, sys, time
import numpy as np
from harness.run import family
family.adopt_orphans()
shared = np.ones(2**23)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if os.fork() == 0:
                own = np.ones(2**22)
            while True: time.sleep(600)
        os._exit(0)
time.sleep(0.5)
"""


def told(code: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", FAMILY + code], capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("lists_children", [True, False])
def test_orphans_are_adopted_found_and_ended(lists_children: bool) -> None:
    answer = told(f"""
family.LISTS_CHILDREN = {lists_children}
family.reap()
found = family.descendants(os.getpid())
left, cpu = family.end_descendants()
print(json.dumps(dict(found=len(found), left=left, cpu=cpu, after=len(family.descendants(os.getpid())))))
""")
    assert (answer["found"], answer["left"], answer["after"]) == (6, 0, 0)
    assert answer["cpu"] > 0


def test_memory_that_is_shared_counts_once() -> None:
    answer = told("""
family.reap()
seen = family.sample(os.getpid(), 0)
print(json.dumps(dict(children=len(seen.children), pss=seen.children_bytes,
                      rss=sum(map(family.resident, seen.children)))))
family.end_descendants()
""")
    own, shared = 3 * 2**25, 2**26
    assert answer["children"] == 6
    assert own < answer["pss"] < own + shared + 6 * 2**25
    assert answer["rss"] > own + 6 * shared, "six copies of what is one"


def test_what_outlived_its_server_is_found_by_its_environment() -> None:
    marked, other = (
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, "MARK": value})
        for value in ("this", "that")
    )
    try:
        # Its environment is there to be read once it has become the program it is to run.
        while b"MARK=this" not in family.read(f"/proc/{marked.pid}/environ"):
            pass
        family.kill_marked("MARK", "this")
        assert marked.wait(10) == -9
        assert other.poll() is None
    finally:
        for process in (marked, other):
            process.kill()
            process.wait()


def test_a_process_that_is_gone_has_nothing(tmp_path: Path) -> None:
    gone = 2**22 + 1
    assert family.children(gone) == family.descendants(gone) == []
    assert family.resident(gone) == family.proportional(gone) == 0
    assert family.read(str(tmp_path / "nothing")) == b""
    assert family.read(str(tmp_path)) == b""
    (tmp_path / "long").write_bytes(b"x" * 200_000)
    assert len(family.read(str(tmp_path / "long"))) == 200_000

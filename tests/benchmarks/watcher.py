"""The runner's watchdog on a process: `python -m tests.benchmarks.watcher PID`; a line on standard input turns it on or
off, and is answered, so that nothing is timed before it has happened."""

from __future__ import annotations

import select
import sys
import time

from harness.data.digits import Digits
from harness.run.server import Outcome, Watchdog
from harness.suite.plan import expand
from tests import simulated

if __name__ == "__main__":
    pid = int(sys.argv[1])
    trial = expand(simulated.suite(40).suite, lambda _: Digits().info(None).n_train)[0]
    dog: Watchdog | None = None
    while True:
        wait = max(0.0, dog.due - time.monotonic()) if dog else None
        if select.select([sys.stdin.buffer], [], [], wait)[0]:
            if not sys.stdin.buffer.readline():
                break
            dog = None if dog else Watchdog(pid, pid, trial, Outcome())
            print(flush=True)
        elif dog:
            dog.look()

from __future__ import annotations

import json
import os

import sklearn

from harness.measure.environment import cpu_name, environment, machine, usable_cores


def test_it_says_what_a_reviewer_asks() -> None:
    found = json.loads(json.dumps(environment()))
    assert found["versions"]["scikit-learn"] == sklearn.__version__
    assert found["cores"] == usable_cores() >= 1
    assert found["ram_bytes"] > 2**28
    assert found["blas"]
    assert found["blas"][0]["num_threads"] >= 1
    assert found["cpu"] == cpu_name() != ""


def test_the_machine_is_named_without_its_host_name() -> None:
    assert machine() == machine()
    assert os.uname().nodename not in machine()

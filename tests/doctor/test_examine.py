from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from rich.console import Console

from harness.cli import app
from harness.doctor import examine as examining
from harness.doctor import libraries
from harness.doctor.examine import Examination, Quiet, describe, examine, warnings
from harness.doctor.libraries import BackendFound, backends
from harness.doctor.show import show
from harness.doctor.trials import Compared, SelfTest, Tracking
from harness.errors import HarnessError

CALM = Quiet(0.01, 0.1, (0.006, 0.0061, 0.0062))
CHEAP = Tracking(1.0, 0.01, -0.2, 0.3, 4, 2e-4)
SAME = Compared(0.5, (1.0, 0.99, 1.01), 0.01, 0.012, {3: 0.05, 30: 0.004}, {0.01: 12, 0.05: None}, False)
TEST = SelfTest(8, 0, SAME, SAME._replace(seconds=0.03), "vmhwm", "watchdog")


@pytest.fixture
def facts(tmp_path: Path) -> dict[str, Any]:
    return {**describe(tmp_path), "cores": 2, "cpu_limit": None, "clock_source": "tsc", "governors": [],
            "timer_resolution_s": 6e-8, "gpu_processes": None, "memory": {"ram": 8 << 30, "available": 7 << 30,
            "swap": 0, "swap_used": 0}, "fsync": {"folder": "runs", "median_s": 0.005, "longest_s": 0.01}}  # fmt: skip


def test_a_quiet_machine_gives_no_warning(facts: dict[str, Any]) -> None:
    assert warnings(facts, CALM, CHEAP, TEST, 0) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cpu_limit": 1.5}, "set `threads: 1`"),
        ({"governors": ["powersave"]}, "cpupower frequency-set"),
        ({"clock_source": "hpet"}, "clock source is hpet"),
        ({"timer_resolution_s": 2e-5}, "steps by 20.0 us"),
        ({"gpu_processes": 2}, "2 processes compute on the GPU"),
        ({"memory": {"swap": 100, "swap_used": 50}}, "swap are in use"),
        ({"fsync": {"folder": "/nfs", "median_s": 0.2}}, "/nfs takes 200 ms"),
    ],
)
def test_each_fault_is_told_with_what_to_do(facts: dict[str, Any], change: dict[str, Any], said: str) -> None:
    (text,) = warnings(facts | change, CALM, CHEAP, TEST, 0)
    assert said in text


def test_what_was_measured_is_warned_of(facts: dict[str, Any]) -> None:
    loud = Quiet(1.4, 5.0, (0.006, 0.006, 0.02))
    alarmed = TEST._replace(predict=SAME._replace(different=True), disturbed=3)
    text = "\n".join(warnings(facts, loud, CHEAP._replace(low=2.0, percent=3.0), alarmed, 7))
    for said in ("1.40 of 2 cores busy", "not one core is free", "3.33 times its median", "heat 7 times"):
        assert said in text
    assert "different in predict" in text
    assert "3 of 16 trials" in text
    assert "slower by 3.0%" in text


def test_backends_are_tried_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: name != "absent")
    monkeypatch.setattr(libraries, "CODE", "import {name} as lib\nprint({devices})")
    good = 'import json; print("chatter"); print(json.dumps({{"version": "1", "keras": "3", "devices": ["cpu"]}}))'
    monkeypatch.setattr(libraries, "DEVICES", dict.fromkeys(("absent", "no_such_module", "json"), "0"))
    absent, broken = backends(["absent", "no_such_module"])
    assert not absent.installed
    assert broken.error == "ModuleNotFoundError: No module named 'no_such_module'"
    monkeypatch.setattr(libraries, "CODE", good)
    assert backends(["json"]) == (BackendFound("json", True, "1 (Keras 3)", ("cpu",), None),)


def examined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: tuple[BackendFound, ...]) -> Examination:
    def refuse(*_: object) -> SelfTest:
        if any(backend.error for backend in found):
            raise HarnessError("the process that runs trials cannot start")
        return TEST

    for name, value in (("backends", lambda: found), ("self_test", refuse), ("tracking_cost", lambda *_: CHEAP)):
        monkeypatch.setattr(examining, name, value)
    monkeypatch.setattr(examining, "listen", lambda: CALM)
    return examine(lambda: None, tmp_path / "not" / "there", 2, quick=True, say=lambda _: None)  # type: ignore[arg-type, return-value]


GOOD = BackendFound("tensorflow", True, "2.21 (Keras 3.15)", ("cpu",), None)


def shown(found: Examination) -> str:
    screen = io.StringIO()
    show(found, Console(file=screen, width=200))
    return screen.getvalue()


def test_the_whole_examination_is_json_and_readable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = examined(monkeypatch, tmp_path, (GOOD, BackendFound("jax", False, None, (), None)))
    assert found.broken == ()
    values = json.loads(json.dumps(found.as_dict()))
    assert values["aa_test"]["fit"]["ratio"] == [1.0, 0.99, 1.01]
    assert values["tracking"]["percent"] == 0.01
    assert values["fsync"]["folder"] == str(tmp_path)
    text = shown(found)
    for said in ("2.21 (Keras 3.15), sees cpu", "not installed", "smallest difference resolved: 1.2%", "Bloom 1995"):
        assert said in text
    assert "5% needs more than 10,000" in text


def test_what_is_broken_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = BackendFound("torch", True, None, (), "ImportError: libfoo[bold].so")
    found = examined(monkeypatch, tmp_path, (GOOD, bad))
    assert "pip install --force-reinstall torch" in found.broken[0]
    assert "harness run quickstart --smoke" in found.broken[1]
    text = shown(found)
    assert "libfoo[bold].so" in text
    assert "A/A test: not completed" in text
    none = examined(monkeypatch, tmp_path, (BackendFound("jax", False, None, (), None),))
    assert none.broken == ("no backend for networks is installed: pip install tensorflow",)


@pytest.mark.parametrize(("broken", "status"), [((), 0), (("x is broken",), 1)])
def test_the_command_writes_json_and_its_exit_status_says_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: tuple[str, ...], status: int
) -> None:
    asked = []

    def fake(make: Any, folder: Path, pairs: int, *, quick: bool, say: Any) -> Examination:
        asked.append((folder, pairs, quick))
        return Examination({"cores": 2}, (), broken)

    monkeypatch.setattr(examining, "examine", fake)
    out = tmp_path / "doctor.json"
    words = ["doctor", "--quick", "--format", "json", "--folder", str(tmp_path)]
    done = typer.testing.CliRunner().invoke(app, words)
    assert done.exit_code == status
    assert json.loads(out.read_text()) == {"cores": 2, "warnings": [], "broken": list(broken)}
    assert asked == [(tmp_path, 3, True)]

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.run.progress import ProgressDisplay, duration, eta, line
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial


def trial(n_train: int) -> Trial:
    spec = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.svm.SVC"})
    return Trial(dataset=Part(name="digits"), pipeline="p", spec=spec, n_train=n_train, seed=0)


ROW = {
    "trial_id": "0",
    "pipeline": "hog-svm", "dataset": "digits", "n_train": 1200, "seed": 0, "repeat": 0, "device": "cpu",
    "backend": "sklearn", "status": "ok", "phase": None, "message": None,
    "features_s": 0.5, "fit_s": 1.0, "predict_s": 0.25, "accuracy": 0.97,
}  # fmt: skip


def test_without_a_terminal_it_prints_plain_lines() -> None:
    text = io.StringIO()
    progress = ProgressDisplay(Console(file=text, soft_wrap=True))
    with progress:
        progress.begin(2, 1)
        progress.started(trial(100), 3.0, 1)
        progress.event(trial(100), {"event": "phase", "phase": "fit"})
        progress.finished(ROW, 90.0, 0)
        progress.finished({**ROW, "status": "timeout", "phase": "fit", "message": "over [b]its[/b] limit"}, 0.0, 0)
    lines = text.getvalue().splitlines()
    assert lines[0] == "resuming: 1 of 3 trials are done"
    assert lines[1].startswith(
        "[1/2] hog-svm digits n=1,200 seed=0: accuracy 0.9700, train 1.5 s, predict 250 ms  about 90.0 s left"
    )
    assert lines[2] == "[2/2] hog-svm digits n=1,200 seed=0: timeout in fit: over [b]its[/b] limit"
    assert "\x1b" not in text.getvalue()


def test_on_a_terminal_it_shows_what_runs_now() -> None:
    text = io.StringIO()
    progress = ProgressDisplay(Console(file=text, force_terminal=True, width=200))
    with progress:
        progress.begin(1, 0)
        progress.started(trial(100), 3.0, 0)
        progress.event(trial(100), {"event": "epoch", "values": {"epoch": 7, "loss": None}})
        assert progress.live is not None
        progress.live.refresh()
        assert "epoch 7" in text.getvalue()
        progress.finished(ROW, 0.0, 0)
    assert "accuracy 0.9700" in text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0123, "12 ms"), (1.26, "1.3 s"), (99.0, "99.0 s"), (150, "2 min"), (3700, "1 h 02 min")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_eta_says_when_it_knows_only_part() -> None:
    assert eta(0.0, 5) == ""
    assert eta(60.0, 0).startswith("about 60.0 s left (")
    assert eta(60.0, 2).startswith("at least 60.0 s left (")


@pytest.mark.parametrize(
    ("part", "words"),
    [({"device": "gpu"}, "gpu"), ({"repeat": 2}, "repeat=2"), ({"backend": "jax", "device": "gpu"}, "jax gpu")],
)
def test_a_line_says_what_tells_a_trial_from_the_others(part: dict[str, object], words: str) -> None:
    assert line({**ROW, **part}).startswith(f"hog-svm digits n=1,200 seed=0 {words}: accuracy")


def test_several_at_once_are_shown_side_by_side() -> None:
    text = io.StringIO()
    progress = ProgressDisplay(Console(file=text, force_terminal=True, width=300))
    trials = [trial(n) for n in (100, 200, 300, 400)]
    with progress:
        progress.begin(4, 0)
        for one in trials:
            progress.started(one, 3.0, 0)
        progress.event(trials[1], {"event": "phase", "phase": "fit"})
        assert progress.current().startswith("4 running: ")
        assert "n=200 seed=0 · fit |" in progress.current()
        assert progress.current().endswith("| ...")
        for one in trials[:3]:
            progress.finished({**ROW, "trial_id": one.id}, 0.0, 0)
        assert "n=400" in progress.current()
        assert "running" not in progress.current()

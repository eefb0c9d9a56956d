from __future__ import annotations

from typing import Any

import pandas as pd

from harness.run.columns import TRIAL_COLUMNS
from harness.run.validity import FEWEST, REASONS, judge, kinds


def rows(**changes: Any) -> pd.DataFrame:
    count = max((len(value) for value in changes.values() if isinstance(value, list)), default=1)
    base = {"machine": "m", "device": "cpu", "threads": 2, "total_s": 1.0, "busy_others": 0.02, "calibration_s": 0.006}
    return pd.DataFrame({name: value if isinstance(value, list) else [value] * count for name, value in
                         (base | changes).items()})  # fmt: skip


def test_quiet_rows_are_valid_without_a_note() -> None:
    judged = judge(rows(busy_others=[0.0, 0.1]))
    assert judged["timing_valid"].tolist() == [True, True]
    assert judged["timing_note"].isna().all()
    assert dict(judged.dtypes.astype(str)) == {name: TRIAL_COLUMNS[name] for name in judged}


def test_busy_others_count_by_the_share_of_the_cores_a_trial_was_given() -> None:
    judged = judge(rows(busy_others=[0.3, 0.3, 2.0, 0.19], threads=[2, 8, 8, 1]))
    assert judged["timing_valid"].tolist() == [False, True, False, True]
    assert judged["timing_note"][0] == "other processes kept 0.30 cores busy"


def test_a_slow_machine_is_told_by_its_own_usual_speed_in_the_run() -> None:
    one = rows(calibration_s=[0.006, 0.0061, 0.0062, 0.0065, 0.012])
    other = rows(machine="slow", calibration_s=[0.012] * 4)
    judged = judge(pd.concat([one, other], ignore_index=True))
    assert judged["timing_valid"].tolist() == [True] * 4 + [False] + [True] * 4
    assert "1.97 times slower than usual" in judged["timing_note"][4]


def test_a_few_calibrations_say_nothing_of_the_usual_speed() -> None:
    assert judge(rows(calibration_s=[0.006] * (FEWEST - 2) + [0.1]))["timing_valid"].all()


def test_others_on_the_gpu_count_only_for_trials_on_it() -> None:
    judged = judge(rows(gpu_others=[2, 2, 0], device=["gpu", "cpu", "gpu"]))
    assert judged["timing_valid"].tolist() == [False, True, True]


def test_all_reasons_are_told_and_counted() -> None:
    frame = rows(busy_others=[0.0] * 4 + [1.0], calibration_s=[0.006] * 4 + [0.06], gpu_others=1, device="gpu")
    note = judge(frame)["timing_note"][4]
    assert note.count("; ") == 2
    assert set(kinds(note)) == set(REASONS)
    assert kinds("") == ()


def test_what_was_not_checked_or_not_timed_is_neither_valid_nor_invalid() -> None:
    old = rows().drop(columns=["busy_others", "calibration_s"])
    assert judge(old)["timing_valid"].isna().all()
    skipped = judge(rows(total_s=None, busy_others=5.0))
    assert skipped["timing_valid"].isna().all()
    assert skipped["timing_note"].isna().all()
    assert len(judge(pd.DataFrame())) == 0


def test_judging_the_typed_table_twice_changes_nothing() -> None:
    frame = rows(busy_others=[0.0, 1.0]).reindex(columns=list(TRIAL_COLUMNS)).astype(TRIAL_COLUMNS)
    once = judge(frame)
    pd.testing.assert_frame_equal(judge(frame.assign(**once)), once)

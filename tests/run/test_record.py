"""What a record takes in: anything can come through the pipe, only what fits a table stays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hits import pack, unpack
from harness.run import record as records
from harness.run.columns import EPOCH_COLUMNS, EXPLANATION_COLUMNS, TRIAL_COLUMNS
from harness.run.journal import Entry, decode, encode
from harness.run.record import EventReader, Record
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial

TRIAL = Trial(
    dataset=Part(name="digits"),
    pipeline="nb",
    spec=Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.naive_bayes.GaussianNB"}),
    n_train=20,
    seed=0,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(["phase", "measured", "epoch", "explanation", "end", "tea"])},
    optional={
        "phase": JSON | st.just("fit"),
        "status": JSON | st.sampled_from(records.STATUSES),
        "message": JSON,
        "error_type": JSON,
        "values": st.dictionaries(
            st.sampled_from([*TRIAL_COLUMNS, *EPOCH_COLUMNS, *EXPLANATION_COLUMNS, "other"]), JSON, max_size=4
        ),
    },
)


@given(st.lists(EVENTS, max_size=6))
def test_whatever_comes_the_row_can_be_journalled(events: list[dict[str, Any]]) -> None:
    record = Record(TRIAL, "logs/x.log")
    for event in events:
        record.add(event)
    record.end("crashed", "gone")
    record.remark_losses()
    entry = Entry(record.row, record.epochs, record.tuning, record.explanations)
    assert decode(encode(entry)) == entry
    assert record.row["trial_id"] == TRIAL.id
    for value in record.row.values():
        if isinstance(value, str):
            value.encode()


@pytest.mark.parametrize(
    "values",
    [
        {"fit_s": -1.0},
        {"peak_bytes": -5},
        {"accuracy": 1.5},
        {"n_test": 2.5},
        {"log": "elsewhere"},
        {"status": "ok"},
        {"suite": "another"},
        {"fit_s": "soon"},
    ],
)
def test_what_cannot_be_a_measurement_is_garbage(values: dict[str, Any]) -> None:
    record = Record(TRIAL, None)
    record.add({"event": "measured", "values": values | {"n_features": 7}})
    assert record.garbage == 1
    assert "n_features" not in record.row


@pytest.mark.parametrize("status", ["skipped", "interrupted", "timeout", "crashed"])
def test_a_trial_cannot_say_what_only_others_can_know(status: str) -> None:
    record = Record(TRIAL, None)
    record.add({"event": "end", "status": status})
    assert not record.ended
    assert record.garbage == 1


def test_the_first_word_counts_and_the_runners_stands_above_it() -> None:
    record = Record(TRIAL, None)
    record.add({"event": "phase", "phase": "fit"})
    record.add({"event": "end", "status": "failed", "message": "a\nb", "error_type": "ValueError"})
    record.add({"event": "end", "status": "ok"})
    row = record.row
    assert (row["status"], row["message"], row["error_type"], row["phase"]) == ("failed", "a b", "ValueError", "fit")
    record.overrule("timeout", "over its time limit")
    assert (row["status"], row["message"], row["error_type"]) == ("timeout", "over its time limit", None)


def test_ok_without_a_result_is_a_crash_in_its_phase() -> None:
    record = Record(TRIAL, None)
    record.add({"event": "phase", "phase": "fit"})
    record.add({"event": "end", "status": "ok"})
    record.check_result()
    assert (record.row["status"], record.row["phase"]) == ("crashed", "fit")
    whole = Record(TRIAL, None)
    whole.add({"event": "measured", "values": {"accuracy": 0.5, "fit_s": 1.0, "predict_s": 0.0}})
    whole.add({"event": "end", "status": "ok"})
    whole.check_result()
    assert whole.row["status"] == "ok"


def test_a_record_is_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_EPOCHS", 3)
    record = Record(TRIAL, None)
    for number in range(5):
        record.add({"event": "epoch", "values": {"epoch": number}})
    record.add({"event": "measured", "values": {"device_used": "x" * 10**6}})
    record.end("failed", "y" * 10**6, "z" * 10**6)
    record.remark_losses()
    assert len(record.epochs) == 3
    assert record.row["message"].endswith(
        "y; 2 epochs, tried settings or explanations more than are kept were left out"
    )
    assert len(record.row["message"]) == records.MESSAGE_LENGTH
    assert sum(len(value) for value in record.row.values() if isinstance(value, str)) < 4000


@given(st.lists(st.binary(max_size=30), max_size=10), st.integers(1, 40))
def test_a_stream_cut_anywhere_gives_the_same_events(lines: list[bytes], step: int) -> None:
    whole = b"".join(line + b"\n" for line in [*lines, json.dumps({"event": "end"}).encode()])
    reader, at_once = EventReader(), list(EventReader().feed(whole))
    piecemeal = [event for start in range(0, len(whole), step) for event in reader.feed(whole[start : start + step])]
    assert piecemeal == at_once
    assert at_once[-1] == {"event": "end"}


def test_what_never_ends_a_line_is_not_kept() -> None:
    reader = EventReader()
    for _ in range(40):
        assert list(reader.feed(b"x" * 100_000)) == []
    assert len(reader.rest) <= records.LINE_BYTES
    assert list(reader.feed(b"\n" + b"[" * 200_000 + b'\n{"event": "tea"}\n')) == [{}, {}, {"event": "tea"}]


def test_hits_pass_whole_and_never_without_their_number() -> None:
    hit = np.random.default_rng(0).random(50_000) < 0.5
    record = Record(TRIAL, None)
    record.add({"event": "measured", "values": {"correct": pack(hit), "n_test": 50_000}})
    np.testing.assert_array_equal(unpack(record.row["correct"], 50_000), hit)
    for values in ({"n_test": 49_000}, {"correct": "eJw"}, {"correct": pack(hit[:1000])}):
        record.add({"event": "measured", "values": values})
    assert record.garbage == 3
    assert record.row["n_test"] == 50_000
    assert records.cell("A" * 70_000, 2**16) is None, "half of a packed text is worth nothing"


def test_explanations_are_bounded_in_lines_and_in_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_EXPLANATIONS", 3)
    monkeypatch.setattr(records, "MAX_CONTENT", 40)
    lines = Record(TRIAL, None)
    content = Record(TRIAL, None)
    for number in range(5):
        lines.add({"event": "explanation", "values": {"measure": "r2", "item": "hog_0", "x": number, "value": 0.5}})
        content.add({"event": "explanation", "values": {"measure": "image", "x": number, "content": "A" * 30}})
    lines.add({"event": "explanation", "values": {"measure": "r2", "trial_id": "another"}})
    assert [line["x"] for line in lines.explanations] == [0, 1, 2]
    assert len(content.explanations) == 2
    assert (lines.surplus, content.surplus) == (3, 3)
    lines.remark_losses()
    assert "explanations more than are kept" in lines.row["message"]

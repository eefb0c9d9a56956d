from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import load_results
from harness.errors import MisuseError, RunFolderError
from harness.hits import pack
from harness.results import export, save_tables
from harness.run.columns import EPOCH_COLUMNS, EXPLANATION_COLUMNS, TRIAL_COLUMNS
from harness.run.executor import InProcessExecutor
from harness.run.folder import RunFolder
from harness.run.journal import encode, read
from harness.run.progress import ProgressDisplay
from harness.run.runner import run_suite
from harness.suite.load import LoadedSuite, parse_suite

SUITE = """\
suite: tiny
datasets: digits
sizes: [50, 100]
seeds: 1
devices: [cpu, gpu]
pipelines:
  nb: {features: pixels, estimator: sklearn.naive_bayes.GaussianNB}
  mlp: {network: {mlp: {width: 16}}, train: {epochs: 2}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    loaded = LoadedSuite(parse_suite(SUITE, "tiny.yaml"), SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.run.runner.gpus", tuple)
        run_suite(loaded, folder, lambda: InProcessExecutor(None), home=None, progress=ProgressDisplay())
        save_tables(load_results(folder.path), folder)
    return folder


def test_one_row_per_planned_trial_in_typed_columns(folder: RunFolder) -> None:
    results = load_results(folder.path)
    assert results.name == "tiny"
    assert len(results.trials) == 8
    assert {name: str(kind) for name, kind in results.trials.dtypes.items()} == {
        name: "string" if kind == "string" else kind for name, kind in TRIAL_COLUMNS.items()
    }
    assert list(results.epochs) == list(EPOCH_COLUMNS)
    assert results.trials["status"].value_counts().to_dict() == {"ok": 4, "skipped": 4}
    assert results.environment["versions"]["numpy"]


def test_derived_columns(folder: RunFolder) -> None:
    ok = load_results(folder.path).trials.query("status == 'ok'")
    traditional, deep = ok[ok["family"] == "traditional"], ok[ok["family"] == "deep"]
    assert (traditional["train_s"] == traditional["features_s"] + traditional["fit_s"]).all()
    assert (deep["train_s"] == deep["fit_s"]).all()
    assert (ok["peak_bytes"] >= ok["fit_peak_bytes"]).all()


def test_times_are_judged_when_a_journal_is_loaded(folder: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(folder.path, tmp_path / "run")
    (tmp_path / "run" / "journal.jsonl").unlink()
    entries = read(folder.journal).entries
    timed = [entry.row for entry in entries if entry.row["status"] == "ok"]
    for row in timed:
        row["busy_others"] = 0.0
    timed[0]["busy_others"] = 1.5
    (tmp_path / "run" / "journal.jsonl").write_bytes(b"".join(map(encode, entries)))
    trials = load_results(tmp_path / "run").trials.set_index("trial_id")
    assert trials["timing_valid"].value_counts().to_dict() == {True: 3, False: 1}
    assert trials.loc[timed[0]["trial_id"], "timing_note"] == "other processes kept 1.50 cores busy"
    assert trials.query("status == 'skipped'")["timing_valid"].isna().all()


def test_epochs_belong_to_their_trials(folder: RunFolder) -> None:
    results = load_results(folder.path)
    deep = results.trials.query("status == 'ok' and family == 'deep'")
    assert results.epochs.groupby("trial_id")["epoch"].agg(list).to_dict() == {key: [1, 2] for key in deep["trial_id"]}
    assert (results.epochs["optimizer"] == "adam").all()


def test_tables_without_a_journal_are_the_same(folder: RunFolder, tmp_path: Path) -> None:
    for file in (folder.trials, folder.epochs, folder.environment):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    kept, whole = load_results(tmp_path), load_results(folder.path)
    pd.testing.assert_frame_equal(kept.trials, whole.trials)
    pd.testing.assert_frame_equal(kept.epochs, whole.epochs)
    assert kept.environment == whole.environment


def test_explanations_belong_to_their_trials_and_have_a_file_only_where_there_are_any(
    folder: RunFolder, tmp_path: Path
) -> None:
    assert not folder.explanations.exists()
    assert load_results(folder.path).explanations.empty
    run = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, run.path)
    entries = read(folder.journal).entries
    explained = next(n for n, entry in enumerate(entries) if entry.row["pipeline"] == "nb" and "accuracy" in entry.row)
    line = {
        "measure": "property_r2",
        "item": "pixel_0_1",
        "property": "area",
        "x": None,
        "value": 0.25,
        "content": None,
    }
    entries[explained] = entries[explained]._replace(explanations=[line, line | {"item": "pixel_0_2"}])
    entries[explained].row.update(explain_s=3.0, explain_peak_bytes=2**40)
    run.journal.write_bytes(b"".join(map(encode, entries)))
    results = load_results(run.path)
    assert list(results.explanations) == list(EXPLANATION_COLUMNS)
    assert results.explanations["trial_id"].tolist() == [entries[explained].row["trial_id"]] * 2
    assert results.explanations["item"].tolist() == ["pixel_0_1", "pixel_0_2"]
    assert results.trials["peak_bytes"].max() < 2**40, "explaining is not the pipeline's own work"
    save_tables(results, run)
    run.journal.unlink()
    pd.testing.assert_frame_equal(load_results(run.path).explanations, results.explanations)


def test_tables_from_before_a_column_have_it_empty_and_damaged_hits_are_told(folder: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    table, epochs = pd.read_parquet(folder.trials), pd.read_parquet(folder.epochs)
    epochs.to_parquet(run.epochs)
    new = ["correct", "scheme", "feature_origin", "series_value", "n_choices", "explain_s", "explained_r2"]
    table.drop(columns=new).to_parquet(run.trials)
    assert load_results(run.path).trials[new].isna().all(axis=None)
    table.loc[table["accuracy"].notna(), "correct"] = pack(np.ones(9, bool))
    table.to_parquet(run.trials)
    with pytest.raises(RunFolderError, match=r"correct of trial .* is damaged"):
        load_results(run.path)


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("csv", lambda data: pd.read_csv(io.BytesIO(data))),
        ("json", lambda data: pd.DataFrame(json.loads(data))),
        ("parquet", lambda data: pd.read_parquet(io.BytesIO(data))),
    ],
)
def test_exports_read_back(folder: RunFolder, kind: str, read: object) -> None:
    trials = load_results(folder.path).trials
    again = read(export(trials, kind))  # type: ignore[operator]
    assert again["trial_id"].tolist() == trials["trial_id"].tolist()
    assert again["accuracy"].dropna().tolist() == pytest.approx(trials["accuracy"].dropna().tolist())


def test_what_is_no_run_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        load_results(tmp_path)
    for name in ("trials.parquet", "epochs.parquet"):
        (tmp_path / name).write_bytes(b"PAR1 no")
    with pytest.raises(RunFolderError, match=r"trials\.parquet: not a readable table of a run"):
        load_results(tmp_path)
    with pytest.raises(MisuseError, match="unknown format 'xls'"):
        export(pd.DataFrame(), "xls")

"""Which rows' times can be trusted: rules on what was recorded beside them, applied when a run is loaded.

A time is not valid where, by the row's own columns,

- `busy_others`: other processes (or other guests of the hypervisor) took more than `BUSY_SHARE` of the cores that the
  trial was given, and more than `BUSY_CORES` of one core;
- `calibration_s`: the fixed kernel just before the trial took more than `SLOWER` times what this machine usually needs
  in this run, so that the machine itself was slow: throttled, or shared out of sight of /proc/stat;
- `gpu_others`: a GPU trial had other processes on its GPU.

The load average counts for nothing: over a minute it holds the trial before, too. Rows without any of these columns, as
runs before 0.2 have them, are neither valid nor invalid: not checked.
"""

from __future__ import annotations

import pandas as pd

# THRESHOLDS
BUSY_SHARE = 0.1
BUSY_CORES = 0.2
SLOWER = 1.5
USUAL = 0.25
FEWEST = 4

CHECKED = ("busy_others", "calibration_s", "gpu_others")
TIMES = ("total_s", "load_s", "features_s", "fit_s", "predict_s")
SEPARATOR = "; "
REASONS = {
    "busy": "other processes kept cores busy",
    "slow": "the machine was slower than usual by the calibration kernel",
    "gpu": "other processes were on the GPU",
}


def judge(trials: pd.DataFrame) -> pd.DataFrame:
    """Whether each row's times can be trusted, and why not.

    Parameters
    ----------
    trials : DataFrame
        The trials of one run, with the columns of `harness.run.columns.TRIAL_COLUMNS` or some of them.

    Returns
    -------
    DataFrame
        With the index of `trials`: `timing_valid` (boolean; empty where nothing was timed or nothing checked) and
        `timing_note` (string; why not valid, reasons separated by `"; "`, empty otherwise).
    """
    busy, calibration, gpu, threads = (_number(trials, name) for name in (*CHECKED, "threads"))
    usual = calibration.groupby(_text(trials, "machine")).transform(_usual)
    slower = calibration / usual
    on_gpu = _text(trials, "device") == "gpu"
    limit = (BUSY_SHARE * threads.fillna(1)).clip(lower=BUSY_CORES)
    said = (
        _say(busy, busy > limit, "other processes kept {:.2f} cores busy"),
        _say(slower, slower > SLOWER, "machine {:.2f} times slower than usual by the calibration kernel"),
        _say(gpu, on_gpu & (gpu > 0), "{:.0f} other processes on the GPU"),
    )
    notes = [SEPARATOR.join(filter(None, reasons)) for reasons in zip(*said, strict=True)]
    timed = pd.concat([_number(trials, name) for name in TIMES], axis=1).notna().any(axis=1)
    checked = busy.notna() | calibration.notna() | (on_gpu & gpu.notna())
    note = pd.Series(notes, index=trials.index, dtype="string").where(timed & checked)
    valid = (note == "").astype("boolean")
    return pd.DataFrame({"timing_valid": valid, "timing_note": note.where(note != "")})


def kinds(note: str) -> tuple[str, ...]:
    """The reasons in a note without their figures, as keys of `REASONS`, for counting."""
    marks = {"kept": "busy", "calibration": "slow", "on the GPU": "gpu"}
    return tuple(kind for mark, kind in marks.items() if mark in note)


def _usual(values: pd.Series) -> float:
    """What the kernel takes on this machine when it is left alone; NaN where too few rows say so."""
    known = values.dropna()
    return float(known.quantile(USUAL)) if len(known) >= FEWEST else float("nan")


def _say(values: pd.Series, where: pd.Series, sentence: str) -> list[str]:
    return [sentence.format(value) if wrong else "" for value, wrong in zip(values, where, strict=True)]


def _number(trials: pd.DataFrame, name: str) -> pd.Series:
    if name not in trials.columns:
        return pd.Series(float("nan"), index=trials.index, dtype=float)
    return pd.to_numeric(trials[name], errors="coerce").astype(float)


def _text(trials: pd.DataFrame, name: str) -> pd.Series:
    if name not in trials.columns:
        return pd.Series("", index=trials.index, dtype=object)
    return trials[name].astype(object).where(trials[name].notna(), "")

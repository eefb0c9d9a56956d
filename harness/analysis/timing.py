"""Rows whose times may be averaged: one for each seed, of one machine, not disturbed where others were not."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from harness.analysis.frames import NUMBERS, TIMES, ok

# What is measured anew in each repeat, and again with each seed.
TRIAL = ["dataset", "pipeline", "family", "n_train", "seed", "device", "backend"]
CELL = ["dataset", "pipeline", "family", "n_train", "device", "backend"]


def one_per_seed(rows: pd.DataFrame, *, by_machine: bool = False) -> pd.DataFrame:
    """Repeats of a trial as one row: they share images and initialisation, so they are no further seeds.

    Parameters
    ----------
    rows : DataFrame
        Ok rows, as `frames.complete` gives them.
    by_machine : bool
        Keep one row for each machine that ran the trial. Otherwise the machine with the most repeats stands for all,
        so that no median is taken over times of different machines.

    Returns
    -------
    DataFrame
        Numbers are medians over the repeats (accuracies, which do not differ, stay what they are; unmeasured values
        are left out), the rest is the first repeat's. `rows` itself where nothing was repeated.
    """
    key = [*TRIAL, "machine"] if by_machine else TRIAL
    if not rows.duplicated(key).any():
        return rows
    ordered = rows.sort_values([*TRIAL, "machine", "repeat"], kind="stable")
    groups = ordered.groupby([*TRIAL, "machine"], sort=False)
    single = groups.head(1).copy()
    numbers = [name for name in NUMBERS if name in rows.columns]
    single[numbers] = groups[numbers].median().to_numpy()
    if not by_machine:
        single["_repeats"] = groups.size().to_numpy()
        single = single.sort_values("_repeats", ascending=False, kind="stable").drop_duplicates(TRIAL)
        single = single.drop(columns="_repeats")
    return single.sort_index()


def repeats_of(frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The ok trials that are repeats of one another, by the id of each."""
    groups = ok(frame).groupby(TRIAL)["trial_id"]
    members = groups.agg(tuple)
    return {trial: ids for ids in members if len(ids) > 1 for trial in ids}


class Times(NamedTuple):
    """Rows whose times may be compared with one another, and what was done to make them so.

    Attributes
    ----------
    rows
        Of one machine. Disturbed times are NaN where the same cell has undisturbed ones; elsewhere they stand, and
        `marked` says so.
    marked
        For each row, whether its times stand although they are not valid.
    machine
        The machine; "" where none was recorded.
    elsewhere
        Ok rows of other machines, left out.
    disturbed
        Ok rows whose times were left out as not valid.
    unchecked
        Ok rows for which nothing says whether they were disturbed.
    """

    rows: pd.DataFrame
    marked: pd.Series
    machine: str
    elsewhere: int
    disturbed: int
    unchecked: int

    @property
    def left_behind(self) -> tuple[str, ...]:
        """What a reader must know where times of one machine are shown and others have been measured, too."""
        if not self.elsewhere:
            return ()
        return (f"{self.elsewhere:,} trials of other machines are left out: times are those of machine {self.machine}",)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a reader must know of these times, each in one phrase; empty where there is nothing to say."""
        kept = int(self.marked.sum())
        said = (
            (self.disturbed, f"times of {self.disturbed:,} disturbed trials are left out"),
            (kept, f"{kept:,} trials were disturbed and stand for want of others"),
            (self.unchecked, f"times of {self.unchecked:,} trials were not checked for disturbance"),
        )
        return self.left_behind + tuple(text for count, text in said if count)


def comparable(frame: pd.DataFrame) -> Times:
    """The rows of the machine with the most ok trials, times made fit to be averaged.

    Parameters
    ----------
    frame : DataFrame
        As `frames.complete` gives it. Rows that did not end well are kept, those of other machines too where they
        diverged: they say that a pipeline may not be called the best.
    """
    good = ok(frame)
    counts = good["machine"].value_counts()
    # The first of the names in order where several have as many.
    machine = str(min(counts.index[counts == counts.max()], default=""))
    here = frame[(frame["machine"] == machine) | (frame["status"] == "diverged")] if len(counts) > 1 else frame
    masked, marked = undisturbed(here)
    used = ok(here)
    disturbed = int((used["timing_valid"] == False).sum()) - int(marked.sum())  # noqa: E712  (empty is not False)
    unchecked = int(used["timing_valid"].isna().sum())
    return Times(masked, marked, machine, len(good) - len(used), disturbed, unchecked)


def undisturbed(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The frame without the times of disturbed rows, where their cell on their machine has others.

    Returns
    -------
    frame, marked
        The frame with NaN in the columns `frames.TIMES`; and for each row whether its times, though not valid, stand
        because no row of its cell has valid ones.
    """
    good = frame["status"] == "ok"
    bad = good & (frame["timing_valid"] == False).fillna(False).astype(bool)  # noqa: E712
    if not bad.any():
        return frame, bad
    others = (good & ~bad).groupby([frame[name] for name in (*CELL, "machine")]).transform("any")
    masked = frame.copy()
    masked.loc[bad & others, list(TIMES)] = float("nan")
    return masked, bad & ~others

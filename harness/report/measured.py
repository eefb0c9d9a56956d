"""Tables of what was measured beside accuracy: time cold and warm, serving, memory, energy; and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.analysis.frames import NUMBERS, complete, ok
from harness.analysis.intervals import t_interval
from harness.analysis.timing import CELL, one_per_seed, undisturbed
from harness.analysis.trust import Trust
from harness.report.tables import MIB
from harness.suite.plan import TUNED

# Column of the trials, column of the table, factor from one to the other.
COLD = (
    ("spawn_s", "spawn_ms", 1e3),
    ("import_s", "import_s", 1.0),
    ("load_s", "load_s", 1.0),
    ("build_s", "build_s", 1.0),
    ("first_step_s", "first_step_s", 1.0),
    ("step_s", "step_ms", 1e3),
    ("fit_s", "fit_s", 1.0),
)
SERVING = (
    ("latency_p50_s", "p50_ms", 1e3),
    ("latency_p95_s", "p95_ms", 1e3),
    ("latency_p99_s", "p99_ms", 1e3),
    ("throughput", "images_per_s", 1.0),
    ("model_bytes", "model_mib", 1 / MIB),
)
MEMORY = (
    ("base_bytes", "libraries_mib", 1 / MIB),
    ("own_bytes", "own_mib", 1 / MIB),
    ("children_peak_bytes", "children_mib", 1 / MIB),
    ("peak_bytes", "peak_mib", 1 / MIB),
    ("gpu_peak_bytes", "gpu_mib", 1 / MIB),
    ("gpu_process_bytes", "gpu_process_mib", 1 / MIB),
)
# What a tuned trial and its untuned twin have in common beside the pipeline.
TUNED_CELL = ("dataset", "n_train", "device", "backend", "seed")
ENERGY = (
    ("tune_energy_j", "tune_j", 1.0),
    ("features_energy_j", "features_j", 1.0),
    ("fit_energy_j", "fit_j", 1.0),
    ("predict_energy_j", "predict_j", 1.0),
    ("idle_w", "idle_w", 1.0),
)


def cells(trials: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of each dataset, pipeline, training size, device, backend and machine.

    Repeats of a seed count once, by their median; disturbed times count only where a cell has no others, and `marked`
    says so. Times of different machines stand in different rows.

    Returns
    -------
    DataFrame
        The columns of `timing.CELL`, `machine`, all of `frames.NUMBERS`, `own_bytes` (peak above the libraries),
        `marked`, `seeds`, and the first `memory_method` and `energy_source`. Cells without an ok trial are absent.
    """
    frame, marked = undisturbed(complete(trials))
    single = one_per_seed(ok(frame.assign(marked=marked)), by_machine=True)
    single = single.assign(own_bytes=(single["peak_bytes"] - single["base_bytes"]).clip(lower=0))
    groups = single.groupby([*CELL, "machine"], sort=True)
    means = groups[[*NUMBERS, "own_bytes"]].mean()
    rest = groups.agg(
        marked=("marked", "any"),
        seeds=("seed", "nunique"),
        memory_method=("memory_method", "first"),
        energy_source=("energy_source", "first"),
    )
    return pd.concat([means, rest], axis=1).reset_index()


def tuned(trials: pd.DataFrame) -> pd.DataFrame:
    """Each tuned pipeline against itself with the suite's own settings, over the seeds that have both.

    Returns
    -------
    DataFrame
        `default`, `tuned` and `gain` (test accuracy, with the half-width of the 95% interval of the paired difference),
        `validation` (the score that was chosen by), `tried`, `tune_s`. Empty where nothing was tuned.
    """
    # Of repeats, which give the same settings and scores, the first.
    single = ok(complete(trials)).sort_values("repeat").drop_duplicates(["pipeline", *TUNED_CELL])
    good = single.reset_index(drop=True)
    searched = good[good["tuning"] != ""]
    if searched.empty:
        return pd.DataFrame()
    own = good[good["tuning"] == ""].set_index(["pipeline", *TUNED_CELL])["accuracy"].rename("default")
    base = searched["pipeline"].str.removesuffix(f"/{TUNED}")
    pairs = searched.assign(pipeline=base).join(own, on=["pipeline", *TUNED_CELL])
    rows = []
    over_seeds = ["pipeline", *(name for name in TUNED_CELL if name != "seed")]
    for key, group in pairs.groupby(over_seeds, sort=True):
        both = group.dropna(subset=["default"])
        gain = t_interval((both["accuracy"] - both["default"]).to_numpy())
        rows.append(
            {
                **dict(zip(over_seeds, key, strict=True)),
                "seeds": len(both),
                "default": both["default"].mean(),
                "tuned": both["accuracy"].mean() if len(both) else group["accuracy"].mean(),
                "gain": gain.value,
                "gain_half_width": gain.half_width,
                "validation": group["tuning_score"].mean(),
                "tried": group["tuning_candidates"].mean(),
                "tune_s": group["tune_s"].mean(),
            }
        )
    return pd.DataFrame(rows)


def cold_warm(trials: pd.DataFrame) -> pd.DataFrame:
    """What a first use costs and what each further one: process start, imports, first step, steady state."""
    return _chosen(cells(trials), COLD, needed=("spawn_s", "import_s", "first_step_s", "step_s"))


def serving(trials: pd.DataFrame) -> pd.DataFrame:
    """Prediction of a warm model: latency of one image (quantiles over calls), throughput, size of the model."""
    return _chosen(cells(trials), SERVING)


def memory(trials: pd.DataFrame) -> pd.DataFrame:
    """Peaks in MiB: of the process, in it the imported libraries and what came on top; of its children; on the GPU."""
    return _chosen(cells(trials), MEMORY, text=("memory_method",), needed=("peak_bytes", "gpu_peak_bytes"))


def energy(trials: pd.DataFrame) -> pd.DataFrame:
    """Joules above idle by phase, of the trials whose energy a counter told; empty where there was none."""
    return _chosen(cells(trials), ENERGY, text=("energy_source",), needed=("fit_energy_j", "predict_energy_j"))


def _chosen(
    means: pd.DataFrame,
    columns: tuple[tuple[str, str, float], ...],
    text: tuple[str, ...] = (),
    needed: tuple[str, ...] = (),
) -> pd.DataFrame:
    """The named columns that were measured anywhere, of the cells that have one of the needed ones."""
    rows = means[means[list(needed or [source for source, _, _ in columns])].notna().any(axis=1)]
    several = ["machine"] if rows["machine"].nunique() > 1 else []
    made = rows[["dataset", "pipeline", "n_train", "device", "backend", *several]].copy()
    for source, name, factor in columns:
        if rows[source].notna().any():
            made[name] = rows[source] * factor
    for name in text:
        made[name] = rows[name]
    return made.assign(disturbed=rows["marked"].map({True: "yes", False: ""})).reset_index(drop=True)


def footprints(environment: Mapping[str, Any]) -> pd.DataFrame:
    """What the libraries take before any trial does, once for each kind of process.

    Returns
    -------
    DataFrame
        `process`, `import_s`, `resident_mib`, and `libraries`: what each group of imports added, in words. Empty
        where `environment["footprint"]` does not say.
    """
    rows = []
    found = environment.get("footprint")
    for name, values in found.items() if isinstance(found, Mapping) else ():
        if not isinstance(values, Mapping):
            continue
        libraries = values.get("libraries")
        parts = [
            f"{library} {_number(entry, 'added_bytes') / MIB:.0f} MiB in {_number(entry, 'import_s'):.1f} s"
            for library, entry in (libraries.items() if isinstance(libraries, Mapping) else ())
        ]
        rows.append((str(name), _number(values, "import_s"), _number(values, "rss_bytes") / MIB, ", ".join(parts)))
    return pd.DataFrame(rows, columns=["process", "import_s", "resident_mib", "libraries"])


def _number(values: object, key: str) -> float:
    found = values.get(key) if isinstance(values, Mapping) else None
    return float(found) if isinstance(found, int | float) else float("nan")


def machines(trust: Trust, environment: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each machine: what it is, how many of its trials' times can be trusted, how steady it was.

    Returns
    -------
    DataFrame
        `machine`, `cpu`, `ok`, `valid`, `disturbed`, `unchecked` (trials), `calibration_ms` (median of the kernel),
        `calibration_spread` (its 95th percentile over its 5th), `others_median` and `others_most` (cores kept busy by
        other processes).
    """
    described = environment.get("machines")
    known = described if isinstance(described, Mapping) else {}
    rows = []
    for machine in trust.machines:
        own = known.get(machine.name, environment if environment.get("machine") == machine.name else {})
        cpu = str(own.get("cpu", "")) if isinstance(own, Mapping) else ""
        low, middle, high = machine.calibration
        counts = (machine.ok, machine.valid, machine.disturbed, machine.unchecked)
        spread = high / low if low else float("nan")
        rows.append((machine.name or "not recorded", cpu, *counts, middle * 1e3, spread, *machine.busy))
    columns = ["machine", "cpu", "ok", "valid", "disturbed", "unchecked", "calibration_ms", "calibration_spread"]
    return pd.DataFrame(rows, columns=[*columns, "others_median", "others_most"])


def sentences(trust: Trust, environment: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reader must know before believing the times."""
    total = sum(machine.ok for machine in trust.machines)
    if not total:
        return ("No trial was completed.",)
    valid, disturbed, unchecked = (
        sum(getattr(machine, name) for machine in trust.machines) for name in ("valid", "disturbed", "unchecked")
    )
    if unchecked == total:
        said = [f"None of the {total:,} completed trials says what else the machine did: no time was checked."]
    else:
        said = [f"Of {total:,} completed trials {valid:,} have valid times, {disturbed:,} were disturbed."]
        if trust.reasons:
            said.append("Reasons: " + ", ".join(f"{reason} ({count:,})" for reason, count in trust.reasons) + ".")
        if unchecked:
            said.append(f"{unchecked:,} were not checked: their rows do not say what else the machine did.")
    if len(trust.machines) > 1:
        said.append(
            f"{len(trust.machines)} machines took part. Times of different machines are not comparable: tables keep "
            "them apart, figures and verdicts use those of one machine, the one with the most completed trials."
        )
    for key, values in trust.differences:
        said.append(f"The machines differ in {key}: " + ", ".join(f"{name} {value}" for name, value in values) + ".")
    doctor = environment.get("doctor")
    known = doctor if isinstance(doctor, Mapping) else {}
    return (*said, resolution(known), tracking(known))


def resolution(doctor: Mapping[str, Any]) -> str:
    """The smallest difference of training times that `harness doctor` found this machine to resolve."""
    test = doctor.get("aa_test")
    fit = test.get("fit") if isinstance(test, Mapping) else None
    share, pairs = _number(fit, "resolvable"), _number(test, "pairs")
    if pd.isna(share) or pd.isna(pairs):
        return "The smallest difference that this machine can resolve was not measured; harness doctor measures it."
    return (
        f"In harness doctor's A/A test, one pipeline against itself in {pairs:.0f} pairs, this machine could resolve "
        f"differences of training time from {share:.1%} on; what is smaller is noise."
    )


def tracking(doctor: Mapping[str, Any]) -> str:
    """What `harness doctor` said of the cost of the harness's own tracking, if it was asked."""
    cost = doctor.get("tracking")
    percent, low, high = (_number(cost, key) for key in ("percent", "low", "high"))
    if pd.isna(percent):
        return "What the harness's own tracking costs on this machine was not measured; harness doctor measures it."
    return (
        f"The harness's own tracking changed the time of a fit of {_number(cost, 'fit_s'):.1f} s by {percent:+.2f}% "
        f"(95% {low:+.2f}% to {high:+.2f}%), as harness doctor measured on this machine."
    )

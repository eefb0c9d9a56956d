"""Row 3, problem solving: one network trained stage by stage and end to end, and what each handcrafted stage adds."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from harness.analysis.entries import left_out
from harness.analysis.rules import RULES, judge
from harness.analysis.stages import SCHEMES, Ablation, Gain, ablations, end_to_end, medians
from harness.analysis.verdicts import Claim, Part, claim, part

NOTHING = (
    "Not measured: no rows of one network trained frozen, stage by stage and jointly, nor of a traditional pipeline "
    "with stages taken away."
)


def stage_by_stage(trials: pd.DataFrame) -> Claim:
    """Row 3, from `complete` trials."""
    gains, ablated = end_to_end(trials), ablations(trials)
    parts = [*map(_joint, gains), *map(_stage, ablated)]
    remarks = [*_of_gains(trials, gains), *_of_ablations(ablated), *_choices(trials)]
    if parts:
        staged = trials["scheme"].isin(SCHEMES[:-1])
        networks = trials["architecture"].isin(set(trials.loc[staged, "architecture"])) & (trials["architecture"] != "")
        remarks += left_out(trials, networks | (trials["ablation"] != ""))
    return claim(3, parts, " ".join(each.detail for each in parts) or NOTHING, remarks)


def _joint(gain: Gain) -> Part:
    staged = " or ".join(dict.fromkeys(name for each in gain.contrasts for name in each.chosen))
    told = {
        "supported": "end to end is ahead",
        "refuted": "end to end is behind",
        "mixed": "these trials cannot tell which is ahead",
        "not measured": "one seed cannot tell which is ahead",
    }[judge(RULES["joint"], gain.effect.interval)]
    return part(
        "joint",
        gain.effect.interval,
        method=gain.effect.method,
        detail=f"With {gain.n_train:,} {gain.dataset} images a network trained end to end scores {gain.effect.one:.4f} "
        f"and its best staged training ({staged}) {gain.effect.two:.4f}: {told}.",
        trial_ids=gain.trial_ids,
        dataset=gain.dataset,
        n_train=gain.n_train,
    )


def _stage(ablation: Ablation) -> Part:
    ordered = sorted(ablation.falls, key=lambda fall: fall.effect.interval.value)
    least, most = ordered[0], ordered[-1]
    several = f" (mean of {len(ordered)}; the least without {least.stage}, {least.effect.interval.value:+.4f})"
    return part(
        "stage",
        ablation.effect.interval,
        method=ablation.effect.method,
        detail=f"With {ablation.n_train:,} {ablation.dataset} images a traditional pipeline with all of its stages "
        f"scores {ablation.effect.one:.4f} and with one taken away {ablation.effect.two:.4f}; it loses the most "
        f"without {most.stage}, {most.effect.interval.value:+.4f}{several if len(ordered) > 1 else ''}.",
        trial_ids=ablation.trial_ids,
        dataset=ablation.dataset,
        n_train=ablation.n_train,
    )


def _of_gains(trials: pd.DataFrame, gains: tuple[Gain, ...]) -> Iterator[str]:
    for gain in gains:
        if gain.tuned:
            yield f"{gain.dataset}: the ways of training are compared tuned, for no untuned rows have them all"
        for each in gain.contrasts:
            if len(each.epochs) > 1:
                lengths = " or ".join(f"{value:g}" for value in each.epochs)
                yield f"{gain.dataset}: {each.matched[0]} was not trained equally long in all ways: {lengths} epochs"
        moved = any("transferred" in each.accuracies for each in gain.contrasts)
        if moved:
            yield f"{gain.dataset}: `transferred` has also seen the images of another dataset, the others have not"
    staged = trials[trials["scheme"].isin(SCHEMES[:-1])]
    for dataset in sorted(set(staged["dataset"]) - {gain.dataset for gain in gains}):
        yield f"{dataset}: no size at which one network completed joint, frozen and stagewise training with one seed"


def _of_ablations(ablated: tuple[Ablation, ...]) -> Iterator[str]:
    for each in ablated:
        if each.tuned:
            yield f"{each.dataset}: stages are taken from tuned pipelines, for there are no others"
        if each.lost:
            where = f"{each.dataset}, {each.n_train:,} images"
            yield f"{where}: not in the mean over the stages, for want of trials: {', '.join(each.lost)}"


def _choices(trials: pd.DataFrame) -> Iterator[str]:
    """How much a person chose, of each family."""
    found = medians(trials)
    if {"traditional", "deep"} <= set(found):
        named = [
            f"{family} {middle:g} (median of {count} pipeline{'' if count == 1 else 's'}, {least} to {most})"
            for family, (count, middle, least, most) in found.items()
        ]
        yield f"what a person chose in a pipeline, stages, parts and parameters: {'; '.join(named)}"

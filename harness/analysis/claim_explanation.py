"""Row 5, explanation: whether handcrafted features are easier to explain than learned ones, by proxies."""

from __future__ import annotations

import pandas as pd

from harness.analysis.explanation import CONTRASTS, Difference, difference, explained
from harness.analysis.rules import RULES
from harness.analysis.verdicts import Claim, Part, claim, part, unmeasured

# R2 from the properties of other images; more than this would say that the prediction learns by heart.
NEAR_ZERO = 0.02
PROXIES = (
    "These are proxies of what makes features easy to explain: no people were asked whether they understood anything."
)
DETAILS = {
    "nameable": "nameable properties predict {first} features with an R2 of {one:.2f} and {second} ones with {two:.2f}",
    "surrogate": "a small tree says what the classifier says for {one:.1%} of the images with {first} features and for "
    "{two:.1%} with {second} ones",
    "faithful": "insertion and deletion area above random order are {one:.2f} with {first} features and {two:.2f} with "
    "{second} ones",
    "sparse": "95% of the accuracy takes {one:.3g} {first} features and {two:.3g} {second} ones",
    "disentangled": "disentanglement of {first} features is {one:.2f}, of {second} ones {two:.2f}",
    "trained": "nameable properties predict a network's features with an R2 of {one:.2f} untrained and of {two:.2f} "
    "trained",
}
SIDES = {"hand": "handcrafted", "learned": "learned", "random": "untrained"}


def explainable(trials: pd.DataFrame) -> Claim:
    """Row 5, from `complete` trials."""
    rows = explained(trials)
    parts: list[Part] = []
    told: list[str] = []
    for dataset in sorted(set(rows["dataset"])):
        found = {rule: difference(rows, dataset, rule) for rule in CONTRASTS}
        if any(each is not None and rule != "trained" for rule, each in found.items()):
            parts += [_part(dataset, rule, each) for rule, each in found.items()]
            decisive = [_told(each) for rule, each in found.items() if each is not None and RULES[rule].decides]
            told.append(f"On {dataset}: {'; '.join(decisive)}.")
    if parts:
        sentence = " ".join(told)
    elif rows.empty:
        sentence = "Not measured: no pipeline was explained."
    else:
        sentence = "Not measured: no dataset has handcrafted and learned features explained under the same classifier."
    return claim(5, parts, sentence, [*(_controls(rows) if len(rows) else ()), PROXIES])


def _part(dataset: str, rule: str, found: Difference | None) -> Part:
    _, first, second = CONTRASTS[rule]
    if found is None:
        sides = f"{SIDES[first]} and {SIDES[second]} features"
        return unmeasured(rule, f"{dataset}: {sides} were not measured under one classifier", dataset=dataset)
    logs = ", on logarithms" if rule == "sparse" else ""
    method = f"paired t over {found.seeds} seeds{logs}" if found.seeds > 1 else "one seed: no interval"
    return part(
        rule,
        found.effect,
        method=method,
        detail=f"{dataset}, {found.n_train:,} images: {_told(found)}",
        trial_ids=found.trial_ids,
        dataset=dataset,
    )


def _told(found: Difference) -> str:
    _, first, second = CONTRASTS[found.rule]
    return DETAILS[found.rule].format(first=SIDES[first], second=SIDES[second], one=found.first, two=found.second)


def _controls(rows: pd.DataFrame) -> list[str]:
    """What the controls say, and what was left out."""
    remarks = []
    control = rows["explained_r2_shuffled"].dropna()
    if len(control):
        worst = float(control.groupby(rows["pipeline"]).mean().max())
        trusted = (
            "as it must be" if worst <= NEAR_ZERO else "which should be 0: the R2 of these trials are not to be trusted"
        )
        remarks.append(
            f"Control: from the properties of other images features are predicted with an R2 of at most {worst:.3f}, "
            f"{trusted}."
        )
    for origin, what in (("random", "random features"), ("shuffled", "a network trained on shuffled labels")):
        values = rows.loc[rows["feature_origin"] == origin, "explained_r2"].dropna()
        if len(values):
            remarks.append(f"Control: nameable properties predict {what} with a mean R2 of {values.mean():.2f}.")
    contained = sorted(set(rows.loc[rows["contained"], "pipeline"]))
    if contained:
        remarks.append(f"Left out, since properties of the bank are among their features: {', '.join(contained)}.")
    return remarks

"""Row 4, features: handcrafted against learned ones under the same classifiers, and what choosing by hand is worth."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from harness.analysis.entries import left_out
from harness.analysis.intervals import Interval
from harness.analysis.swap import (
    FEWEST_CHOICES,
    HAND,
    LEARNED,
    NETWORK,
    TRANSFERRED,
    Choice,
    NoChoice,
    Swap,
    Transfer,
    choices,
    swapped,
    transferred,
    without_choice,
)
from harness.analysis.verdicts import Claim, Part, claim, part

NOTHING = "Not measured: no rows of handcrafted and learned features under the same classifiers."


def manual_features(trials: pd.DataFrame) -> Claim:
    """Row 4, from `complete` trials."""
    swaps, chosen = swapped(trials), choices(trials)
    without, moved = without_choice(trials), transferred(trials)
    parts = [*map(_swap, swaps), *map(_choice, chosen), *map(_no_choice, without)]
    sentence = " ".join(each.detail for each in parts) or NOTHING
    parts += [_transfer(each.learned) for each in moved if each.learned is not None]
    remarks = [
        *_tuned(swaps, chosen, without),
        *_few(trials, chosen),
        *(text for each in moved for text in _moved(each)),
    ]
    if parts:
        compared = trials["feature_origin"].isin([HAND, LEARNED, TRANSFERRED, NETWORK]) & (trials["removed"] == "")
        remarks += left_out(trials, compared)
    return claim(4, parts, sentence, remarks)


def _swap(swap: Swap) -> Part:
    return part(
        "swap",
        swap.effect.interval,
        method=swap.effect.method,
        detail=f"With {swap.n_train:,} {swap.dataset} images the best learned features score {swap.effect.one:.4f} and "
        f"the best handcrafted ones {swap.effect.two:.4f} under {_classifiers(len(swap.by_classifier))}.",
        trial_ids=swap.trial_ids,
        dataset=swap.dataset,
        n_train=swap.n_train,
    )


def _choice(choice: Choice) -> Part:
    return part(
        "choice",
        choice.effect.interval,
        method=choice.effect.method,
        detail=f"With {choice.n_train:,} images the best of {choice.tried} handcrafted features scores "
        f"{choice.effect.one:.4f} and their mean {choice.effect.two:.4f} under "
        f"{_classifiers(len(choice.by_classifier))}.",
        trial_ids=choice.trial_ids,
        dataset=choice.dataset,
        n_train=choice.n_train,
        tried=choice.tried,
    )


def _no_choice(each: NoChoice) -> Part:
    return part(
        "no_choice",
        each.effect.interval,
        method=each.effect.method,
        detail=f"With {each.n_train:,} images the best network on raw pixels ({' or '.join(each.networks)}) scores "
        f"{each.effect.one:.4f} and the best pipeline with handcrafted features ({' or '.join(each.hand)}) "
        f"{each.effect.two:.4f}.",
        trial_ids=each.trial_ids,
        dataset=each.dataset,
        n_train=each.n_train,
        tried=each.tried,
    )


def _transfer(swap: Swap) -> Part:
    return part(
        "transfer",
        swap.effect.interval,
        method=swap.effect.method,
        detail=f"With {swap.n_train:,} {swap.dataset} images features learned on another dataset score "
        f"{swap.effect.one:.4f} and the best handcrafted ones {swap.effect.two:.4f} under "
        f"{_classifiers(len(swap.by_classifier))}.",
        trial_ids=swap.trial_ids,
        dataset=swap.dataset,
        n_train=swap.n_train,
    )


def _classifiers(count: int) -> str:
    return "one classifier" if count == 1 else f"the same {count} classifiers (mean)"


def _tuned(swaps: tuple[Swap, ...], chosen: tuple[Choice, ...], without: tuple[NoChoice, ...]) -> Iterator[str]:
    of: tuple[Swap | Choice | NoChoice, ...] = (*swaps, *chosen, *without)
    for dataset in sorted({each.dataset for each in of if each.tuned}):
        yield f"{dataset}: tuned pipelines are compared where no untuned ones could be"


def _few(trials: pd.DataFrame, chosen: tuple[Choice, ...]) -> Iterator[str]:
    by_hand = set(trials.loc[(trials["feature_origin"] == HAND) & (trials["classifier"] != ""), "dataset"])
    for dataset in sorted(by_hand - {choice.dataset for choice in chosen}):
        yield (
            f"{dataset}: what the choice by hand is worth was not measured, for fewer than {FEWEST_CHOICES} "
            "handcrafted features were completed under one classifier"
        )


def _moved(transfer: Transfer) -> Iterator[str]:
    if transfer.loss is not None:
        loss = transfer.loss
        yield (
            f"{loss.dataset}, {loss.n_train:,} images: features learned here minus those learned on another dataset, "
            f"under the same classifiers: {_told(loss.effect.interval)}"
        )
    for each in transfer.carried:
        yield (
            f"{each.dataset}, {each.n_train:,} images: the handcrafted features that are best on {each.source} "
            f"({' or '.join(each.chosen)}) minus the best chosen here: {_told(each.effect.interval)}"
        )


def _told(effect: Interval) -> str:
    ends = f" (95% {100 * effect.low:+.2f} to {100 * effect.high:+.2f})" if effect.known else ""
    return f"{100 * effect.value:+.2f} points{ends}"

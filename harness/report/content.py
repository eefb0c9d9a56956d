"""What a report shows, in its order: every figure and every table that is made of a run's tables alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd

from harness.analysis import (
    budget,
    censoring,
    extrapolation,
    hardware,
    improvement,
    parameters,
    profiles,
    race,
    ranks,
    significance,
    stages,
    swap,
    targets,
)
from harness.report import explained, measured
from harness.report.figures import accuracy, explained_features, explanation, learning_curves, optimizers, sensitivity
from harness.report.figures import budget as budget_figure
from harness.report.figures import cost as cost_figure
from harness.report.figures import crossover as crossover_figure
from harness.report.figures import parameters as parameters_figure
from harness.report.figures import pareto as pareto_figure
from harness.report.figures import profiles as profiles_figure
from harness.report.figures import race as race_figure
from harness.report.figures import ranks as ranks_figure
from harness.report.figures import stages as stages_figure
from harness.report.figures import swap as swap_figure
from harness.report.figures import targets as targets_figure
from harness.report.figures import tuning as tuning_figure


@dataclass(frozen=True)
class Frames:
    """The tables of a run, `trials` as `analysis.frames.complete` gives it; and what several entries are made of."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    tuning: pd.DataFrame
    explanations: pd.DataFrame

    @cached_property
    def contending(self) -> pd.DataFrame:
        """The trials without the suite's probes, which are not there to be compared."""
        return self.trials[self.trials["contends"]]

    @cached_property
    def budgets(self) -> tuple[budget.Budgets, ...]:
        """The families within equal budgets."""
        return budget.everything(self.trials)

    @cached_property
    def costs_to_target(self) -> pd.DataFrame:
        """What each pipeline costs to come near the best accuracy."""
        return profiles.to_target(self.contending)


class Drawn(NamedTuple):
    """A figure; one that is not `always` shown is left out where there is nothing to draw."""

    module: ModuleType
    facts: Callable[[Frames], Any]
    always: bool = False


class Tabled(NamedTuple):
    """A table, shown under a heading of its own where it has a row; as CSV it is always there."""

    name: str
    title: str
    make: Callable[[Frames], pd.DataFrame]
    text: str


FIGURES = (
    Drawn(accuracy, lambda run: accuracy.facts(run.contending), always=True),
    Drawn(crossover_figure, lambda run: crossover_figure.facts(run.trials), always=True),
    Drawn(cost_figure, lambda run: cost_figure.facts(run.contending), always=True),
    Drawn(pareto_figure, lambda run: pareto_figure.facts(run.contending), always=True),
    Drawn(targets_figure, lambda run: targets_figure.facts(run.contending)),
    Drawn(learning_curves, lambda run: learning_curves.facts(run.contending)),
    Drawn(budget_figure, lambda run: budget_figure.facts(run.trials)),
    Drawn(parameters_figure, lambda run: parameters_figure.facts(run.trials)),
    Drawn(stages_figure, lambda run: stages_figure.facts(run.trials)),
    Drawn(swap_figure, lambda run: swap_figure.facts(run.trials)),
    Drawn(explanation, lambda run: explanation.facts(run.trials, run.explanations)),
    Drawn(explained_features, lambda run: explained_features.facts(run.trials, run.explanations)),
    Drawn(ranks_figure, lambda run: ranks_figure.facts(run.contending)),
    Drawn(profiles_figure, lambda run: profiles_figure.facts(run.costs_to_target)),
    Drawn(optimizers, lambda run: optimizers.facts(run.trials, run.epochs)),
    Drawn(race_figure, lambda run: race_figure.facts(run.trials, run.epochs)),
    Drawn(sensitivity, lambda run: sensitivity.facts(run.trials, run.tuning)),
    Drawn(tuning_figure, lambda run: tuning_figure.facts(run.trials, run.tuning)),
)

TABLES = (
    # Row 1.
    Tabled(
        "time_to_accuracy",
        "Time to accuracy",
        lambda run: targets.time_to_accuracy(run.contending),
        "The cheapest pipeline and size of each family on the CPU whose mean test accuracy reaches a target: seconds, "
        "the search of tuned ones included, with a 95% bootstrap interval over seeds that chooses anew, and peak MiB. "
        "A family that misses a target says “above X s” where a time limit stopped a trial, else “not reached within "
        "what was run”; `unfinished` counts its other fates.",
    ),
    Tabled(
        "smallest_machine",
        "The smallest machine that reaches a target",
        lambda run: targets.smallest_machine(run.contending),
        "Of a family's ways to a target, the one with the least peak memory: MiB, seconds, on how many cores. A GPU is "
        "needed only where no trial on a CPU reached it.",
    ),
    Tabled(
        "gpu_ratios",
        "CPU against GPU",
        lambda run: hardware.gpu_ratios(run.trials),
        "CPU seconds over GPU seconds of fit and prediction, for each family and size: geometric means over the same "
        "pipelines, seeds and machine, t intervals over seeds.",
    ),
    Tabled(
        "peaks",
        "Peak memory by family",
        lambda run: hardware.peaks(run.contending),
        "Least, median and most peak of a family's pipelines at each size, on the CPU and on the GPU; trials that ran "
        "out of memory would have needed more, and are counted.",
    ),
    # Row 2.
    Tabled(
        "slopes",
        "Slopes at the end of the learning curves",
        lambda run: improvement.slopes(run.trials),
        "Log error on log images over the last two doublings, for each family's best pipeline, chosen on one half of "
        "the test images and scored on the other; and what a doubling of the images changes of the error.",
    ),
    Tabled(
        "gain_per_doubling",
        "What a doubling of the parameters brings",
        lambda run: parameters.gain_per_doubling(run.trials),
        "For each series of one pipeline (`vary`): the slope of log error on log parameters, and per doubling the part "
        "of the error and the points of accuracy that it brings; t over seeds. Networks are judged in row 2.",
    ),
    Tabled(
        "support_vectors",
        "Support vectors",
        lambda run: parameters.support_vectors(run.trials),
        "How the support vectors of SVMs grow with the training images: mean, share of the images, exponent.",
    ),
    Tabled(
        "predictions",
        "Error predicted at twice and ten times the data",
        lambda run: extrapolation.predictions(run.contending),
        "The form (pow3, pow4, mmf4, wbl4, or the last value, which wins ties) that best predicted the largest, "
        "held-out sizes is fitted to all sizes and continued. Intervals are a bootstrap over seeds that chooses the "
        "form anew; that no form may be the true one is not in them. `held_out_error` beside `held_out_last` says what "
        "the form was worth.",
    ),
    Tabled(
        "predictions_scored",
        "How such predictions turned out",
        lambda run: extrapolation.scored(extrapolation.backtest(run.contending)),
        "Curves cut at n/2 and n/10 predict the error measured at n without having seen it: absolute errors in points "
        "of accuracy, beside those of carrying the last value on; `inside` is the share of intervals that held what "
        "was measured.",
    ),
    Tabled(
        "budgets",
        "Best of each family within equal budgets",
        lambda run: budget.table(run.budgets),
        "For each budget of training seconds (or joules, where counted) a family enters its best pair of pipeline and "
        "training images that costs no more, search included, chosen on one half of the test images and scored on the "
        "other.",
    ),
    Tabled(
        "budget_crossovers",
        "The budget from which deep stays ahead",
        lambda run: budget.crossovers(run.budgets),
        "0 stands for below the smallest budget that both families can spend, inf for above the largest.",
    ),
    # Row 3.
    Tabled(
        "schemes",
        "Stage by stage and end to end",
        lambda run: stages.schemes(run.trials),
        "One network at equal parameters and epochs: all layers but the last as initialised (frozen), trained one "
        "after the other (stagewise), taken from another dataset (transferred), and all trained together (joint). The "
        "gain is joint minus the best staged way, chosen on one half of the test images and scored on the other.",
    ),
    Tabled(
        "falls",
        "What each stage adds",
        lambda run: stages.falls(run.trials),
        "Accuracy of a pipeline with all its stages and with one taken away, and the fall.",
    ),
    Tabled(
        "choices",
        "What a person chose",
        lambda run: stages.choices(run.trials),
        "Named stages and parts, and parameters set by hand, of each pipeline; the fewest first.",
    ),
    # Row 4.
    Tabled(
        "swap_matrix",
        "Features by origin and classifier",
        lambda run: swap.matrix(run.trials),
        "The best pipeline of each origin of features under each classifier, and of networks on pixels. `random` "
        "(untrained) and `shuffled` (trained on shuffled labels) are controls.",
    ),
    Tabled(
        "swaps",
        "Learned against handcrafted features",
        lambda run: swap.swaps(run.trials),
        "Differences in accuracy under one classifier, and their mean over the classifiers.",
    ),
    Tabled(
        "spread",
        "What choosing by hand is worth",
        lambda run: swap.spread(run.trials),
        "The handcrafted choices tried under one classifier: least, quartiles, most, mean, and the best of them, "
        "scored on test images that did not choose it.",
    ),
    Tabled(
        "carried",
        "A choice made on another dataset",
        lambda run: swap.carried(run.trials),
        "The handcrafted features that are best on one dataset, used on another, minus the best chosen there.",
    ),
    # Row 5.
    Tabled(
        "representations",
        "How easily each representation is explained",
        lambda run: explained.representations(run.trials),
        "Means over seeds, each with the half-width of its 95% t interval, by the same procedure for all "
        "(docs/explanation.md). `explained_r2_shuffled` must be near 0. These are proxies: no people were asked.",
    ),
    Tabled(
        "explained_contrasts",
        "Handcrafted against learned features, by proxy",
        lambda run: explained.contrasts(run.trials),
        "At the largest size that has both: the means of both sides under the same classifier, their difference (ratio "
        "for `sparse`) with a paired t interval over seeds. Nothing is said of representations that are not listed.",
    ),
    # All pipelines.
    Tabled(
        "pairs",
        "Pairs of pipelines",
        lambda run: significance.at_largest(run.contending),
        "At each dataset's largest size, pipelines on the same images and seeds. The interval counts seeds and test "
        "images together; p values are Holm-adjusted over the dataset's pairs. McNemar's test judges the trained "
        "classifiers, the others the pipelines. Of more than six pipelines the six best on one half of the test images "
        "are compared on the other. With five seeds Wilcoxon's p cannot fall below 0.0625.",
    ),
    Tabled(
        "ranks",
        "Average ranks",
        lambda run: ranks.table(run.contending),
        "Rank 1 is the most accurate; a pipeline that failed is last. With fewer than ten datasets this describes, and "
        "tests nothing.",
    ),
    Tabled(
        "profiles",
        "How often fastest to 95% of the best accuracy",
        lambda run: profiles.table(run.costs_to_target),
        "Each problem is a dataset, size and seed. Failures, limits and misses of the target count as never, not as "
        "absent (Dolan and Moré 2002).",
    ),
    Tabled(
        "limits",
        "Trials that ran into a limit",
        lambda run: censoring.medians(run.contending),
        "Kaplan-Meier medians: a limit says how long it takes at least, and an infinite median lies beyond it.",
    ),
    # Optimizers.
    Tabled(
        "race_targets",
        "Optimizers: time and epochs to target",
        lambda run: race.targets(run.trials, run.epochs),
        "Median epochs and seconds until an accuracy was first reached, on the validation part of the training images "
        "where there is one, else on the training images, never on the test set. Runs that never arrived, diverged, "
        "crashed or timed out are censored, not dropped (Kaplan-Meier, 95% intervals; infinite means beyond what was "
        "watched). `tune_s` is the search, and is in no other time.",
    ),
    Tabled(
        "race_profiles",
        "Optimizers: performance profiles",
        lambda run: race.scores(run.trials, run.epochs),
        "Share of problems (target, network and seed) on which an optimizer took at most 1, 2 or 4 times the epochs of "
        "the fastest, and on which it arrived at all; default and tuned apart.",
    ),
    Tabled(
        "sensitivity",
        "Optimizers: sensitivity to the learning rate",
        lambda run: race.sensitivity(run.trials, run.tuning),
        "From every rate that tuning tried: decades within two points of the best score (`open`: the share of seeds "
        "where this is a lower bound), best minus worst score, and how far the default falls short; means over seeds.",
    ),
    # Costs.
    Tabled(
        "tuned",
        "Default and tuned",
        lambda run: measured.tuned(run.trials),
        "Test accuracy of each pipeline as the suite has it and as tuning left it (means over the seeds that have "
        "both, and the difference with its 95% interval), and what tuning cost: settings tried and seconds, which are "
        "in no other time of this report.",
    ),
    Tabled(
        "cold_warm",
        "Cold and warm",
        lambda run: measured.cold_warm(run.trials),
        "Cold: a trial's process is forked from one that has imported the libraries (spawn; import is paid once for "
        "all trials), then data are loaded, the network built and its first step traced and compiled. Warm: one "
        "further gradient step.",
    ),
    Tabled(
        "serving",
        "Serving",
        lambda run: measured.serving(run.trials),
        "A fitted model, warm: latency of single images (50th, 95th and 99th percentile of calls), throughput in "
        "large batches, features included, and the size of the stored model.",
    ),
    Tabled(
        "memory",
        "Memory",
        lambda run: measured.memory(run.trials),
        "Peaks in MiB. Libraries are what a trial's process holds before it does anything, own is what its peak adds "
        "to that; children are its own processes, shared pages counted in parts; GPU is the backend's allocator, GPU "
        "process what the driver counts.",
    ),
    Tabled(
        "energy",
        "Energy",
        lambda run: measured.energy(run.trials),
        "Joules above idle, from the counters named; trials without a counter are absent, nothing is estimated.",
    ),
)

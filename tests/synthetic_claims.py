"""Rows of runs that never happened, with a truth planted in what rows 3 and 4 of the lecture's table judge.

Seeds meet the same test images: each image has a part in a pipeline's luck that all seeds share (`image_noise`), each
seed one of its own. A simulated study costs a few milliseconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.hits import pack

HALVES = ("accuracy_half_a", "accuracy_half_b")
COUNTER = itertools.count()
DEFAULTS = {"family": "traditional", "device": "cpu", "backend": "sklearn", "status": "ok", "tuning": "", "removed": ""}


def rows(
    random: np.random.Generator,
    cells: Iterable[tuple[Mapping[str, Any], float]],
    *,
    seeds: int = 5,
    n_test: int = 10_000,
    seed_noise: float = 0.004,
    correct: bool = False,
) -> pd.DataFrame:
    """Rows of trials.

    Parameters
    ----------
    random
        Of everything.
    cells
        What a pipeline's rows say of it (at least `dataset`, `pipeline`, `n_train`) and its true accuracy.
    seeds, n_test
        How many of each.
    seed_noise
        Standard deviation of a seed's accuracy beside what the test images do.
    correct
        Whether rows say which images were right (slower: images are drawn one by one).
    """
    described = list(cells)
    true = np.array([accuracy for _, accuracy in described])[:, None] + seed_noise * random.standard_normal(
        (len(described), seeds)
    )
    true = np.clip(true, 0.01, 0.99)
    texts: list[list[str | None]] = [[None] * seeds for _ in described]
    if correct:
        hits = _hits(random, described, true, n_test)
        halves = np.stack([hits[..., 0::2].mean(axis=2), hits[..., 1::2].mean(axis=2)])
        texts = [[pack(hit) for hit in of] for of in hits]
    else:
        halves = _halves(random, described, true, n_test)
    names = dict.fromkeys([*DEFAULTS, *(name for of, _ in described for name in of)])
    table: dict[str, list[Any]] = {
        name: [value for of, _ in described for value in [of.get(name, DEFAULTS.get(name))] * seeds] for name in names
    }
    flat = halves.reshape(2, -1)
    count = flat.shape[1]
    frame = pd.DataFrame(
        {
            **table,
            "trial_id": [f"{next(COUNTER):08x}" for _ in range(count)],
            "seed": list(range(seeds)) * len(described),
            "n_test": n_test, "accuracy": flat.mean(axis=0), HALVES[0]: flat[0], HALVES[1]: flat[1],
            "correct": [text for of in texts for text in of],
        }
    )  # fmt: skip
    return frame


def _by_dataset(described: Sequence[tuple[Mapping[str, Any], float]]) -> list[list[int]]:
    places: dict[str, list[int]] = {}
    for place, (of, _) in enumerate(described):
        places.setdefault(of["dataset"], []).append(place)
    return list(places.values())


def _halves(
    random: np.random.Generator, described: Sequence[tuple[Mapping[str, Any], float]], true: NDArray[Any], n_test: int
) -> NDArray[Any]:
    """Accuracies on both halves, shape (2, cells, seeds).

    Half of the binomial variance is the pipeline's luck with these test images, which its seeds share, half a seed's.
    """
    spread = np.sqrt(true * (1 - true) / n_test)  # of half the images: twice the variance, half of which is shared
    shared = random.standard_normal((2, len(described), 1)) * spread.mean(axis=1)[:, None]
    own = random.standard_normal((2, *true.shape)) * spread
    half = n_test // 2
    return np.asarray(np.clip(np.rint((true + shared + own) * half) / half, 0, 1))


def _hits(
    random: np.random.Generator, described: Sequence[tuple[Mapping[str, Any], float]], true: NDArray[Any], n_test: int
) -> NDArray[np.bool_]:
    """Which images were right, shape (cells, seeds, images): by an image's difficulty, which all pipelines share, what
    it is to one pipeline, and what it is to one seed, a third of the variance each."""
    from scipy.stats import norm

    cells, seeds = true.shape
    hits = np.empty((cells, seeds, n_test), dtype=bool)
    for places in _by_dataset(described):
        common = random.standard_normal(n_test, dtype=np.float32)
        for place in places:
            ease = common + random.standard_normal(n_test, dtype=np.float32)
            drawn = (ease + random.standard_normal((seeds, n_test), dtype=np.float32)) / np.sqrt(3)
            hits[place] = drawn < norm.ppf(true[place])[:, None]
    return hits


def stage_rows(
    seed: int,
    effect: float = 0.0,
    *,
    fall: float | None = None,
    datasets: Sequence[str] = ("mnist",),
    architectures: Sequence[str] = ("cnn(width=16)",),
    sizes: Sequence[int] = (1000,),
    transferred: bool = True,
    stages: Sequence[str] = ("deskew", "hog", "pca", "StandardScaler"),
    **noise: Any,
) -> pd.DataFrame:
    """Rows for row 3: joint is `effect` above the best staged scheme, a stage adds `fall` (as much as `effect`).

    All staged schemes are equally good, the case in which choosing among them flatters most.
    """
    cells: list[tuple[dict[str, Any], float]] = []
    schemes = ("frozen", "stagewise", *(("transferred",) if transferred else ()), "joint")
    for dataset, n_train in itertools.product(datasets, sizes):
        place = {"dataset": dataset, "n_train": n_train}
        for architecture, scheme in itertools.product(architectures, schemes):
            name = f"{architecture.partition('(')[0]}/{scheme}"
            network = {"family": "deep", "backend": "tensorflow", "architecture": architecture, "optimizer": "adam"}
            said = {**network, "pipeline": name, "scheme": scheme, "epochs": 10, "feature_origin": "end_to_end"}
            cells.append(({**place, **said, "n_choices": 5}, 0.9 + effect * (scheme == "joint")))
        for removed in ("", *stages):
            name = f"hog-svm/without-{removed}" if removed else "hog-svm"
            said = {"pipeline": name, "ablation": "hog-svm", "removed": removed, "classifier": "SVC(C=10)"}
            lost = (effect if fall is None else fall) * bool(removed)
            cells.append(({**place, **said, "feature_origin": "hand", "features": "hog", "n_choices": 11}, 0.9 - lost))
    return rows(np.random.default_rng(seed), cells, **noise)


CLASSIFIERS = ("SVC(C=10)", "RandomForestClassifier(n_estimators=200)", "LogisticRegression()")
ACCURACY = 0.85


def swap_rows(
    seed: int,
    effect: float = 0.0,
    *,
    spread: float = 0.0125,
    network: float | None = None,
    transfer: float | None = None,
    datasets: Sequence[str] = ("mnist",),
    sizes: Sequence[int] = (1000,),
    classifiers: Sequence[str] = CLASSIFIERS,
    n_hand: int = 5,
    n_learned: int = 2,
    **noise: Any,
) -> pd.DataFrame:
    """Rows for row 4.

    Learned features are `effect` above the best handcrafted ones, networks on pixels by `network` and transferred
    features by `transfer` (as much as `effect` where not given). The best handcrafted features lie `spread` above all
    the others, so that the best is `spread` (n_hand - 1) / n_hand above their mean: with the default, exactly the
    point at which the rule is undecided. With a spread of 0 all are equally good.
    """
    cells: list[tuple[dict[str, Any], float]] = []
    for dataset, n_train in itertools.product(datasets, sizes):
        place = {"dataset": dataset, "n_train": n_train}
        for position, classifier in enumerate(classifiers):
            made = {**place, "classifier": classifier}
            # Classifiers differ, by hand and learned alike, and only a little: `no_choice` has any of them.
            level = ACCURACY - 0.03 * position
            for number in range(n_hand):
                said = {"features": f"hand{number}", "feature_origin": "hand", "n_choices": 8}
                accuracy = level - spread * (number != 0)
                cells.append(({**made, **said, "pipeline": f"hand{number}/{position}"}, accuracy))
            for origin, gain in (("learned", effect), ("transferred", effect if transfer is None else transfer)):
                for number in range(n_learned):
                    said = {"features": f"{origin}{number}", "feature_origin": origin, "family": "hybrid"}
                    cells.append(({**made, **said, "pipeline": f"{origin}{number}/{position}"}, level + gain))
            for origin in ("random", "shuffled"):
                said = {"features": origin, "feature_origin": origin, "family": "hybrid"}
                cells.append(({**made, **said, "pipeline": f"{origin}/{position}"}, level - 0.2))
        for number in range(2):
            said = {"feature_origin": "end_to_end", "scheme": "joint", "family": "deep", "backend": "tensorflow"}
            more = {"architecture": f"cnn(depth={number})", "pipeline": f"cnn{number}", "n_choices": 4}
            cells.append(({**place, **said, **more}, ACCURACY + (effect if network is None else network)))
    return rows(np.random.default_rng(seed), cells, **noise)

from __future__ import annotations

from harness.data.base import DatasetInfo
from harness.models.inputs import ADAPT_IMAGES
from harness.run.forecast import amount
from harness.run.work import amounts, kinds, priors
from harness.suite.model import Pipeline
from tests.run.forecast_cases import FOREST, SVC, network, trial

SMALL = DatasetInfo("a", 1200, 597, 10, (8, 8))
LARGE = DatasetInfo("b", 60_000, 10_000, 10, (28, 28))


def relations(a: Pipeline, b: Pipeline, infos: tuple[DatasetInfo, DatasetInfo] = (SMALL, SMALL)) -> set[str]:
    """By what two trials, on the datasets of those names, learn of each other."""
    pair = zip((a, b), infos, strict=True)
    one, other = (set(kinds(trial(100, spec, dataset=info.name), info)) for spec, info in pair)
    return {kind.relation for kind in one & other}


def test_a_networks_work_is_its_steps_not_its_images() -> None:
    spec = network(epochs=2, batch_size=50, min_steps=100)
    small, larger, full = (amounts(trial(n, spec)) for n in (100, 500, 60_000))
    assert small.training == larger.training == 5000
    assert full.training == 120_000
    assert [work.images for work in (small, larger, full)] == [100, 500, 60_000]


def test_images_that_are_read_batch_by_batch_are_not_held() -> None:
    assert amounts(trial(10**6, network()), (28, 28)).held == ADAPT_IMAGES
    assert amounts(trial(10**6, SVC), (28, 28)).held == amounts(trial(10**6, network())).held == 10**6
    assert amounts(trial(1000, network()), (28, 28)).held == 1000


def test_images_for_validation_are_no_work() -> None:
    spec = network(epochs=1, batch_size=10, validation_fraction=0.5)
    assert amounts(trial(1000, spec)).training == 500


def test_an_estimators_work_is_its_images() -> None:
    assert amounts(trial(300)).training == amounts(trial(300)).images == 300


def test_every_part_of_a_cost_has_its_work_and_belief() -> None:
    for spec in (SVC, FOREST, network()):
        work = amounts(trial(300, spec))
        assert all(amount(part, work) > 0 for part in priors(trial(300, spec)))
    assert priors(trial(300, SVC))["fit"].exponent > priors(trial(300, FOREST))["fit"].exponent


def test_more_epochs_are_more_work_of_the_same_kind() -> None:
    assert "same pipeline" in relations(network(epochs=2), network(epochs=50, min_steps=3))


def test_another_optimizer_is_asked_and_another_recipe_is_not() -> None:
    assert relations(network("adam"), network("sgd")) == {"another optimizer"}
    assert relations(network(batch_size=32), network(batch_size=256)) == set()


def test_other_parameters_are_another_pipeline() -> None:
    many = Pipeline.model_validate(
        {"features": "pixels", "estimator": {"sklearn.ensemble.RandomForestClassifier": {"n_estimators": 1000}}}
    )
    assert relations(FOREST, many) == set()
    assert relations(FOREST, SVC) == set()


def test_a_dataset_of_the_same_shape_stands_in_for_another_and_no_other_does() -> None:
    alike = LARGE._replace(name="c")
    for spec in (SVC, network()):
        assert relations(spec, spec, (LARGE, alike)) == {"another dataset"}
        assert relations(spec, spec, (LARGE, SMALL)) == set()


def test_the_order_of_parameters_is_nothing() -> None:
    texts = [{"C": 1, "gamma": 2}, {"gamma": 2, "C": 1}]
    one, other = (Pipeline.model_validate({"features": "pixels", "estimator": {"sklearn.svm.SVC": t}}) for t in texts)
    assert "same pipeline" in relations(one, other)

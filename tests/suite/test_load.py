from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import MisuseError, SuiteError
from harness.suite.load import dump_suite, find_suite, load_suite, parse_suite, shipped_suites, smoked

GOOD = """\
suite: small
datasets: [digits]
sizes: [50, full]
seeds: 2
limits: {time: 20min, memory: 8GiB}
pipelines:
  hog-svm:
    features: [{hog: {pixels_per_cell: 2}}, {pca: {n_components: 10}}]
    estimator: {sklearn.svm.SVC: {C: 1e1}}
  cnn:
    network: cnn
    optimizer: [adam, {sgd: {learning_rate: 1e-2}}]
    train: {epochs: 3, validation_fraction: 0.2, early_stopping: {patience: 2}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        parse_suite(text, "s.yaml")
    return str(caught.value).splitlines()


def test_a_good_suite() -> None:
    suite = parse_suite(GOOD, "s.yaml")
    assert suite.seeds == [0, 1]
    assert suite.limits.time == 1200.0
    assert suite.limits.memory == 8 * 2**30
    assert suite.pipelines["hog-svm"].estimator is not None
    assert suite.pipelines["hog-svm"].estimator.params == {"C": 10.0}
    assert [part.name for part in suite.pipelines["cnn"].optimizer or []] == ["adam", "sgd"]


def test_all_mistakes_at_once_each_with_place_and_hint() -> None:
    text = """\
suite: small
dataset: [digits]
datasets: [digit]
sizes: [50, fulll, -3]
limits: {time: 20 parsecs}
pipelines:
  hog-svm:
    features: [hgo, {pca: {n_component: 10}}]
    estimator: {sklearn.svm.SVC: {c: 10}}
  rf:
    features: pixels
    estimator: sklearn.ensemble.RandomForestClasifier
  cnn:
    network: cnn
    optimizer: [adamm, {sgd: {learning_rate: fast}}]
    train: {epoch: 3}
  vgg16:
    network: {vgg16: {input_size: 16}}
    train: {early_stopping: {}}
"""
    told = problems(text)
    expected = [
        ("s.yaml:2:1: dataset: ", "did you mean 'datasets'?"),
        ("s.yaml:3:12: datasets[0]: ", "did you mean 'digits'?"),
        ("s.yaml:4:13: sizes[1]: ", "expected a whole number"),
        ("s.yaml:4:20: sizes[2]: ", "expected a whole number"),
        ("s.yaml:5:10: limits.time: ", "20min"),
        ("s.yaml:8:16: pipelines.hog-svm.features[0]: ", "unknown feature 'hgo'; did you mean 'hog'?"),
        ("s.yaml:8:28: pipelines.hog-svm.features[1].pca.n_component: ", "did you mean 'n_components'?"),
        ("s.yaml:9:5: pipelines.hog-svm.estimator: ", "did you mean 'C'?"),
        ("s.yaml:12:5: pipelines.rf.estimator: ", "did you mean 'sklearn.ensemble.RandomForestClassifier'?"),
        ("s.yaml:15:17: pipelines.cnn.optimizer[0]: ", "did you mean 'adam'?"),
        ("s.yaml:15:31: pipelines.cnn.optimizer[1].sgd.learning_rate: ", "'fast'"),
        ("s.yaml:16:13: pipelines.cnn.train.epoch: ", "did you mean 'epochs'?"),
        ("s.yaml:18:23: pipelines.vgg16.network.vgg16.input_size: ", "32"),
        ("s.yaml:19:5: pipelines.vgg16.train: ", "validation_fraction > 0"),
    ]
    assert len(told) == len(expected)
    for line, (start, words) in zip(told, expected, strict=True):
        assert line.startswith(start)
        assert words in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("sizes: [50, full]", "sizes: [50, 50]"), "50 is given twice"),
        (("optimizer: [adam, {sgd: {learning_rate: 1e-2}}]", "optimizer: [adam, adam]"), "is given twice"),
        (("pipelines:", "exclude: {pipeline: vgg*}\npipelines:"), "exclude[0].pipeline: 'vgg*' matches no pipeline"),
        (("pipelines:", "exclude: {}\npipelines:"), "expected at least one of"),
        (("    network: cnn\n", "    network: cnn\n    estimator: sklearn.svm.SVC\n"), "exactly one of the two"),
        (("    network: cnn\n", "    network: cnn\n    accelerator: none\n"), "belongs to an estimator"),
        (("    network: cnn\n", "    network: cnn\n    search: {network: {width: [4]}}\n"), "without `tuning`"),
        (("pipelines:\n", "pipelines:\n  twin: {features: pixels, estimator: sklearn.svm.SVC}\n"
          "  twin2: {features: [pixels], estimator: sklearn.svm.SVC}\n"), "the same as pipeline 'twin'"),
        (("features: [{hog", "features: [sklearn.preprocessing.StandardScaler, {hog"), "start with pixels or hog"),
        (("suite: small", "suite: ../../etc"), "suite: string should match pattern"),
        (("sklearn.svm.SVC", "os.system"), "os.system"),
    ],
)  # fmt: skip
def test_one_mistake(change: tuple[str, str], words: str) -> None:
    told = problems(GOOD.replace(*change))
    assert any(words in line for line in told), told


def test_set_changes_values_and_tells_its_own_mistakes() -> None:
    suite = parse_suite(GOOD, "s.yaml", ["pipelines.cnn.train.epochs=7", "sizes=[20]", "limits.time=5s"])
    assert suite.pipelines["cnn"].train is not None
    assert suite.pipelines["cnn"].train.epochs == 7
    assert suite.sizes == [20]
    assert suite.limits.time == 5.0
    with pytest.raises(SuiteError) as caught:
        parse_suite(GOOD, "s.yaml", ["pipelines.cnn.train.epochs=none", "sizes[0]=0"])
    assert [p.source for p in caught.value.problems] == ["--set pipelines.cnn.train.epochs=none", "--set sizes[0]=0"]


@pytest.mark.parametrize(
    "override", ["", "x", "=3", "sizes[9]=1", "suite.name=1", "a=[1", "pipelines.cnn.trian.epochs=3"]
)
def test_a_wrong_set_is_one_clear_line(override: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse_suite(GOOD, "s.yaml", [override])
    assert "--set" in str(caught.value)


def test_dump_reads_back_as_the_same_suite() -> None:
    for suite in [parse_suite(GOOD, "s"), *(load_suite(name).suite for name in shipped_suites())]:
        assert parse_suite(dump_suite(suite), "again") == suite
        assert parse_suite(dump_suite(smoked(suite)), "again") == smoked(suite)


def test_smoke_keeps_every_pipeline_once() -> None:
    suite = smoked(parse_suite(GOOD, "s"))
    assert (suite.sizes, suite.seeds, list(suite.pipelines)) == ([50], [0], ["hog-svm", "cnn"])
    assert suite.pipelines["cnn"].train is not None
    assert suite.pipelines["cnn"].train.epochs == 1


def test_shipped_suites_are_found_by_name() -> None:
    assert {"quickstart", "mnist", "optimizers"} <= set(shipped_suites())
    assert find_suite("quickstart").name == "quickstart.yaml"
    with pytest.raises(MisuseError, match="did you mean 'quickstart'"):
        find_suite("quikstart")


def test_files_that_are_no_suite(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MisuseError, match="not a UTF-8 text file"):
        load_suite(str(binary))
    for text in ("", "[1, 2]", "just words"):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(SuiteError, match="expected a mapping"):
            load_suite(str(tmp_path / "x.yaml"))


EXPANDING = """\
suite: small
datasets: [digits]
sizes: [50]
pipelines:
  a:
    features: [deskew, hog]
    estimator: {sklearn.svm.SVC: {C: 1}}
"""


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("    vary: {estimator: {C: [1, 10], gamma: [1, 2]}}", "5:3: pipelines.a: `vary` takes one parameter"),
        (
            "    vary: {network: {width: [4, 8]}}",
            "5:3: pipelines.a: `vary` names the network, and this pipeline has none",
        ),
        ("    vary: {estimator: {C: [1]}}", "5:3: pipelines.a: `vary` needs at least two values of 'C'"),
        ("    vary: {estimator: {C: [1, 2, 1]}}", "`vary` needs at least two values of 'C', none of them twice"),
        ("    vary: {estimator: {C: [1, -2]}}", "8:31: pipelines.a.vary.estimator.C[1]: "),
        ("    vary: {estimator: {c: [1, 2]}}", "did you mean 'C'?"),
        ("    vary: {estimator: {C: [1, 2]}}\n    ablate: true", "`vary` and `ablate` do not go together"),
        ("    vary: {estimator: {C: [1, 2]}}\n    accelerator: [none, sklearnex]", "not with a list"),
        ("    ablate: true\n    accelerator: [none, sklearnex]", "`ablate` goes with one accelerator"),
        ("    ablate: true\n  b: {network: cnn, ablate: true}", "9:3: pipelines.b: `ablate` removes the features"),
        ("    ablate: true\n  b: {network: cnn, explain: true}", "`explain` explains the features"),
        (
            "  b: {features: pixels, estimator: sklearn.svm.SVC, ablate: true}",
            "8:53: pipelines.b.ablate: nothing can be removed from pixels; leave `ablate` out",
        ),
        (
            "    ablate: true\n  b: {features: hog, estimator: {sklearn.svm.SVC: {C: 1}}}",
            "pipelines.b: 'b' is the same as 'a/without-deskew'; a trial runs once, so leave one out",
        ),
        ("    explain: {image: 100}", "8:15: pipelines.a.explain.image: unknown key 'image'; did you mean 'images'?"),
        ("    explain: {images: 10}", "8:15: pipelines.a.explain.images: "),
        ("  b: {network: cnn, train: {scheme: joined}}", "8:29: pipelines.b.train.scheme: expected joint, frozen"),
        (
            "  b: {network: cnn, train: {scheme: {transferred: {dataset: minst, n_train: 50}}}}",
            "8:52: pipelines.b.train.scheme.transferred.dataset: unknown dataset 'minst'; did you mean 'mnist'?",
        ),
        (
            "  b: {features: [{embedding: {network: cnn, source: {dataset: minst, n_train: 50}}}], "
            "estimator: sklearn.svm.SVC}",
            "features[0].embedding.source.dataset: unknown dataset 'minst'; did you mean 'mnist'?",
        ),
        (
            "  b: {network: cnn, train: {scheme: {transferred: {dataset: mnist, n: 50}}}}",
            "pipelines.b.train.scheme.transferred.n_train: 'n_train' is required",
        ),
    ],
)
def test_mistakes_in_what_expands_and_explains(lines: str, words: str) -> None:
    told = problems(f"{EXPANDING}{lines}\n")
    assert any(words in line for line in told), told


def test_what_expands_reads_back_and_smoke_explains_few_images() -> None:
    text = (
        f"{EXPANDING}    ablate: true\n    explain: true\n  b: {{network: cnn, vary: {{network: {{width: [4, 8]}}}}}}\n"
    )
    suite = parse_suite(text, "s.yaml")
    assert parse_suite(dump_suite(suite), "s.yaml") == suite
    explained = smoked(suite).pipelines["a"].explain
    assert explained is not None
    assert explained.images == 50

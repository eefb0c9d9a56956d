import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from harness import registry
from harness.data.generated import TEST, TRAIN, Generated


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def first(n, part=TRAIN, **options):
    made = Generated(**({"image_size": 12, "n_classes": 4} | options))
    blocks = list(made.blocks(made.figures(), part, n))
    return np.concatenate([x for x, _ in blocks]), np.concatenate([y for _, y in blocks])


def accuracy(classifier, n_train=50, **options):
    x, y = first(n_train, image_size=16, n_classes=5, **options)
    x_test, y_test = first(300, TEST, image_size=16, n_classes=5, **options)
    return classifier.fit(x.reshape(len(x), -1) / 255, y).score(x_test.reshape(len(x_test), -1) / 255, y_test)


CLASSIFIERS = [KNeighborsClassifier(1), RidgeClassifier()]


def test_it_is_announced_made_and_mapped():
    made = Generated(n_train=50, n_test=20, n_classes=5, image_size=[6, 9], name="easy")
    before, data, after = made.info(None), made.load(None), made.info(None)

    assert before[:5] == after[:5] == ("easy", 50, 20, 5, (6, 9))
    assert before.missing == "easy: 70 images will be made and kept, 0 MB"
    assert after.missing is None
    assert (data.name, data.x_train.shape, data.x_test.shape) == ("easy", (50, 6, 9), (20, 6, 9))
    assert not data.x_train.flags.writeable
    np.testing.assert_array_equal(data.x_train, made.load(None).x_train)


@settings(max_examples=8)
@given(st.integers(1, 2500), st.integers(1, 2500), st.integers(2, 12))
def test_a_larger_dataset_begins_with_the_smaller(one, other, n_classes):
    small, large = sorted((one, other))
    (x, y), (x_large, y_large) = (first(n, image_size=3, n_classes=n_classes) for n in (small, large))

    assert len(x) == small
    np.testing.assert_array_equal(x, x_large[:small])
    np.testing.assert_array_equal(y, y_large[:small])


def test_the_test_set_does_not_depend_on_the_number_of_training_images():
    small, large = Generated(n_train=30, n_test=40).load(None), Generated(n_train=60, n_test=40).load(None)

    np.testing.assert_array_equal(small.x_test, large.x_test)
    assert not np.array_equal(small.x_train[:30], small.x_test[:30])


def test_of_every_k_images_in_a_row_one_is_of_each_class():
    _, y = first(2100, n_classes=7)

    assert (np.sort(y.reshape(-1, 7)) == np.arange(7)).all()
    # And yet in no order: halves by even and odd index hold all classes.
    assert np.bincount(y[::2]).min() > 100


def test_images_stay_what_they_were():
    x, y = first(200)

    # Of pixels a few figures, since the last bit of a sine or an exponential is the processor's own.
    assert hashlib.sha256(y.astype(np.uint8)).hexdigest()[:16] == "9971420313004dd3"
    assert [float(image.mean()) for image in x[:4]] == pytest.approx([38.97, 34.21, 38.47, 37.32], abs=0.2)


def test_seeds_and_classes_give_other_images():
    assert not np.array_equal(first(10)[0], first(10, seed=1)[0])
    x, y = first(4, noise=0, rotation=0, shift=0)
    assert len({bytes(image) for image in x}) == 4
    again, labels = first(40, noise=0, rotation=0, shift=0)
    assert all(np.array_equal(image, x[list(y).index(label)]) for image, label in zip(again, labels, strict=True))


def test_noise_has_the_given_size():
    clean, _ = first(500, noise=0, rotation=0, shift=0)
    x, _ = first(500, noise=0.05, rotation=0, shift=0)
    # Where neither black nor white cuts it off.
    middle = (clean > 90) & (clean < 160)

    assert abs((x.astype(float) - clean)[middle].std() / 255 - 0.05) < 0.003


def test_a_turned_image_is_turned_and_a_shifted_one_shifted():
    straight, _ = first(200, noise=0, rotation=0, shift=0, image_size=41, n_classes=2)
    turned, _ = first(200, noise=0, rotation=180, shift=0, image_size=41, n_classes=2)
    centre = np.arange(41) - 20
    radius = np.hypot(*np.meshgrid(centre, centre))

    def rings(images):
        return np.stack([images[:, (radius >= r) & (radius < r + 4)].mean(axis=1) for r in range(0, 20, 4)])

    # What a turn about the centre keeps: the mean of each ring.
    assert np.abs(rings(turned).mean(axis=1) - rings(straight).mean(axis=1)).max() < 6
    assert np.abs(turned.astype(float) - straight).mean() > 20
    shifted, _ = first(200, noise=0, rotation=0, shift=0.2, image_size=41, n_classes=2)
    away = (shifted.astype(float) * centre).sum(axis=(1, 2)) / shifted.sum(axis=(1, 2))
    still = (straight.astype(float) * centre).sum(axis=(1, 2)) / straight.sum(axis=(1, 2))
    # Evenly distributed to 0.2 of the side, 8.2 pixels, to either side.
    assert np.abs(away - still).max() < 9
    assert 4 < (away - still).std() < 5.5


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_noise_makes_it_harder(classifier):
    scores = [accuracy(classifier, noise=noise, rotation=20) for noise in (0.0, 0.5, 1.0)]

    assert scores[0] > scores[1] + 0.05 > scores[2] + 0.1
    assert scores[0] > 0.7
    assert scores[2] > 0.22


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_rotation_and_shift_make_it_harder(classifier):
    easy = accuracy(classifier, noise=0.2, rotation=0, shift=0)

    assert easy > 0.98
    assert accuracy(classifier, noise=0.2, rotation=180, shift=0) < easy - 0.05
    assert accuracy(classifier, noise=0.2, rotation=0, shift=0.3) < easy - 0.05


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
def test_likeness_makes_it_harder(classifier):
    scores = [accuracy(classifier, n_train=200, likeness=likeness) for likeness in (0.0, 0.9, 1.0)]

    assert scores[0] > scores[1] + 0.05 > scores[2] + 0.1
    # With one figure for all, as often right as by chance.
    assert abs(scores[2] - 0.2) < 0.1


def test_they_are_never_all_in_memory():
    tracemalloc.start()
    data = Generated(n_train=40_000, n_test=10, noise=0).load(None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert data.x_train.nbytes > 31e6
    assert peak < 24e6


def test_a_suite_sets_its_parameters():
    made = registry.build("datasets", "generated", {"n_train": 10, "n_test": 4, "n_classes": 2, "rotation": 90})

    assert made.info(None).n_train == 10

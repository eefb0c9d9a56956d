import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from harness.features import base
from harness.features.codebook import encode_in_batches, learn

RNG = np.random.default_rng(0)


def blas_threads():
    return max(info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas")


def test_the_centres_of_clear_clusters_are_found():
    middles = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.float32)
    samples = (np.repeat(middles, 50, axis=0) + RNG.normal(0, 0.1, (200, 2))).astype(np.float32)
    centres = learn(samples, 4, 0, "words")

    assert centres.dtype == np.float32
    np.testing.assert_allclose(centres[np.lexsort(centres.round().T[::-1])], middles[[0, 2, 1, 3]], atol=0.1)


def test_more_centres_than_samples_is_lowered_with_a_warning():
    with pytest.warns(UserWarning, match="words lowered from 9 to 3, all the samples that there are"):
        assert learn(RNG.normal(size=(3, 2)).astype(np.float32), 9, 0, "words").shape == (3, 2)


@pytest.mark.parametrize(("size", "most"), [(100, 13), (4, 4), (1, 1)])
def test_images_come_in_order_and_few_at_a_time(size, most):
    images = RNG.integers(0, 256, (13, 2, 2), dtype=np.uint8)
    seen = []

    def encode(part):
        seen.append(len(part))
        return part.reshape(len(part), -1).astype(np.float32)

    np.testing.assert_array_equal(encode_in_batches(encode, images, size), images.reshape(13, 4))
    assert max(seen) == most


@pytest.mark.parametrize(("n_jobs", "inside"), [(1, 2), (2, 1)])
def test_blas_has_one_thread_on_several_and_its_own_again_after(n_jobs, inside, monkeypatch):
    monkeypatch.setattr(base, "BATCH_PIXELS", 8)
    found = []

    def encode(part):
        found.append(blas_threads())
        return part.reshape(len(part), -1).astype(np.float32)

    with threadpool_limits(2, user_api="blas"), joblib.parallel_config(backend="threading", n_jobs=n_jobs):
        encode_in_batches(encode, np.zeros((9, 2, 2), np.uint8), 1)
        assert blas_threads() == 2
    assert set(found) == {inside}

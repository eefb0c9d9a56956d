"""What was right of a test set, as text and back."""

import base64
import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.hits import MAX_IMAGES, MAX_LENGTH, pack, unpack


@given(arrays(bool, st.integers(0, 300)))
def test_every_vector_comes_back(hit):
    text = pack(hit)
    assert text.isascii()
    np.testing.assert_array_equal(unpack(text, len(hit)), hit)


@given(arrays(bool, st.integers(9, 60)), st.data())
def test_a_changed_letter_or_another_number_of_images_is_told(hit, data):
    text = pack(hit)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("A+/z0é "))
    damaged = f"{text[:place]}{letter}{text[place + 1 :]}"
    # The last letter of base64 may hold bits that mean nothing; zlib's checksum sees to all others.
    with contextlib.suppress(ValueError):
        np.testing.assert_array_equal(unpack(damaged, len(hit)), hit)
    with pytest.raises(ValueError, match="images"):
        unpack(text, len(hit) + 8)


def test_the_largest_test_set_fits_a_cell_and_a_larger_one_is_refused():
    hit = np.random.default_rng(0).random(MAX_IMAGES) < 0.5
    assert len(pack(hit)) <= MAX_LENGTH
    with pytest.raises(ValueError, match="at most"):
        pack(np.ones(MAX_IMAGES + 1, bool))


@pytest.mark.parametrize(
    "text",
    ["", "%%%", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(bytes(10**7))).decode()],
)
def test_what_is_no_vector_is_told(text):
    with pytest.raises(ValueError, match="packed hits"):
        unpack(text, 16)


def test_bits_beyond_the_last_image_are_told():
    with pytest.raises(ValueError, match="beyond"):
        unpack(base64.b64encode(zlib.compress(b"\xff")).decode(), 7)

"""Which test images were classified rightly, as the text of one cell, so that two rows can be compared image by image.

One bit an image, packed, compressed by zlib and written in base64: 10,000 images take some 500 characters where few
are wrong, and 1,700 at most. Images of even index are half a of the test set, those of odd index half b.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from numpy.typing import NDArray

# The text of so many is within `MAX_LENGTH` whatever the bits are; zlib adds 11 bytes at most to what it cannot shrink
# (zlib.h, compressBound, for blocks of 16 KiB and less) and 5 for each further block.
MAX_IMAGES = 300_000
MAX_LENGTH = 2**16


def pack(hit: NDArray[np.bool_]) -> str:
    """The bits as text.

    Parameters
    ----------
    hit : bool array of shape (n,)
        In the order of the test set; at most `MAX_IMAGES`.

    Raises
    ------
    ValueError
        If there are more.
    """
    if hit.ndim != 1 or len(hit) > MAX_IMAGES:
        raise ValueError(f"expected a vector of at most {MAX_IMAGES:,} images, got shape {hit.shape}")
    return base64.b64encode(zlib.compress(np.packbits(hit.astype(bool)).tobytes(), 9)).decode("ascii")


def unpack(text: str, n: int) -> NDArray[np.bool_]:
    """The bits that `pack` made a text of.

    Parameters
    ----------
    text
        What `pack` gave.
    n
        Number of images, the row's `n_test`.

    Returns
    -------
    bool array of shape (n,)

    Raises
    ------
    ValueError
        If the text is damaged, or not of so many images.
    """
    if not 0 <= n <= MAX_IMAGES or len(text) > MAX_LENGTH:
        raise ValueError(f"expected at most {MAX_IMAGES:,} images in {MAX_LENGTH:,} characters")
    size = (n + 7) // 8
    reader = zlib.decompressobj()
    try:
        # One byte more than there may be: a text of a few characters can claim gigabytes.
        data = reader.decompress(base64.b64decode(text.encode("ascii"), validate=True), size + 1)
    except (binascii.Error, UnicodeEncodeError, zlib.error) as error:
        raise ValueError(f"not the packed hits of a test set: {error}") from None
    if len(data) != size or not reader.eof or reader.unused_data:
        raise ValueError(f"not the packed hits of {n:,} images")
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    if bits[n:].any():
        raise ValueError(f"not the packed hits of {n:,} images: bits are set beyond them")
    return bits[:n].astype(bool)


def sound(text: object, n: object) -> bool:
    """Whether this is no text, or one that `unpack` takes for the hits of `n` images."""
    if text is None:
        return True
    if not (isinstance(text, str) and isinstance(n, int)):
        return False
    try:
        unpack(text, n)
    except ValueError:
        return False
    return True

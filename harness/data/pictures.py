"""One image file as an array: what is converted and how, and what is refused. The policy stands in docs/data.md."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from harness.errors import DataError

Colour: TypeAlias = Literal["auto", "grey", "rgb"]
Fit: TypeAlias = Literal["stretch", "crop", "pad"]

# Only these of Pillow's readers: no language such as EPS, nothing that starts another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset(
    ".bmp .gif .jpg .jpeg .jpe .jfif .png .apng .pbm .pgm .ppm .pnm .tif .tiff .webp".split()  # noqa: SIM905
)
# Pillow's own bound (a quarter of a GB as RGB), which it only warns of.
MAX_PIXELS = 89_478_485
MAX_BYTES = 2**28
# What Pillow's readers raise on damaged files; those of the formats above, found by altering bytes.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
# The antialiased triangle filter: no ringing, so that flat areas stay flat; the default of torchvision, too.
FILTER = Image.Resampling.BILINEAR
WHITE = (255, 255, 255, 255)


class Picture(NamedTuple):
    """A decoded image."""

    image: Image.Image
    """Upright, opaque, of 8 bits; grey or RGB."""
    changes: tuple[str, ...]
    """What was done to it that loses something or that one could have done otherwise."""


def decode(raw: bytes) -> Picture:
    """Decode an image file.

    Raises
    ------
    DataError
        If it cannot be used; the message is the reason alone, to stand behind the file's name.
    """
    if not raw:
        raise DataError("is empty")
    try:
        # Pillow warns of what is refused here, and of odd metadata that nobody needs.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(raw), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(f"has {width} x {height} pixels, more than {MAX_PIXELS:,}")
            return _plain(image)
    except UnidentifiedImageError:
        raise DataError("is no image of a known format") from None
    except Image.DecompressionBombError:
        raise DataError(f"has more than {MAX_PIXELS:,} pixels") from None
    except DAMAGE as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"is damaged ({words[:100]})") from error


def _plain(image: Image.Image) -> Picture:
    changes = []
    if getattr(image, "is_animated", False):
        changes.append("several frames, the first taken")
    image.load()
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if image.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
        changes.append("turned upright as EXIF says")
        image = ImageOps.exif_transpose(image)
    if deep:
        changes.append("16 bits reduced to 8")
        image = Image.fromarray(np.rint(np.asarray(image).astype(np.float64) / 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise DataError("has 32-bit pixels, whose range is not known")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            changes.append("transparency laid on white")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, WHITE), layer)
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        changes.append(f"{image.mode} turned into RGB")
    return Picture(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"), tuple(changes))


def pixels(picture: Picture, size: tuple[int, int], colour: Colour, fit: Fit) -> NDArray[np.uint8]:
    """An image's pixels at a given size.

    Parameters
    ----------
    picture
        The image.
    size
        Height and width.
    colour
        `grey` weighs red, green and blue as ITU-R BT.601 has it; everything else gives three channels.
    fit
        `stretch` changes the proportions, `crop` cuts the longer side's ends off, `pad` adds black ones.

    Returns
    -------
    uint8, (height, width) or (height, width, 3). An image that has the size already is left as it is.
    """
    image = picture.image.convert("L" if colour == "grey" else "RGB")
    wanted = (size[1], size[0])
    if image.size != wanted:
        image = FITS[fit](image, wanted)
    return np.asarray(image)


FITS: dict[Fit, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "stretch": lambda image, wanted: image.resize(wanted, FILTER),
    "crop": lambda image, wanted: ImageOps.fit(image, wanted, FILTER),
    "pad": lambda image, wanted: ImageOps.pad(image, wanted, FILTER),
}


def has_colour(images: NDArray[Any]) -> bool:
    """Whether any pixel of (..., 3) is not grey."""
    return bool((images[..., :1] != images[..., 1:]).any())


def both_sides(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of `32` or `[24, 32]`."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])

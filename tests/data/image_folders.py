"""Image files of every kind, made by Pillow."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

# One grey value for each class, far enough apart to survive JPEG.
LEVELS = {"a": 40, "b": 120, "c": 200}


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def plain(level: int, size: tuple[int, int] = (8, 8), format: str = "PNG") -> bytes:
    return encoded(Image.new("L", size, level), format)


def files(per_class: int = 5, format: str = "PNG") -> dict[str, bytes]:
    """`CLASS/N.png` of a grey level that tells the class and, by a unit each, the number."""
    return {
        f"{name}/{i}.{format.lower()}": plain(level + i, format=format)
        for name, level in LEVELS.items()
        for i in range(per_class)
    }


def write(root: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def half_and_half(width: int = 8, height: int = 4) -> np.ndarray:
    """Red above, blue below: upright, turned and mirrored differ."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 0] = 255
    pixels[height // 2 :, :, 2] = 255
    return pixels


def turned_by_exif() -> bytes:
    """Stored on its side, with the note that it is to be turned; upright it is `half_and_half`."""
    image = Image.fromarray(half_and_half())
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


def bomb() -> bytes:
    """A small PNG that says it has ten thousand million pixels."""
    raw = bytearray(encoded(Image.new("L", (1, 1))))
    raw[16:24] = (100_000).to_bytes(4) * 2
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4)
    return bytes(raw)


def noisy(seed: int = 0, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def truncated_jpeg() -> bytes:
    return encoded(noisy(), "JPEG")[:-400]

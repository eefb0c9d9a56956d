import io
import random
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from harness.data.pictures import decode, has_colour, pixels
from harness.errors import DataError
from tests.data.image_folders import bomb, encoded, half_and_half, noisy, plain, truncated_jpeg, turned_by_exif

SIZE = (4, 8)


def read(raw, size=SIZE, colour="rgb", fit="stretch"):
    return pixels(decode(raw), size, colour, fit)


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "PPM", "TIFF"])
def test_lossless_formats_give_the_pixels_that_were_saved(format):
    image = Image.fromarray(half_and_half())

    np.testing.assert_array_equal(read(encoded(image, format)), half_and_half())


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_give_nearly_those(format):
    found = read(encoded(Image.new("RGB", (8, 4), (200, 100, 50)), format, quality=95))

    assert np.abs(found.astype(int) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is empty"),
        (b"GIF89a", "is no image of a known format|is damaged"),
        (b"this is a text\n" * 100, "is no image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is no image of a known format"),
        (truncated_jpeg(), r"is damaged \(image file is truncated"),
        (encoded(noisy())[:-2000], "is damaged"),
        (bomb(), "pixels"),
        (encoded(Image.new("L", (10_000, 9_000))), "has 10000 x 9000 pixels, more than 89,478,485"),
        (encoded(Image.fromarray(np.ones((4, 8), np.float32)), "TIFF"), "has 32-bit pixels"),
        (encoded(Image.fromarray(np.ones((4, 8), np.int32)), "TIFF"), "has 32-bit pixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(raw, reason):
    with pytest.raises(DataError, match=reason):
        decode(raw)


def test_cmyk_becomes_rgb():
    picture = decode(encoded(Image.new("CMYK", (8, 4), (0, 255, 255, 0)), "TIFF"))

    assert picture.changes == ("CMYK turned into RGB",)
    assert pixels(picture, SIZE, "rgb", "stretch")[0, 0].tolist() == [255, 0, 0]


def test_an_adobe_cmyk_jpeg_is_not_inverted():
    found = read(encoded(Image.new("CMYK", (8, 4), (0, 0, 0, 0)), "JPEG"))

    assert found.min() >= 250


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_scaled_not_cut(format):
    deep = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    picture = decode(encoded(Image.fromarray(deep), format))

    assert picture.changes == ("16 bits reduced to 8",)
    assert pixels(picture, (1, 4), "grey", "stretch").tolist() == [[0, 1, 128, 255]]


def test_a_palette_gives_its_colours():
    image = Image.fromarray(half_and_half()).quantize(4)
    picture = decode(encoded(image))

    assert image.mode == "P"
    assert picture.changes == ()
    np.testing.assert_array_equal(pixels(picture, SIZE, "rgb", "stretch"), half_and_half())


def test_one_bit_becomes_black_and_white():
    image = Image.fromarray(np.eye(4, 8, dtype=bool))

    np.testing.assert_array_equal(read(encoded(image), colour="grey"), np.eye(4, 8) * 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode):
    image = Image.new(mode, (8, 4), (0, 0, 0, 128) if mode == "RGBA" else (0, 128))
    picture = decode(encoded(image))

    assert picture.changes == ("transparency laid on white",)
    assert set(pixels(picture, SIZE, "rgb", "stretch").ravel().tolist()) == {127}


def test_a_transparent_palette_colour_is_white():
    image = Image.new("P", (8, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])

    assert set(read(encoded(image, transparency=1)).ravel().tolist()) == {255}


def test_an_opaque_alpha_channel_is_no_change():
    image = Image.fromarray(half_and_half())
    image.putalpha(255)
    picture = decode(encoded(image))

    assert picture.changes == ()
    np.testing.assert_array_equal(pixels(picture, SIZE, "rgb", "stretch"), half_and_half())


def test_what_exif_says_is_done():
    picture = decode(turned_by_exif())

    assert picture.changes == ("turned upright as EXIF says",)
    np.testing.assert_array_equal(pixels(picture, SIZE, "rgb", "stretch"), half_and_half())


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken(format):
    frames = [Image.new("RGB", (8, 4), (level, 0, 0)) for level in (255, 0, 90)]
    picture = decode(encoded(frames[0], format, save_all=True, append_images=frames[1:]))

    assert picture.changes == ("several frames, the first taken",)
    assert pixels(picture, SIZE, "grey", "stretch").min() > 70


def test_grey_weighs_the_colours_as_bt_601_does():
    image = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))

    assert read(encoded(image), (1, 3), "grey").tolist() == [[76, 150, 29]]


def test_reducing_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))

    # The mean of black and white, not a choice of either.
    assert np.abs(read(encoded(Image.fromarray(stripes)), (8, 8), "grey").astype(int) - 128).max() <= 6


def test_other_proportions_are_stretched_cut_or_padded():
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 255
    raw = encoded(Image.fromarray(wide))

    assert read(raw, (4, 4), "grey", "crop").min() == 255
    padded = read(raw, (12, 12), "grey", "pad")
    np.testing.assert_array_equal(padded[4:8], wide)
    assert padded[:4].max() == padded[8:].max() == 0
    stretched = read(raw, (4, 4), "grey", "stretch")
    assert stretched[:, 0].max() < 40
    assert stretched[:, 1].min() > 150


def test_an_image_of_the_right_size_is_left_as_it_is():
    image = noisy(size=(7, 5))

    np.testing.assert_array_equal(read(encoded(image), (7, 5)), np.asarray(image))


def test_grey_saved_as_rgb_jpeg_has_no_colour():
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8))

    assert not has_colour(read(encoded(grey.convert("RGB"), "JPEG"), (32, 32)))
    assert has_colour(half_and_half())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP"])
def test_altered_bytes_give_an_image_or_a_reason_and_nothing_else(format):
    stream = io.BytesIO()
    noisy(size=(9, 7)).save(stream, format)
    whole = stream.getvalue()
    choose = random.Random(format)
    for _ in range(100):
        raw = bytearray(whole)
        for _ in range(choose.randrange(1, 6)):
            raw[choose.randrange(min(len(raw), choose.choice((40, 200, len(raw)))))] = choose.randrange(256)
        if choose.random() < 0.3:
            del raw[choose.randrange(len(raw)) :]
        with suppress(DataError):
            assert read(bytes(raw), (4, 4)).shape == (4, 4, 3)


def test_the_helper_makes_what_it_says():
    assert read(plain(40), (8, 8), "grey").tolist() == [[40] * 8] * 8

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import euler_number

from harness.features.topology import Topology

GLYPHS = {
    "0": """
        .##.
        #..#
        #..#
        #..#
        .##.""",
    "8": """
        #####
        #...#
        #####
        #...#
        #####""",
    "B": """
        ####..
        #..#..
        ####..
        #...#.
        #...#.
        #####.""",
    "i": """
        .#.
        ...
        .#.
        .#.
        .#.""",
    "c": """
        ####
        #...
        #..#
        ####""",
}


def draw(glyph):
    return np.array([[255 * (pixel == "#") for pixel in line] for line in glyph.split()], np.uint8)[None]


def described(image):
    topology = Topology(threshold=0.5).fit(image)
    names = [name.removeprefix("topology_") for name in topology.get_feature_names_out()]
    return dict(zip(names, topology.transform(image)[0], strict=True))


@pytest.mark.parametrize(
    ("glyph", "components", "holes"), [("0", 1, 1), ("8", 1, 2), ("B", 1, 2), ("i", 2, 0), ("c", 1, 0)]
)
def test_letters_have_the_components_and_holes_that_one_sees(glyph, components, holes):
    found = described(draw(GLYPHS[glyph]))

    assert (found["components_8"], found["holes_8"], found["euler_8"]) == (components, holes, components - holes)


def test_corners_connect_only_with_8():
    # The round 0 falls into four strokes where corners do not connect, and its hole opens.
    found = described(draw(GLYPHS["0"]))

    assert (found["components_4"], found["holes_4"], found["euler_4"]) == (4, 0, 4)


def test_area_and_place_of_holes():
    zero, two, none = (described(draw(GLYPHS[glyph])) for glyph in "0Bi")

    np.testing.assert_allclose([zero[f"hole_{w}"] for w in ("area", "row", "column")], [6 / 20, 0.5, 0.5])
    # Two pixels in the row of middle 1.5 and twice three in those of 3.5 and 4.5; columns 2, and 2.5 of the lower hole.
    expected = [8 / 36, (2 * 1.5 + 3 * 3.5 + 3 * 4.5) / 8 / 6, (2 * 2 + 6 * 2.5) / 8 / 6]
    np.testing.assert_allclose([two[f"hole_{w}"] for w in ("area", "row", "column")], expected, rtol=1e-6)
    assert [none[f"hole_{w}"] for w in ("area", "row", "column")] == [0, 0.5, 0.5]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.floats(0.2, 0.8))
def test_images_in_a_stack_are_those_by_themselves(seed, height, width, share):
    images = np.uint8(255) * (np.random.default_rng(seed).random((3, height, width)) < share)
    expected = []
    for image in images > 0:
        filled = ndimage.binary_fill_holes(image)
        expected.append([euler_number(image, 1), euler_number(image, 2), (filled ^ image).mean()])
    topology = Topology(threshold=0.5).fit(images)
    names = list(topology.get_feature_names_out())
    places = [names.index(f"topology_{what}") for what in ("euler_4", "euler_8", "hole_area")]

    np.testing.assert_allclose(topology.transform(images)[:, places], expected, rtol=1e-6)


def test_a_line_of_background_between_images_is_not_needed():
    # All of both images is foreground: they would be one component if images of a stack could touch.
    assert list(Topology(threshold=0.5).fit_transform(np.full((2, 3, 3), 255, np.uint8))[:, 0]) == [1, 1]

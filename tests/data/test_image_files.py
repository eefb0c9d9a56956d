import tracemalloc

import numpy as np

from harness.data.image_files import Found, Look, gather
from harness.data.layout import Entry, Listing
from tests.data.image_folders import LEVELS, plain

LOOK = Look(size=(64, 64), colour="auto", fit="stretch", test_fraction=0.25, on_bad="fail")


def found(n, order=lambda names: names):
    """Images of which each is of its class's grey."""
    entries = [Entry(f"{i:05}.png", list(LEVELS)[i % 3], None) for i in range(n)]
    raw = {name: plain(level) for name, level in LEVELS.items()}
    return Found(Listing(entries, [], []), lambda wanted: ((n, raw[wanted[n].label]) for n in order(list(wanted))))


def test_the_order_in_which_files_come_does_not_matter(tmp_path):
    orders = {"as_listed": lambda names: names, "backwards": lambda names: names[::-1]}
    for name, order in orders.items():
        (tmp_path / name).mkdir()
        gather(found(30, order), LOOK, tmp_path / name, "x")

    for key in ("x_train", "y_train", "x_test", "y_test"):
        one, other = (np.load(tmp_path / name / f"{key}.npy") for name in orders)
        np.testing.assert_array_equal(one, other)
    x, y = np.load(tmp_path / "backwards" / "x_train.npy"), np.load(tmp_path / "backwards" / "y_train.npy")
    assert x.shape == (22, 64, 64)
    assert [int(image.max()) for image in x] == [list(LEVELS.values())[label] for label in y]


def test_one_image_at_a_time_is_in_memory(tmp_path):
    tracemalloc.start()
    gather(found(1500), LOOK, tmp_path, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # The pixels are 18 MB as RGB.
    assert peak < 5e6
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "x_test.npy",
        "x_train.npy",
        "y_test.npy",
        "y_train.npy",
    ]

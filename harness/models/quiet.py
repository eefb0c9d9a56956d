"""Import Keras without what TensorFlow's libraries say as they are loaded."""

from __future__ import annotations

import os
import sys


def import_keras() -> None:
    """Import Keras and its backend; for a command that would otherwise show its user the libraries' notes.

    They are written to file descriptor 2, some of them before `TF_CPP_MIN_LOG_LEVEL` is looked at, so that is closed
    meanwhile. What goes wrong is raised, not written.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import keras  # noqa: F401  (for what its import does)
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)

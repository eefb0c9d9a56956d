"""A run's `environment.json`: this machine, and every other that ran one of its trials."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import RunFolderError
from harness.files import open_regular, write_text
from harness.measure.environment import APART

MAX_BYTES = 2**24
MAX_DEPTH = 20
# Where `harness doctor` leaves what it found, beside the run folders.
DIAGNOSIS = "doctor.json"


class Surroundings:
    """What is known of the machines of a run; kept from one session of the run to the next.

    Parameters
    ----------
    path
        The file. What it says of other machines stays; one that cannot be read is written anew.
    here
        What `harness.measure.environment.environment` says of this machine.
    """

    def __init__(self, path: Path, here: Mapping[str, Any]) -> None:
        self.path = path
        self.values: dict[str, Any] = {**here, "machines": _kept(path)}
        if found := diagnosis(path.absolute().parents[1], str(here.get("machine"))):
            self.values["doctor"] = found
        self.write()

    def saw(self, row: Mapping[str, Any], machines: Mapping[str, Mapping[str, Any]]) -> None:
        """A row names the machine that it comes from; `machines` tells of those that are not this one."""
        name = row.get("machine")
        if name is None or name in self.values["machines"]:
            return
        here = {key: value for key, value in self.values.items() if key not in APART}
        self.values["machines"][name] = machines.get(name, here if name == here.get("machine") else {})
        self.write()

    def end(self, footprint: Mapping[str, Any], machines: Mapping[str, Mapping[str, Any]]) -> None:
        """All has run: what libraries take here before any trial computes, and the last word on other machines."""
        footprint = footprint or machines.get(self.values.get("machine", ""), {}).get("footprint", {})
        if footprint:
            self.values["footprint"] = dict(footprint)
        for name, about in machines.items():
            if name in self.values["machines"]:
                self.values["machines"][name] = about
        self.write()

    def write(self) -> None:
        """Put it on disk.

        Raises
        ------
        RunFolderError
            If the folder cannot be written.
        """
        try:
            write_text(self.path, json.dumps(self.values, indent=2) + "\n")
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written: {error.strerror}") from None


def _kept(path: Path) -> dict[str, Any]:
    try:
        machines = read_environment(path).get("machines")
    except RunFolderError:
        return {}
    return machines if isinstance(machines, dict) else {}


def diagnosis(runs: Path, machine: str) -> dict[str, Any]:
    """What `harness doctor` measured on this machine and left beside its run folders; empty where it did not."""
    try:
        found = read_environment(runs / DIAGNOSIS)
    except RunFolderError:
        return {}
    there = found.get("environment")
    if not isinstance(there, dict) or there.get("machine") != machine:
        return {}
    return {key: found[key] for key in ("tracking", "aa_test") if found.get(key)}


def read_environment(path: Path) -> dict[str, Any]:
    """What a run folder's `environment.json` says; empty where there is none.

    Raises
    ------
    RunFolderError
        If it is not a JSON object, or one that no run writes: huge, nested deeply, or with halves of characters.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        values = json.loads(data, parse_int=_whole)
        if not isinstance(values, dict):
            raise ValueError("expected a JSON object")
        layer: list[Any] = [values]
        for _ in range(MAX_DEPTH):
            layer = [child for value in layer for child in _children(value)]
        if layer:
            raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")
        # Half of a surrogate pair is text for JSON, and for nothing that writes UTF-8.
        json.dumps(values, ensure_ascii=False).encode()
    except FileNotFoundError:
        return {}
    except RecursionError:
        raise RunFolderError(f"{path}: cannot be read: it nests deeper than {MAX_DEPTH} levels") from None
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RunFolderError(f"{path}: cannot be read: {error}; the next run writes it anew") from None
    return values


def _whole(digits: str) -> float:
    # Beyond 64 bits a number is no count, and as a float it overflows nothing.
    return int(digits) if len(digits) < 19 else float(digits)


def _children(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()

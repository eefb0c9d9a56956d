"""A run's folder: where everything in it lies, and the lock that keeps two runs apart."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import RunFolderError


class RunFolder:
    """The paths of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.suite = path / "suite.yaml"
        self.environment = path / "environment.json"
        self.datasets = path / "datasets.json"
        self.journal = path / "journal.jsonl"
        self.trials = path / "trials.parquet"
        self.epochs = path / "epochs.parquet"
        self.tuning = path / "tuning.parquet"
        self.explanations = path / "explanations.parquet"
        self.features = path / "features"
        self.logs = path / "logs"
        self.report = path / "report"

    def log(self, trial_id: str) -> Path:
        """The log of one trial."""
        return self.logs / f"{trial_id}.log"

    def create(self) -> None:
        """Make the folder.

        Raises
        ------
        RunFolderError
            If it cannot be made, or holds files of something else.
        """
        try:
            foreign = self.path.is_dir() and any(self.path.iterdir()) and not self.suite.exists()
            if foreign and not (self.path / ".lock").exists():
                raise RunFolderError(f"{self.path}: not empty and not a run folder; choose another with --output")
            self.refuse_links()
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: cannot be made: {error.strerror}; choose another with --output"
            ) from None

    def refuse_links(self) -> None:
        """Refuse parts that are symbolic links: what is written through one lies outside the folder.

        Raises
        ------
        RunFolderError
            If a part is a link. The folder itself may be one.
        """
        written = (self.path / ".lock", self.journal, self.logs, self.features, self.report)
        for path in (*written, self.report / "figures", self.report / "tables"):
            if path.is_symlink():
                raise RunFolderError(f"{path}: a symbolic link, and a run writes nothing outside its folder; remove it")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends.

        Raises
        ------
        RunFolderError
            If another process holds it, or the folder cannot be written.
        """
        path = self.path / ".lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(fd, 20).decode(errors="replace").strip() or "unknown"
                raise RunFolderError(
                    f"{self.path}: another run (process {holder}) is using this folder; "
                    "wait for it, or choose another with --output"
                ) from None
            try:
                os.ftruncate(fd, 0)
                os.pwrite(fd, str(os.getpid()).encode(), 0)
            except OSError as error:
                raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None
            yield
        finally:
            os.close(fd)

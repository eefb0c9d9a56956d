"""Parquet files of a run's tables, read with distrust: a file can claim in a few bytes what fills a machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import RunFolderError
from harness.files import open_regular
from harness.run.columns import FLAG, REAL, TEXT, WHOLE, sensible

ARROW = {TEXT: pa.large_string(), WHOLE: pa.int64(), REAL: pa.float64(), FLAG: pa.bool_()}
MAX_ROWS = 50_000_000
# Bytes of a cell (no record's are that long, see `harness.run.record`), and of a column written out.
MAX_TEXT = 2**16
MAX_COLUMN = 2**32
TEXTS = (pa.string(), pa.large_string())


def read_table(path: Path, columns: Mapping[str, str], most: int = MAX_ROWS) -> pa.Table:
    """The columns in their order and types; those the file lacks are empty.

    Raises
    ------
    RunFolderError
        If the file cannot be read, has more than `most` rows, or holds what no run writes.
    """
    try:
        with open_regular(path) as stream:
            fields = pq.read_schema(stream)
            words = [field.name for field in fields if field.name in columns and field.type in TEXTS]
            # Texts come as dictionaries, so that one said a million times is in memory once.
            with pq.ParquetFile(stream, read_dictionary=words) as file:
                if file.metadata.num_rows > most:
                    raise ValueError(f"it has {file.metadata.num_rows:,} rows; expected at most {most:,}")
                table = file.read([name for name in fields.names if name in columns])
        return pa.table({name: _column(table, name, kind) for name, kind in columns.items()})
    except (OSError, ValueError, pa.ArrowException) as error:
        told = str(error).splitlines() or [type(error).__name__]
        raise RunFolderError(f"{path}: not a readable table of a run: {told[0]}") from None


def _column(table: pa.Table, name: str, kind: str) -> pa.ChunkedArray:
    """One column in its type; a ValueError where it holds what it cannot."""
    places = [place for place, other in enumerate(table.column_names) if other == name]
    if not places:
        return pa.chunked_array([pa.nulls(len(table), ARROW[kind])])
    if len(places) > 1:
        raise ValueError(f"it has {len(places)} columns {name}")
    column = table.column(places[0])
    # Among other things, that text is UTF-8.
    column.validate(full=True)
    if pa.types.is_dictionary(column.type):
        lengths = [(pc.binary_length(chunk.dictionary), chunk.indices) for chunk in column.chunks]
        if (longest := max((pc.max(known).as_py() or 0 for known, _ in lengths), default=0)) > MAX_TEXT:
            raise ValueError(f"{name} holds a text of {longest:,} bytes; expected at most {MAX_TEXT:,}")
        # Few rows hold a long text, such as an image: what counts is what they hold together.
        if sum(pc.sum(known.take(indices)).as_py() or 0 for known, indices in lengths) > MAX_COLUMN:
            raise ValueError(f"{name} has {len(column):,} texts of up to {longest:,} bytes, which is too much")
    try:
        column = column.cast(ARROW[kind])
    except pa.ArrowException as error:
        raise ValueError(f"{name}: {error}") from None
    if kind in (WHOLE, REAL):
        for end in pc.min_max(column).as_py().values():
            if end is not None and not math.isnan(end) and not sensible(name, end):
                raise ValueError(f"{name} cannot be {end}")
    return column

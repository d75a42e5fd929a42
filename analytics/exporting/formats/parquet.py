"""Parquet: zstd, fixed row groups, labels and units beside the columns; memory stays flat."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from analytics.exporting.columns import Column
from analytics.exporting.formats.base import Release, Written
from analytics.exporting.spool import Spooled

MEDIA_TYPE: Final = "application/vnd.apache.parquet"
ROW_GROUP: Final = 65_536
_BLOCK: Final = 4 << 20
_TYPES: Final = {"integer": pa.int32(), "number": pa.float64()}


def write(release: Release, folder: Path) -> list[Written]:
    """A file a table."""
    written = []
    for spooled in release.tables.values():
        name = f"{spooled.table.name}.parquet"
        write_table(spooled, folder / name)
        written.append(Written(name, MEDIA_TYPE, spooled.table.name, spooled.rows))
    return written


def write_table(spooled: Spooled, path: Path) -> None:
    """Row groups of ROW_GROUP rows, whatever the blocks that are read."""
    schema = pa.schema([_field(column) for column in spooled.table.columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        kept: list[pa.RecordBatch] = []
        for batch in _batches(spooled, schema):
            kept.append(batch)
            if sum(part.num_rows for part in kept) >= ROW_GROUP:
                table = pa.Table.from_batches(kept)
                whole = table.num_rows // ROW_GROUP * ROW_GROUP
                writer.write_table(table.slice(0, whole).cast(schema), row_group_size=ROW_GROUP)
                kept = table.slice(whole).to_batches()
        if kept or not spooled.rows:
            writer.write_table(pa.Table.from_batches(kept, schema=schema), row_group_size=ROW_GROUP)


def _batches(
    spooled: Spooled, schema: pa.Schema
) -> list[pa.RecordBatch] | arrow_csv.CSVStreamingReader:
    if not spooled.rows:
        return []
    return arrow_csv.open_csv(
        spooled.path,
        read_options=arrow_csv.ReadOptions(
            column_names=spooled.table.names, block_size=_BLOCK, use_threads=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={field.name: field.type for field in schema},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _field(column: Column) -> pa.Field:
    note = {"label": column.label, "unit": column.unit, "codes": ";".join(column.codes)}
    return pa.field(
        column.name,
        _TYPES.get(column.kind, pa.string()),
        metadata={name: value for name, value in note.items() if value},
    )

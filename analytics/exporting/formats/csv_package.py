"""CSV (RFC 4180, UTF-8, lines end in a line feed) with a codebook, as a Frictionless Data Package.

Source of `datapackage.json`: Data Package standard, version 1 (specs.frictionlessdata.io).
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any, Final

from analytics.exporting.codebook import codebook_bytes, codebook_markdown
from analytics.exporting.columns import Column, Table
from analytics.exporting.formats.base import Release, Written, is_open
from analytics.exporting.spool import Spooled
from centers.cells import harmless

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
_TYPES: Final = {"integer": "integer", "number": "number"}


def write(release: Release, folder: Path) -> list[Written]:
    """A file a table, `datapackage.json`, and the codebook twice."""
    written = []
    for spooled in release.tables.values():
        name = f"{spooled.table.name}.csv"
        write_table(spooled, folder / name)
        written.append(Written(name, MEDIA_TYPE, spooled.table.name, spooled.rows))
    package = json.dumps(_package(release), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "datapackage.json").write_text(f"{package}\n", encoding="utf-8")
    (folder / "codebook.json").write_bytes(codebook_bytes(release.profile))
    (folder / "codebook.md").write_text(codebook_markdown(release.profile), encoding="utf-8")
    return [
        *written,
        Written("datapackage.json", "application/json"),
        Written("codebook.json", "application/json"),
        Written("codebook.md", "text/markdown; charset=utf-8"),
    ]


def write_table(spooled: Spooled, path: Path, header: tuple[str, ...] = ()) -> None:
    """The rows under their names; a text that begins like a formula gets an apostrophe."""
    guarded = [place for place, column in enumerate(spooled.table.columns) if is_open(column)]
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(header or spooled.table.names)
        target.flush()
        if not _holds_formula(spooled, guarded):
            with spooled.path.open("rb") as rows:
                shutil.copyfileobj(rows, target.buffer)
            return
        with spooled.path.open(encoding="utf-8", newline="") as rows:
            for cells in csv.reader(rows):
                for place in guarded:
                    cells[place] = harmless(cells[place])
                writer.writerow(cells)


def _holds_formula(spooled: Spooled, guarded: list[int]) -> bool:
    """Codes begin with a letter or digit; looking is faster than writing each row anew."""
    if not guarded:
        return False
    with spooled.path.open(encoding="utf-8", newline="") as rows:
        return any(
            cells[place] != harmless(cells[place])
            for cells in csv.reader(rows)
            for place in guarded
        )


def _package(release: Release) -> dict[str, Any]:
    return {
        "profile": "tabular-data-package",
        "name": f"hd-il2-{release.profile.replace('_', '-')}",
        "title": "De-identified records of the HD IL-2 registry",
        "resources": [_resource(spooled.table) for spooled in release.tables.values()],
    }


def _resource(table: Table) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(column) for column in table.columns]}
    schema["missingValues"] = [""]
    if table.key:
        schema["primaryKey"] = list(table.key)
    if table.name != "subjects":
        schema["foreignKeys"] = [
            {"fields": ["subject"], "reference": {"resource": "subjects", "fields": ["subject"]}}
        ]
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "title": table.title,
        "path": f"{table.name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "header": True},
        "schema": schema,
    }


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if column.kind == "code":
        constraints["enum"] = list(column.codes)
    if column.kind == "codes":
        one = "|".join(column.codes)
        constraints["pattern"] = f"({one})(;({one}))*"
    if column.name == "subject":
        constraints = {"required": True, "pattern": "[0-9A-HJKMNP-TV-Z]{16}"}
    notes = ". ".join(filter(None, [column.unit, column.note]))
    return {
        "name": column.name,
        "title": column.label,
        "type": _TYPES.get(column.kind, "string"),
        "description": notes,
        "constraints": constraints,
    }

"""Looking for what must not leave in every byte of an export: needles in many spellings, shapes of dates."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import pyreadstat
from pyarrow import parquet

# What a format's header holds in place of the time of writing.
FIXED_TIMES = (b"01JAN80:00:00:00", b"01 Jan 1980 00:00", b"01 Jan 80", b"1980-01-01T00:00:00Z")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
DATE_SHAPES = re.compile(
    rf"(?<![\w.])(?:(?:19|20)\d\d[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:19|20)\d\d"
    rf"|\d{{1,2}}[- ]?(?:{_MONTHS})[a-z]*[- ]?(?:19|20)?\d\d|(?:19|20)\d{{2}}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))(?![\w.])",
    re.IGNORECASE,
)


def spellings(secret: str) -> set[str]:
    """A secret as it is, and as a careless export might hide it."""
    raw = secret.encode()
    found = {secret, secret.lower(), secret.upper(), secret[::-1]}
    found |= {hashlib.new(name, raw).hexdigest() for name in ("md5", "sha1", "sha256")}
    found |= {base64.b64encode(raw).decode().rstrip("="), raw.hex()}
    return found


def date_spellings(day: date) -> set[str]:
    """A day in the spellings of data files."""
    patterns = ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%b-%Y", "%d%b%Y")
    found = {day.strftime(pattern) for pattern in patterns}
    return found | {day.strftime("%d%b%Y").upper()}


def needles(secrets: Iterable[str], days: Iterable[date]) -> set[str]:
    """All of them."""
    found: set[str] = set()
    for secret in secrets:
        found |= spellings(secret)
    for day in days:
        found |= date_spellings(day)
    return found


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file of an export as text: its raw bytes, and what a reader of its format sees."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for fixed in FIXED_TIMES:
            content = content.replace(fixed, b"")
        yield path.name, content.decode("latin-1")
        yield f"{path.name} decoded", _decoded(path)


def _decoded(path: Path) -> str:
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            inside = b"\n".join(archive.read(name) for name in archive.namelist())
        for fixed in FIXED_TIMES:
            inside = inside.replace(fixed, b"")
        return inside.decode("latin-1")
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        return f"{table.to_pydict()} {table.schema.to_string(show_field_metadata=True)}"
    readers = {
        ".sav": pyreadstat.read_sav,
        ".dta": pyreadstat.read_dta,
        ".xpt": pyreadstat.read_xport,
    }
    if path.suffix in readers:
        data, meta = readers[path.suffix](str(path))
        named = f"{meta.column_labels} {meta.file_label} {meta.notes} {meta.value_labels}"
        return f"{data.to_dict()} {named} {meta.original_variable_types}"
    return ""


def hits(text: str, wanted: set[str]) -> set[str]:
    """The needles in a text, on borders of words; one pass over its words."""
    words = set(re.findall(r"[A-Za-z0-9][A-Za-z0-9_./+=-]*[A-Za-z0-9]|[A-Za-z0-9]", text))
    parts = {part for word in words for part in re.split(r"[_./+=-]", word)}
    return (words | parts) & wanted | {n for n in wanted if " " in n and n in text}


def traces(text: str, mark: str) -> set[str]:
    """A mark that secrets bear, inside of any word: plain, backwards, hexadecimal, UTF-16, base64."""
    raw = mark.encode()
    plain = {mark.lower(), mark[::-1].lower(), raw.hex(), "\0".join(mark.lower())}
    lowered = text.lower()
    # Of base64 the characters that do not depend on what stands before and after.
    coded = {
        base64.b64encode(b"." * n + raw + b"...").decode()[-(-8 * n // 6) : 8 * (n + len(raw)) // 6]
        for n in range(3)
    }
    return {form for form in plain if form in lowered} | {form for form in coded if form in text}


def date_shapes(text: str) -> list[str]:
    """What looks like a date."""
    return DATE_SHAPES.findall(text)

"""`export_templates` writes an empty bundle that imports as it is."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from patients.rules.dictionary import FORMS
from tests.patients.import_tools import run


def test_templates_have_every_column_and_import_as_they_are(database: None, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "bundle"
    call_command("export_templates", str(folder), stdout=StringIO())
    for name, form in FORMS.items():
        keys = () if name == "centers" else ("center", "record_id")
        header = ",".join([*keys, *(field.name for field in form.fields)])
        assert (folder / f"{name}.csv").read_text() == header + "\n"
    status, out, _ = run(folder)
    assert (status, "registry has all of it" in out) == (0, True)


def test_templates_overwrite_nothing(tmp_path: Path) -> None:
    (tmp_path / "courses.csv").write_text("kept")
    with pytest.raises(CommandError, match=r"Already there: courses\.csv") as refused:
        call_command("export_templates", str(tmp_path))
    assert refused.value.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["courses.csv"]


def test_templates_into_a_file_have_status_two(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="Cannot be written") as refused:
        call_command("export_templates", str(tmp_path / "file" / "folder"))
    assert refused.value.returncode == 2

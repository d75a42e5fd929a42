"""The report: the paper's figures, the same from a cut whatever came later, one file."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tests.analytics.conftest import Readers
from tests.analytics.test_known import follow_up
from tests.universe import Universe, amend_record, build_universe


def report(*arguments: str) -> str:
    out = StringIO()
    call_command("report", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def without_times(text: str) -> str:
    """Without what names the moment of making: time, and the head of the audit trail."""
    return re.sub(r"<dt>(Made|Head of the audit trail)</dt><dd>[^<]*</dd>", "", text)


def test_report_prints_the_papers_figures_and_says_synthetic(readers: Readers) -> None:
    text = report("--cutoff", "2017-06-30")
    assert '<dd class="number">100</dd><dd>54 melanoma + 46 renal cell</dd>' in text
    assert '<dd class="number">5+ to 30+</dd>' in text
    assert '<dd class="number">59</dd><dd>32 melanoma + 27 renal cell</dd>' in text
    assert "Synthetic demo data" in text
    assert text.count("<svg") == 5


def test_report_needs_nothing_else(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    report("--out", str(file))
    text = file.read_text()
    assert not re.search(r"(src|href)=", text)
    assert "<script" not in text
    assert text.count("<style>") == 1
    assert "withheld" not in text.lower()


def test_report_at_another_cutoff_is_derived_for_it(readers: Readers) -> None:
    early = report("--cutoff", "2000-06-30")
    assert "30-Jun-2000" in early
    assert '<dd class="number">100</dd>' not in early
    assert '<dd class="number">100</dd>' in report("--cutoff", "2017-06-30")


def test_report_of_a_cut_stays_the_same(database: None, superuser: psycopg.Connection) -> None:
    universe: Universe = build_universe(derived=False)
    call_command("data_cut", "make", "First", "--cutoff", "2017-06-30", stdout=StringIO())
    before = report("--cut", "First")
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    assert without_times(report("--cut", "First")) == without_times(before)
    assert without_times(report()) != without_times(before)


def test_report_of_an_absent_cut_or_to_a_bad_place_is_refused(
    database: None, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="no data cut"):
        report("--cut", "None")
    with pytest.raises(CommandError, match="No such file"):
        report("--out", str(tmp_path / "absent" / "report.html"))


def test_report_of_an_empty_registry_says_so(database: None) -> None:
    assert "No treated record" in report()

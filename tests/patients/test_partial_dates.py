"""Partial dates: Python and the database compute the same interval and point."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.partial_dates import InvalidPartialDate, PartialDate

texts = st.dates(date(1850, 1, 1), date(2200, 12, 31)).flatmap(
    lambda d: st.sampled_from([d.isoformat(), d.isoformat()[:7], d.isoformat()[:4]])
)


@given(texts)
def test_point_lies_in_the_interval_and_text_survives(text: str) -> None:
    value = PartialDate.parse(text)
    assert value.lo <= value.point <= value.hi
    assert str(value) == text
    assert (value.lo == value.hi) == (value.precision == "day")


def test_python_and_database_agree_on_every_month_and_precision(
    superuser: psycopg.Connection,
) -> None:
    texts = [
        text
        for year in (1850, 1900, 1999, 2000, 2004, 2019, 2200)
        for month in range(1, 13)
        for text in (f"{year}", f"{year}-{month:02d}", f"{year}-{month:02d}-28")
    ]
    rows = superuser.execute(
        "select t, partial_date_lo(t), partial_date_hi(t), partial_date_point(t)"
        " from unnest(%s::partial_date[]) t",
        [texts],
    ).fetchall()
    assert len(rows) == len(texts)
    for text, lo, hi, point in rows:
        value = PartialDate.parse(text)
        assert (value.lo, value.hi, value.point) == (lo, hi, point)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "19",
        "2019-13",
        "2019-00",
        "2019-02-30",
        "2019-04-31",
        "2019--05",
        "2019-00-05",
        "2019-1-1",
        "2019-01-1",
        "24/3/2019",
        "2019-03-24T00:00",
        " 2019",
        "２０１９",  # full-width digits
        "1849",
        "2201",
        "2019-02-29",
    ],
)
def test_text_that_is_no_partial_date_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidPartialDate) as refused:
        PartialDate.parse(text)
    assert not text.strip() or text not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("2019-03-24", "24-Mar-2019"),
        ("2019-03", "Mar-2019 (day not known)"),
        ("2019", "2019 (month not known)"),
    ],
)
def test_display_is_unambiguous(text: str, display: str) -> None:
    assert PartialDate.parse(text).display == display

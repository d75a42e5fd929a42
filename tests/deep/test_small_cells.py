"""Small-cell attack: from all that pages and files show a reader without membership, no small count follows.

Every number of the declared tables under the whole fixed grid of filters is a linear equation over
classes of records. For each true count of 1 to 10 the least and the greatest value that the equations
allow are sought (HiGHS, integers): where both are the same, the count has been recovered.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, product
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import transaction
from django.test import Client
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from analytics.queries import overview, survival, table_one
from analytics.queries.disclosure import SMALLEST_CELL
from centers.access import acting, system_scope
from centers.models import Center, User
from centers.roles import Role
from tests.analytics.cohort_records import COHORT, eligible, ineligible
from tests.analytics.conftest import derive_all, person, signed_in
from tests.oracle import Record, Row

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "disease": ("melanoma", "renal_cell"),
    "sex": ("female", "male", "unknown"),
    "decade": ("to_1989", "1990_1999", "2000_2009", "from_2010"),
    "status": ("treated", "eligible", "survived", "followed"),
    "response": ("CR", "PR", "SD", "PD", "NE", ""),
    "local": ("yes", "no"),
    "landmark": ("yes", "no"),
}
NAMES = tuple(DIMENSIONS)
CLASSES = list(product(*DIMENSIONS.values()))
ELIGIBLE = ("eligible", "survived", "followed")
SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "treated": {},
    "eligible": {"status": ELIGIBLE},
    "landmark": {"landmark": ("yes",)},
}
GROUP_OF: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]] = {
    "disease": ("disease", {"Melanoma": ("melanoma",), "Renal cell": ("renal_cell",)}),
    "decade": (
        "decade",
        {
            "To 1989": ("to_1989",),
            "1990-1999": ("1990_1999",),
            "2000-2009": ("2000_2009",),
            "From 2010": ("from_2010",),
        },
    ),
    "response": (
        "response",
        {
            "Complete": ("CR",),
            "Partial": ("PR",),
            "Stable": ("SD",),
            "PD or not known": ("PD", "NE", ""),
        },
    ),
    "local_therapy": ("local", {"Local therapy": ("yes",), "None": ("no",)}),
}
OVERVIEW: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Treated with HD IL-2 (denominator)": {},
    "Eligible": {"status": ELIGIBLE},
    "Alive, followed 10 years or more": {"status": ("followed",)},
    "Survived 10 years or more": {"status": ("survived", "followed")},
}
Condition = dict[str, tuple[str, ...]]
SQL = """
    select o.disease, case when p.sex in ('female', 'male') then p.sex else 'unknown' end,
        case when o.t0 < '1990-01-01' then 'to_1989' when o.t0 < '2000-01-01' then '1990_1999'
            when o.t0 < '2010-01-01' then '2000_2009' else 'from_2010' end,
        case when o.eligible <> 'yes' then 'treated' when o.alive_10y_followed then 'followed'
            when o.survived_10y then 'survived' else 'eligible' end,
        coalesce(o.best_response, ''),
        case when exists (select from patients_local_therapy l where l.patient_id = p.id)
            then 'yes' else 'no' end,
        case when o.pfs_days > 1826 then 'yes' else 'no' end, c.code
    from analytics_outcome o join patients_patient p on p.id = o.patient_id
    join centers_center c on c.id = o.center_id
    where o.variant = 'primary' and o.t0 is not null
"""


@dataclass
class Equations:
    """What was published: classes that count, and the number."""

    rows: list[tuple[Condition, int]]

    def add(self, number: int, *conditions: Mapping[str, tuple[str, ...]]) -> None:
        """A number that counts the records of all the conditions."""
        merged: Condition = {}
        for condition in conditions:
            for name, values in condition.items():
                kept = merged.get(name, DIMENSIONS[name])
                merged[name] = tuple(value for value in kept if value in values)
        self.rows.append((merged, number))


def counts(condition: Condition, record: tuple[str, ...]) -> bool:
    return all(record[NAMES.index(name)] in values for name, values in condition.items())


def make_records(dice: random.Random, scale: int) -> list[Record]:
    """The cohort so many times over, with other responses and local therapies."""
    records: list[Record] = []
    for disease, size, over_ten in COHORT:
        first = len(records)
        records += [eligible(first + i, disease, i < over_ten * scale) for i in range(size * scale)]
    records += [ineligible(len(records) + i, COHORT[i % 2][0]) for i in range(70 * scale)]
    for record in records:
        start = date.fromisoformat(record.rows[0].when or "")
        record.rows[1].values["response"] = dice.choice(["CR", "PR", "PR", "SD", "SD", "NE"])
        if dice.random() < 0.3:
            values: dict[str, str | None] = {
                "modality": "other",
                "indication": "residual_disease",
            }
            record.rows.append(Row("local_therapy", 0, f"{start + timedelta(days=100)}", values))
    return records


def build(superuser: psycopg.Connection, seed: int, scale: int) -> None:
    dice = random.Random(seed)
    derive_all(superuser, make_records(dice, scale))
    superuser.execute("set session_replication_role = replica")
    for sex, share in (("female", 0.4), ("male", 0.97)):
        superuser.execute(
            "update patients_patient set sex = %s where sex = 'unknown' and (hashint8(id + %s)::bigint"
            " & 65535) / 65536.0 < %s",
            [sex, seed, share],
        )
    superuser.execute("reset session_replication_role")


def truth(superuser: psycopg.Connection) -> tuple[list[tuple[str, ...]], list[str]]:
    """The records' classes, and the center of each."""
    rows = superuser.execute(SQL).fetchall()
    return [tuple(row[:-1]) for row in rows], [row[-1] for row in rows]


def grid() -> Iterator[tuple[str, Condition]]:
    """Every combination of filters that the form offers, as a query and as a condition."""
    others = [("", "")] + [
        (name, value) for name in ("sex", "decade") for value in DIMENSIONS[name]
    ]
    for disease, (name, value) in product(("", *DIMENSIONS["disease"]), others):
        condition: Condition = {}
        if disease:
            condition["disease"] = (disease,)
        if name:
            condition[name] = (value,)
        yield f"disease={disease}" + (f"&{name}={value}" if name else ""), condition


def number(text: str) -> int | None:
    found = re.fullmatch(r"([\d,]+)(?: \(\d+%\))?", text.strip())
    return int(found[1].replace(",", "")) if found else None


def table_rows(text: str) -> Iterator[tuple[str, list[int | None]]]:
    """The rows of a page's tables: heading and numbers."""
    for row in re.findall(r"<tr[^>]*><th scope=\"row\"[^>]*>(.*?)</tr>", text, re.S):
        label, _, rest = row.partition("</th>")
        cells = [
            re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", rest, re.S)
        ]
        yield (
            re.sub(r"<[^>]*>", "", label).removeprefix("\u2013 "),
            [number(cell) for cell in cells],
        )


def columns(text: str) -> list[Condition]:
    """What the columns of the overview's table stand for: the diseases there are, then all."""
    codes = {"Melanoma": "melanoma", "Renal cell": "renal_cell"}
    head = text.partition('id="by-disease"')[2].partition("</thead>")[0]
    headings = re.findall(r"<th[^>]*>(Melanoma|Renal cell)</th>", head)
    return [*({"disease": (codes[heading],)} for heading in headings), {}]


def collect(browser: Client, codes: list[str], by_decade: bool = True) -> Equations:
    """Every number that the reader can get at the registry's own cutoff."""
    found = Equations([])
    for query, condition in grid():
        if "decade" in condition and not by_decade:
            continue
        for path in ("/cohort/", "/cohort/description/", "/cohort/survival/", "/cohort/report/"):
            text = browser.get(f"{path}?{query}").content.decode()
            assert not [code for code in codes if re.search(rf"\b{code}\b", text)], path
            _kept(found, text, condition)
            if path == "/cohort/":
                _overview(found, text, condition)
            elif path == "/cohort/description/":
                _description(found, text, condition)
        _curves(found, browser, query, condition)
    return found


def _kept(found: Equations, text: str, condition: Condition) -> None:
    for kept, total in re.findall(r"([\d,]+) of ([\d,]+) treated records", text):
        found.add(int(kept.replace(",", "")), condition)
        found.add(int(total.replace(",", "")))


def _overview(found: Equations, text: str, condition: Condition) -> None:
    for label, cells in table_rows(text):
        if label in OVERVIEW:
            for cell, column in zip(cells, columns(text), strict=True):
                if cell is not None:
                    found.add(cell, condition, OVERVIEW[label], column)


def _description(found: Equations, text: str, condition: Condition) -> None:
    by_column: list[Condition] = [{"disease": (code,)} for code in DIMENSIONS["disease"]] + [{}]
    table = text[text.index("Characteristics") :]
    places = {"Female": ("sex", "female"), "Male": ("sex", "male"), "Unknown": ("sex", "unknown")}
    places |= {code: ("response", code) for code in ("CR", "PR", "SD", "PD", "NE")}
    heading = ""
    for label, cells in table_rows(table):
        if all(cell is None for cell in cells):
            heading = label
        name, value = ("", "")
        if heading in ("Sex", "Best response") and label in places:
            name, value = places[label]
        elif heading == "Local therapy after HD IL-2" and label in ("Yes", "No"):
            name, value = "local", label.lower()
        elif label != "Records":
            continue
        for cell, column in zip(cells, by_column, strict=False):
            if cell is not None:
                found.add(
                    cell, condition, {"status": ELIGIBLE}, column, {name: (value,)} if name else {}
                )
    for number_text, label in re.findall(r"<strong>([\d,]+)</strong>() left", text):
        assert not label
        assert int(number_text.replace(",", "")) >= 0


def _curves(found: Equations, browser: Client, query: str, condition: Condition) -> None:
    for by, records in product(("", *GROUP_OF), SETS):
        address = f"/cohort/figures/survival.json?{query}&by={by}&records={records}"
        response = browser.get(address)
        if response.status_code == 404:
            continue
        document: dict[str, Any] = json.loads(response.content)
        for group in document["groups"]:
            dimension: Mapping[str, tuple[str, ...]] = {}
            if by:
                name, labels = GROUP_OF[by]
                dimension = {name: labels[group["group"]]}
            found.add(group["n"], condition, SETS[records], dimension)


def secrets(records: list[tuple[str, ...]]) -> list[tuple[Condition, int]]:
    """Every cell of the declared tables, under every filter, that truly holds 1 to 10 records."""
    small: dict[str, tuple[Condition, int]] = {}
    for _, condition in grid():
        for inside in (*SETS.values(), *OVERVIEW.values()):
            for name in ("", *NAMES):
                for value in DIMENSIONS[name] if name else ("",):
                    cell = Equations([])
                    cell.add(0, condition, inside, {name: (value,)} if name else {})
                    wanted = cell.rows[0][0]
                    true = sum(counts(wanted, record) for record in records)
                    if 1 <= true < SMALLEST_CELL:
                        small[repr(sorted(wanted.items()))] = (wanted, true)
    return list(small.values())


def recovered(
    published: Equations, hidden: list[tuple[Condition, int]], most: int = 10
) -> list[str]:
    """The hidden counts that follow from what was published; so many are enough."""
    distinct = list({repr(sorted(c.items())): (c, n) for c, n in published.rows}.values())
    patterns = [tuple(counts(condition, record) for condition, _ in distinct) for record in CLASSES]
    numbers = np.array([n for _, n in distinct], dtype=float)
    found = []
    for condition, true in hidden:
        # Classes that no equation and not the aim tells apart are one unknown.
        kinds = sorted({(*p, counts(condition, r)) for p, r in zip(patterns, CLASSES, strict=True)})
        matrix = np.array(kinds, dtype=float).T
        rows, aim = csr_array(matrix[:-1]), matrix[-1]
        low, high = (_bound(sign * aim, rows, numbers) * sign for sign in (1, -1))
        if np.ceil(low - 1e-6) != np.floor(high + 1e-6) and high - low < 3:
            low, high = (_exact(sign * aim, rows, numbers) * sign for sign in (1, -1))
        if np.ceil(low - 1e-6) == np.floor(high + 1e-6):
            found.append(f"{condition}: {true}")
            if len(found) == most:
                break
    return found


def _bound(aim: Any, rows: Any, numbers: Any) -> float:
    solved = linprog(aim, A_eq=rows, b_eq=numbers, bounds=(0, None), method="highs")
    assert solved.status in (0, 3), solved.message
    return float(solved.fun) if solved.status == 0 else -np.inf


def _exact(aim: Any, rows: Any, numbers: Any) -> float:
    solved = milp(
        aim,
        constraints=LinearConstraint(rows, numbers, numbers),
        integrality=np.ones(len(aim)),
        bounds=Bounds(0, np.inf),
        options={"time_limit": 20},
    )
    return float(solved.fun) if solved.status == 0 else float("nan")


def reader(kind: str) -> User:
    """An investigator without membership, or one who knows the first center in detail."""
    with acting(system_scope()), transaction.atomic():
        user = person("investigator", Role.INVESTIGATOR)
        if kind == "insider":
            from_first = Center.objects.get(code="C01")
            user.memberships.create(center=from_first, role=Role.COORDINATOR.value)
    return user


PLANTED: Mapping[str, Callable[[pytest.MonkeyPatch], None]] = {
    "groups of curves": lambda patch: patch.setattr(survival, "released", lambda *_: True),
    "table one": lambda patch: patch.setattr(table_one, "readings_beside", lambda *_: ()),
    "figures by disease": lambda patch: patch.setattr(overview, "row_releasable", lambda *_: True),
    "filters": lambda patch: patch.setattr(
        overview, "readings_beside", lambda filters, own=(): iter(())
    ),
}


@pytest.mark.parametrize(("seed", "scale"), [(1, 1), (2, 3)])
def test_no_small_count_follows_from_what_is_shown(
    database: None, superuser: psycopg.Connection, seed: int, scale: int
) -> None:
    build(superuser, seed, scale)
    records, centers = truth(superuser)
    published = collect(signed_in(reader("investigator")), sorted(set(centers)))
    assert len(published.rows) > 60
    for condition, shown in published.rows:
        assert sum(counts(condition, record) for record in records) == shown, condition
    hidden = secrets(records)
    assert len(hidden) > 50
    assert recovered(published, hidden) == []


def test_no_small_count_of_others_follows_for_who_knows_a_center(
    database: None, superuser: psycopg.Connection
) -> None:
    build(superuser, 3, 2)
    records, centers = truth(superuser)
    published = collect(signed_in(reader("insider")), sorted({*centers} - {"C01"}))
    mine = [record for record, center in zip(records, centers, strict=True) if center == "C01"]
    others = [record for record, center in zip(records, centers, strict=True) if center != "C01"]
    rest = Equations(
        [(c, n - sum(counts(c, record) for record in mine)) for c, n in published.rows]
    )
    assert recovered(rest, secrets(others)) == []


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_planted_leak_is_found(
    database: None, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    build(superuser, 2, 1)
    PLANTED[name](monkeypatch)
    records, centers = truth(superuser)
    published = collect(signed_in(reader("investigator")), sorted(set(centers)), by_decade=False)
    assert recovered(published, secrets(records), most=1) != []


def test_cutoffs_and_thresholds_differ_by_nobody_or_by_many(
    database: None, superuser: psycopg.Connection
) -> None:
    build(superuser, 2, 3)
    browser = signed_in(reader("investigator"))
    text = browser.get("/cohort/").content.decode()
    cutoffs = re.findall(r'<option value="(\d{4}-\d\d-\d\d)"', text)
    assert len(cutoffs) >= 3
    for disease in ("", "melanoma", "renal_cell"):
        series: dict[str, dict[str, list[int | None]]] = {}
        for query in (
            "",
            *(f"cutoff={day}" for day in cutoffs),
            *(f"years={n}" for n in (3, 7, 10)),
        ):
            shown = browser.get(f"/cohort/?disease={disease}&{query}").content.decode()
            if "field-error" not in shown:
                series[query] = {
                    label: cells for label, cells in table_rows(shown) if label in OVERVIEW
                }
        for (one, first), (two, second) in combinations(series.items(), 2):
            for label in ("Treated with HD IL-2 (denominator)", "Eligible"):
                for a, b in zip(first.get(label, ()), second.get(label, ()), strict=False):
                    if a is not None and b is not None:
                        assert a == b or abs(a - b) >= SMALLEST_CELL, (one, two, label, a, b)

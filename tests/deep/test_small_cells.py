"""Small-cell attack: from all that pages and files show a reader without membership, no small count follows.

Every number of the declared tables under the whole fixed grid of filters is a linear equation over
classes of records. For each true count of 1 to 10 the least and the greatest value that the equations
allow are sought (linear programming, rounded inwards): where both are the same, it has been recovered.
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
from scipy.optimize import linprog
from scipy.sparse import csr_array

from analytics.charts.responses import RATES
from analytics.queries import flow, overview, responses, survival, table_one
from analytics.queries.disclosure import SMALLEST_CELL
from analytics.queries.flow import CRITERIA, FIRST
from centers.access import acting, system_scope
from centers.models import Center, User
from centers.roles import Role
from tests.analytics.cohort_records import COHORT, eligible, ineligible, left_out
from tests.analytics.conftest import derive_all, person, signed_in
from tests.oracle import Record, Row

# Where a record left on its way into the eligible cohort, or how long it is followed there.
LEFT = {
    f"{step}:{value}": (step, value)
    for step in ("il2", "metastatic", "survival", "later")
    for value in ("no", "unknown")
}
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "disease": ("melanoma", "renal_cell", "other"),
    "sex": ("female", "male", "unknown"),
    "decade": ("to_1989", "1990_1999", "2000_2009", "from_2010", "untreated"),
    "status": (*LEFT, "eligible", "survived", "followed"),
    "response": ("CR", "PR", "SD", "PD", "NE", ""),
    "local": ("yes", "no"),
    "landmark": ("yes", "no"),
}
NAMES = tuple(DIMENSIONS)
ELIGIBLE = ("eligible", "survived", "followed")
# The two of which rates are told; other diseases are registered too.
INDEX = {"disease": DIMENSIONS["disease"][:2]}
TREATED = {**INDEX, "status": tuple(s for s in DIMENSIONS["status"] if not s.startswith("il2:"))}
COHORT_OF = {**INDEX, "status": ELIGIBLE}
SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "treated": TREATED,
    "eligible": COHORT_OF,
    "landmark": {**TREATED, "landmark": ("yes",)},
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
    "Treated with HD IL-2 (denominator)": TREATED,
    "Eligible": COHORT_OF,
    "Alive, followed 10 years or more": {**INDEX, "status": ("followed",)},
    "Survived 10 years or more": {**INDEX, "status": ("survived", "followed")},
}
NAMED = {"NE": ("NE", "")}
STEPS = dict(
    zip((name for name, _ in CRITERIA), ("il2", "metastatic", "survival", "later"), strict=True)
)
Condition = dict[str, tuple[str, ...]]
SQL = """
    select o.disease, case when p.sex in ('female', 'male') then p.sex else 'unknown' end,
        case when o.t0 is null then 'untreated' when o.t0 < '1990-01-01' then 'to_1989'
            when o.t0 < '2000-01-01' then '1990_1999'
            when o.t0 < '2010-01-01' then '2000_2009' else 'from_2010' end,
        case when o.received_hd_il2 <> 'yes' then 'il2:' || o.received_hd_il2
            when o.metastatic_disease <> 'yes' then 'metastatic:' || o.metastatic_disease
            when o.survival_5y <> 'yes' then 'survival:' || o.survival_5y
            when o.no_later_systemic_therapy <> 'yes' then 'later:' || o.no_later_systemic_therapy
            when o.alive_10y_followed then 'followed' when o.survived_10y then 'survived'
            else 'eligible' end,
        coalesce(o.best_response, ''),
        case when exists (select from patients_local_therapy l where l.patient_id = p.id)
            then 'yes' else 'no' end,
        case when o.pfs_days > 1826 then 'yes' else 'no' end, c.code
    from analytics_outcome o join patients_patient p on p.id = o.patient_id
    join centers_center c on c.id = o.center_id
    where o.variant = 'primary' and not p.retracted and p.consent is distinct from 'withdrawn'
"""
# Every combination that a record can be, as places in the dimensions.
CLASSES = np.array(list(product(*(range(len(values)) for values in DIMENSIONS.values()))))


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

    def distinct(self) -> tuple[list[tuple[Condition, int]], Any]:
        """The equations without repetition, and which of CLASSES each counts: a row an equation."""
        rows = list({repr(sorted(c.items())): (c, n) for c, n in self.rows}.values())
        return rows, np.array([classes(condition) for condition, _ in rows])


def counts(condition: Mapping[str, tuple[str, ...]], record: tuple[str, ...]) -> bool:
    return all(record[NAMES.index(name)] in values for name, values in condition.items())


def classes(condition: Condition) -> Any:
    """Which of CLASSES count: an array of truth values."""
    found = np.ones(len(CLASSES), dtype=bool)
    for name, values in condition.items():
        places = [DIMENSIONS[name].index(value) for value in values]
        found &= np.isin(CLASSES[:, NAMES.index(name)], places)
    return found


def make_records(dice: random.Random, scale: int) -> list[Record]:
    """The cohort so many times over, with other responses and local therapies; a few of other kinds."""
    records: list[Record] = []
    for disease, size, over_ten in COHORT:
        first = len(records)
        records += [eligible(first + i, disease, i < over_ten * scale) for i in range(size * scale)]
    records += [ineligible(len(records) + i, COHORT[i % 2][0]) for i in range(70 * scale)]
    # Three each: withdrawn, retracted, untreated, of another disease.
    records += [one for again in range(3) for one in left_out(len(records) + 4 * again)]
    for record in (
        one for one in records if len(one.rows) > 1 and one.rows[1].values.get("response")
    ):
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
        _flow(found, browser, query, condition)
        _responses(found, browser, query, condition)
    return found


def _kept(found: Equations, text: str, condition: Condition) -> None:
    for kept, total in re.findall(r"([\d,]+) of ([\d,]+) treated records", text):
        found.add(int(kept.replace(",", "")), TREATED, condition)
        found.add(int(total.replace(",", "")), TREATED)


def _overview(found: Equations, text: str, condition: Condition) -> None:
    for label, cells in table_rows(text):
        if label in OVERVIEW:
            for cell, column in zip(cells, columns(text), strict=True):
                if cell is not None:
                    found.add(cell, condition, OVERVIEW[label], column)


def _description(found: Equations, text: str, condition: Condition) -> None:
    by_column: list[Condition] = [{"disease": (code,)} for code in INDEX["disease"]] + [{}]
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
                found.add(cell, condition, COHORT_OF, column, {name: (value,)} if name else {})


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


def _flow(found: Equations, browser: Client, query: str, condition: Condition) -> None:
    """Boxes and ways out: a box holds whoever left later or never."""
    all_ways = DIMENSIONS["status"]
    for row in document(browser, "flow", query).get("steps", ()):
        if row["records"] is None:
            continue
        ways: tuple[str, ...] = all_ways
        if row["criterion"] != FIRST:
            step = STEPS[row["criterion"]]
            later = all_ways[all_ways.index(f"{step}:unknown") + 1 :]
            ways = later if row["value"] == "yes" else (f"{step}:{row['value']}",)
        found.add(row["records"], condition, {"status": ways})


def _responses(found: Equations, browser: Client, query: str, condition: Condition) -> None:
    codes = {"Melanoma": ("melanoma",), "Renal cell": ("renal_cell",), "All": INDEX["disease"]}
    shown = document(browser, "responses", query).get("rates", ())
    for row in shown:
        responses = tuple(
            code for name in RATES[row["response"]] for code in NAMED.get(name, (name,))
        )
        disease = {"disease": codes[row["disease"]]}
        found.add(row["records"], condition, TREATED, disease, {"response": responses})
        found.add(row["of"], condition, TREATED, disease)


def document(browser: Client, figure: str, query: str) -> Mapping[str, Any]:
    """A figure's file of everything; empty where it is withheld."""
    response = browser.get(f"/cohort/figures/{figure}.json?{query}")
    read: dict[str, Any] = json.loads(response.content) if response.status_code == 200 else {}
    return read


def secrets(records: list[tuple[str, ...]]) -> list[tuple[Condition, int]]:
    """Every cell of the declared tables, under every filter, that truly holds 1 to 10 records."""
    small: dict[str, tuple[Condition, int]] = {}
    for _, condition in grid():
        for inside in ({}, *SETS.values(), *OVERVIEW.values()):
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
    distinct, told = published.distinct()
    numbers = np.array([n for _, n in distinct], dtype=float)
    # Classes that no equation and not the aim tells apart are one unknown.
    kinds, kind_of = np.unique(told, axis=1, return_inverse=True)
    found = []
    for condition, true in hidden:
        aimed = np.unique(np.stack([kind_of.ravel(), classes(condition)]), axis=1)
        rows, aim = csr_array(kinds[:, aimed[0]].astype(float)), aimed[1].astype(float)
        low, high = (_bound(sign * aim, rows, numbers) * sign for sign in (1, -1))
        if np.ceil(low - 1e-6) == np.floor(high + 1e-6):
            found.append(f"{condition}: {true}")
            if len(found) == most:
                break
    return found


def _bound(aim: Any, rows: Any, numbers: Any) -> float:
    solved = linprog(aim, A_eq=rows, b_eq=numbers, bounds=(0, None), method="highs")
    assert solved.status in (0, 3), solved.message
    return float(solved.fun) if solved.status == 0 else -np.inf


def differences(published: Equations) -> list[str]:
    """Pairs of numbers, one within the other, that a few records tell apart."""
    distinct, told = published.distinct()
    kinds = np.unique(told, axis=1).astype(int)
    inside = kinds @ (1 - kinds).T == 0
    return [
        f"{distinct[b]} less {distinct[a]}"
        for a, b in np.argwhere(inside)
        if 1 <= distinct[b][1] - distinct[a][1] < SMALLEST_CELL
    ]


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
    "flow": lambda patch: patch.setattr(flow, "_releasable", lambda *_: True),
    "responses": lambda patch: patch.setattr(responses, "_large", lambda _: True),
}


@pytest.mark.requirement("I3")
@pytest.mark.parametrize(("seed", "scale"), [(1, 1), (2, 3)])
def test_no_small_count_follows_from_what_is_shown(
    database: None,
    superuser: psycopg.Connection,
    tell: Callable[[str], None],
    seed: int,
    scale: int,
) -> None:
    build(superuser, seed, scale)
    records, centers = truth(superuser)
    published = collect(signed_in(reader("investigator")), sorted(set(centers)))
    assert len(published.rows) > 60
    for condition, shown in published.rows:
        assert sum(counts(condition, record) for record in records) == shown, condition
    hidden = secrets(records)
    assert len(hidden) > 50
    tell(f"{len(published.rows)} published counts against {len(hidden)} small ones")
    assert recovered(published, hidden) == []
    assert differences(published) == []


@pytest.mark.requirement("I3")
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


@pytest.mark.requirement("I3")
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

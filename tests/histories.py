"""Generated histories for the property "SQL equals oracle": skewed to what is hard in rules.md.

Partial dates, ties, rows round T0, round its anniversaries and round the cutoff, deaths that other rows
contradict, gaps in assessments just above and below the limits, and every code there is, empty included.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from tests.oracle import ACTIVE_CLASSES, Record, Row

RESPONSES = ("CR", "PR", "SD", "PD", "NE", "NED")
BASES = ("imaging", "pathology", "clinical", "clinical", None)
INDICATIONS = (
    "residual_disease", "planned", "progressing_lesion", "new_lesion", "palliation", "diagnostic", "unknown", None,
)  # fmt: skip
CLASSES = (
    *sorted(ACTIVE_CLASSES),
    "supportive",
    "supportive",
    "chemotherapy",
    "vaccine",
    "hormone",
)
STATUSES = ("no_evidence_of_disease", "stable_disease", "progressive_disease", "unknown", None)
# Distances from T0 in days that decide something: gap limits, anniversaries, and the ordinary.
STEPS = (
    0,
    1,
    14,
    15,
    90,
    182,
    183,
    184,
    185,
    366,
    367,
    729,
    730,
    731,
    732,
    1825,
    1826,
    1827,
    2192,
    3652,
    3653,
)


class Histories:
    """Makes records from one source of randomness."""

    def __init__(self, random: Random, cutoff: date) -> None:
        self.random, self.cutoff = random, cutoff
        self.seen: list[date] = []

    def text(self, day: date) -> str:
        """The day, or only its month or year."""
        kind = self.random.choice(("day", "day", "day", "month", "year"))
        return {"day": f"{day}", "month": f"{day:%Y-%m}", "year": f"{day:%Y}"}[kind]

    def day(self, start: date) -> date:
        """A day that is likely to matter."""
        choose = self.random.random()
        if choose < 0.2 and self.seen:
            found = self.random.choice(self.seen)
        elif choose < 0.35:
            found = self.cutoff + timedelta(days=self.random.choice((-200, -20, -1, 0, 1, 14, 200)))
        elif choose < 0.75:
            found = start + timedelta(
                days=self.random.choice(STEPS) + self.random.choice((0, 0, 0, -1, 1))
            )
        else:
            found = start + timedelta(days=self.random.randint(-400, 4500))
        if self.random.random() < 0.1:
            found = self.snapped(found)
        self.seen.append(found)
        return found

    def snapped(self, day: date) -> date:
        """The points and edges of months and years, where partial dates tie with exact ones."""
        return self.random.choice(
            (
                day.replace(day=15),
                day.replace(month=7, day=1),
                day.replace(day=1),
                day.replace(day=calendar.monthrange(day.year, day.month)[1]),
                date(2004, 2, 29),
                date(2008, 2, 29),
            )
        )

    def one(self, options: Sequence[str | None]) -> str | None:
        """One of the codes."""
        return self.random.choice(options)

    def record(self) -> Record:
        """One history."""
        self.seen = []
        start = self.cutoff - timedelta(
            days=self.random.choice((30, 300, 1825, 1826, 1827, 2000, 3660, 5000))
        )
        if self.random.random() < 0.2:
            start = self.random.choice((date(2004, 2, 29), self.cutoff + timedelta(days=3)))
        rows = [row for make in (self.cycles, self.assessments, self.locals, self.systemics, self.contacts)
                for row in make(start)]  # fmt: skip
        self.random.shuffle(rows)
        return Record(
            center=f"C{self.random.randint(1, 3):02d}",
            record_id=f"R{self.random.getrandbits(48):015d}",
            disease=self.one(("melanoma", "renal_cell", "renal_cell", "other")),
            rows=rows,
            birth_date=self.maybe(start - timedelta(days=self.random.randint(6000, 33000)), 0.9),
            metastatic_diagnosis_date=self.maybe(self.day(start), 0.85),
            date_of_death=self.maybe(self.day(start), 0.35),
            consent=self.one(
                (
                    "signed",
                    "waived",
                    "unknown",
                    None,
                    "withdrawn" if self.random.random() < 0.3 else None,
                )
            ),
            retracted=self.random.random() < 0.02,
        )

    def maybe(self, day: date, chance: float) -> str | None:
        """A date text, or nothing."""
        return self.text(day) if self.random.random() < chance else None

    def few(self, most: int) -> range:
        """A small number of rows."""
        return range(self.random.randint(0, most))

    def cycles(self, start: date) -> list[Row]:
        """Courses with one or two cycles, some not given, some not recorded."""
        rows = []
        for course in range(1, self.random.randint(1, 4)):
            day = start + timedelta(days=(course - 1) * self.random.choice((0, 60, 400)))
            for cycle in ("1", "2")[: self.random.randint(1, 2)]:
                given = self.one(("14", "9", "1", "0", None))
                values = {"course_number": str(course), "cycle_number": cycle, "doses_given": given}
                rows.append(
                    self.row("cycle", day + timedelta(days=self.random.choice((0, 5, 9))), values)
                )
        return rows if self.random.random() < 0.95 else []

    def assessments(self, start: date) -> list[Row]:
        """Responses of every kind."""
        return [
            self.row(
                "assessment",
                self.day(start),
                {"response": self.one(RESPONSES), "basis": self.one(BASES)},
            )
            for _ in self.few(6)
        ]

    def locals(self, start: date) -> list[Row]:
        """Local therapies of every indication."""
        return [
            self.row(
                "local_therapy",
                self.day(start),
                {
                    "indication": self.one(INDICATIONS),
                    "rendered_ned": self.one(("yes", "no", "unknown", None)),
                },
            )
            for _ in self.few(2)
        ]

    def systemics(self, start: date) -> list[Row]:
        """Systemic therapies, some for another malignancy."""
        return [
            self.row(
                "systemic_therapy",
                self.day(start),
                {
                    "therapy_class": self.one(CLASSES),
                    "indication": self.one(
                        ("other_malignancy", "adjuvant", "progression", "unknown", None)
                    ),
                },
            )
            for _ in self.few(2)
        ]

    def contacts(self, start: date) -> list[Row]:
        """Follow-up contacts."""
        return [
            self.row(
                "follow_up",
                self.day(start),
                {
                    "vital_status": self.one(("alive", "alive", "dead", "unknown")),
                    "disease_status": self.one(STATUSES),
                    "systemic_therapy_since_il2": self.one(
                        ("none", "none", "none", "yes", "unknown", None)
                    ),
                },
            )
            for _ in self.few(4)
        ]

    def row(self, table: str, day: date, values: dict[str, str | None]) -> Row:
        """A row, now and then retracted."""
        return Row(table, 0, self.text(day), values, self.random.random() < 0.06)

"""The demo cohort as cells of the import bundle, the same on every machine and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from analytics.demo.dice import Dice
from analytics.demo.people import baseline, drop_empty
from analytics.demo.plan import STANDARD, TWO_DISEASES, Slot, partner_slot, slots
from analytics.demo.story import Cells, Story
from patients.rules.dictionary import PATIENTS

# Not the person's but the disease's own, at baseline.
_OF_THE_DISEASE: Final = frozenset(
    [f.name for f in PATIENTS.fields if f.disease]
    + ["record_id", "disease", "primary_diagnosis_date", "metastatic_diagnosis_date"]
    + ["histology", "primary_site", "metastatic_sites", "ldh_ratio"]
)


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """One record: its scenario, and the rows of every form by CSV column, empty cells left out."""

    center: str
    record_id: str
    scenario: str
    nth: int
    rows: dict[str, list[Cells]]

    @property
    def patient(self) -> Cells:
        """The patient's own row."""
        return self.rows["patients"][0]


def demo_records(total: int = STANDARD) -> Iterator[DemoRecord]:
    """The records in the order of entry, `total` of them; the standard cohort comes first.

    A record that names the same person's other one follows it. Raises ValueError for too few.
    """
    taken: Counter[str] = Counter()
    for number, slot in enumerate(slots(total), start=1):
        record = _tell(slot, taken, number)
        yield record
        if (slot.name, slot.nth) in TWO_DISEASES and number <= STANDARD:
            yield _second(record, partner_slot(slot), taken, number)


def _record_id(center: str, taken: Counter[str]) -> str:
    """S-0001 and so on: the site's own number, clearly synthetic."""
    taken[center] += 1
    return f"S-{taken[center]:04d}"


def _tell(slot: Slot, taken: Counter[str], number: int) -> DemoRecord:
    story = Story(Dice(*slot.seed), slot.center, slot.disease, slot.start, slot.nth)
    record_id = _record_id(slot.center, taken)
    baseline(story, record_id, number)
    slot.tell(story)
    return DemoRecord(slot.center, record_id, slot.name, slot.nth, _in_order(story.rows))


def _in_order(rows: dict[str, list[Cells]]) -> dict[str, list[Cells]]:
    """Rows of each form by date, as a chart would be read; courses and cycles stay by number."""
    for form, found in rows.items():
        dated = "start_date" if form in ("prior_therapies", "systemic_therapies") else "date"
        if form not in ("patients", "courses", "cycles"):
            found.sort(key=lambda row: row.get(dated, ""))
        for row in found:
            drop_empty(row)
    return rows


def _second(first: DemoRecord, slot: Slot, taken: Counter[str], number: int) -> DemoRecord:
    """The same person's record of the other disease: one treatment, one fate, two records.

    Of the survivors the second disease never spread, so it has no date of metastatic disease.
    """
    story = Story(Dice(*slot.seed), slot.center, slot.disease, slot.start, slot.nth)
    record_id = _record_id(slot.center, taken)
    baseline(story, record_id, number)
    patient = {
        **{name: text for name, text in story.rows["patients"][0].items() if name in _OF_THE_DISEASE},
        **{name: text for name, text in first.patient.items() if name not in _OF_THE_DISEASE},
        "same_person_as": first.record_id,
    }  # fmt: skip
    if "date_of_death" not in patient:
        patient["metastatic_diagnosis_date"] = "NA"
    rows = {form: [dict(row) for row in found] for form, found in first.rows.items()}
    rows["patients"] = [patient]
    return DemoRecord(slot.center, record_id, slot.name, slot.nth, rows)

"""Who is in the demo: scenarios and their numbers, and the center and start of every record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

from analytics.demo import others, unknowns
from analytics.demo.centers import DEMO_CENTERS
from analytics.demo.dice import Dice
from analytics.demo.eligible import survivors
from analytics.demo.eligible import tell as tell_survivor
from analytics.demo.story import Story
from patients.rules.dictionary import MELANOMA, RENAL_CELL

BOTH: Final = {MELANOMA: 54.0, RENAL_CELL: 46.0}
ELIGIBLE: Final = "eligible"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of record that does not count: how many, what it tells, started when.

    `eligible` and `because` (criterion: reason) are what the derivation must find at the demo's cutoff; both
    are empty for a record that is not derived at all.
    """

    name: str
    count: int
    tell: Callable[[Story], None]
    first: date
    last: date
    eligible: str = "no"
    because: str = "survival_5y: died_before_anniversary"
    diseases: Mapping[str, float] | None = None


_OLD: Final = (date(1988, 2, 1), date(2012, 3, 31))
_LATE: Final = (date(2012, 7, 10), date(2017, 1, 20))
_LATER: Final = "no_later_systemic_therapy: later_therapy"
_NEEDED: Final = "survival_5y: follow_up_needed"
_SURVIVAL_DAY: Final = "survival_5y: date_precision"

SCENARIOS: Final = (
    Scenario("early_death", 52, others.early_death, *_OLD),
    Scenario("early_death_systemic", 84, others.early_death_systemic, *_OLD),
    Scenario("treatment_death", 3, others.treatment_death, *_OLD),
    Scenario("death_without_progression", 7, others.death_without_progression, *_OLD),
    Scenario("death_after_gap", 7, others.death_after_gap, *_OLD),
    Scenario("retreated", 9, others.retreated, *_OLD),
    Scenario("implied_progression", 6, others.implied_progression, *_OLD),
    Scenario("clinical_progression", 5, others.clinical_progression, *_OLD),
    Scenario("unknown_local", 4, others.unknown_local, *_OLD),
    Scenario("start_straddled", 2, unknowns.start_straddled, date(1999, 3, 20), date(1999, 3, 26)),
    Scenario("late_systemic", 26, others.late_systemic, date(1988, 2, 1), date(2010, 12, 31), because=_LATER),
    Scenario("late_death", 2, others.late_death, date(1995, 1, 1), date(2004, 12, 31), because=_LATER),
    Scenario("adjuvant", 5, others.adjuvant, date(1996, 1, 1), date(2011, 12, 31), because=_LATER),
    Scenario("other_malignancy_active", 2, others.other_malignancy_active, date(1998, 1, 1), date(2004, 12, 31), because=_LATER),
    Scenario("attested_yes", 5, others.attested_yes, date(1992, 1, 1), date(2009, 12, 31), because="no_later_systemic_therapy: attested_yes"),
    Scenario("recent", 18, others.recent, *_LATE, because="survival_5y: too_early"),
    Scenario("recent_systemic", 24, others.recent_systemic, _LATE[0], date(2016, 10, 1), because=_LATER),
    Scenario("lost", 17, unknowns.lost, *_OLD, eligible="unknown", because=_NEEDED),
    Scenario("lost_unassessed", 5, unknowns.lost_unassessed, *_OLD, eligible="unknown", because=_NEEDED),
    Scenario("attestation_needed", 9, unknowns.attestation_needed, date(1990, 1, 1), date(2011, 6, 30), eligible="unknown", because="no_later_systemic_therapy: attestation_needed"),
    Scenario("attestation_rough", 2, unknowns.attestation_rough, date(2001, 3, 1), date(2005, 10, 31), eligible="unknown", because="no_later_systemic_therapy: date_precision"),
    Scenario("death_rough", 3, unknowns.death_rough, date(1994, 4, 1), date(1994, 9, 30), eligible="unknown", because=_SURVIVAL_DAY),
    Scenario("contact_rough", 2, unknowns.contact_rough, date(2003, 4, 1), date(2003, 9, 30), eligible="unknown", because=_SURVIVAL_DAY),
    Scenario("start_rough", 2, unknowns.start_rough, date(2012, 6, 1), date(2012, 6, 20), eligible="unknown", because=_SURVIVAL_DAY),
    Scenario("start_rough_death", 1, unknowns.start_rough, date(1996, 6, 1), date(1996, 6, 30), eligible="unknown", because=_SURVIVAL_DAY),
    Scenario("therapy_straddles", 3, unknowns.therapy_straddles, date(1998, 3, 5), date(1998, 10, 5), eligible="unknown", because="no_later_systemic_therapy: therapy_straddles_start"),
    Scenario("metastatic_unknown", 4, unknowns.metastatic_unknown, date(1994, 1, 1), date(2011, 6, 30), eligible="unknown", because="metastatic_disease: date_missing"),
    Scenario("metastatic_rough", 1, unknowns.metastatic_rough, date(2017, 4, 10), date(2017, 4, 20), because="survival_5y: too_early"),
    Scenario("other_disease", 6, unknowns.other_disease, date(1995, 1, 1), date(2011, 12, 31), because="metastatic_disease: other_disease", diseases={"other": 1.0}),
)  # fmt: skip
_NOT_TREATED: Final = "received_hd_il2: no_given_cycle"
# Registered and not treated, or withdrawn: beside the treated ones.
BESIDE: Final = (
    Scenario("registered_only", 3, unknowns.registered_only, date(2005, 1, 1), date(2015, 12, 31), because=_NOT_TREATED),
    Scenario("doses_withheld", 3, unknowns.doses_withheld, date(1999, 1, 1), date(2015, 12, 31), because=_NOT_TREATED),
    Scenario("treated_after_cutoff", 2, unknowns.treated_after_cutoff, date(2017, 8, 10), date(2017, 10, 30), because=_NOT_TREATED),
    Scenario("withdrawn", 4, unknowns.withdrawn, date(1996, 1, 1), date(2011, 6, 30), eligible="", because=""),
)  # fmt: skip
SURVIVORS: Final = 100
SECOND_DISEASE: Final = "second_disease"
# Whose record of the other disease is in the registry too: (scenario, number within it).
TWO_DISEASES: Final = ((ELIGIBLE, 4), (ELIGIBLE, 36), ("early_death", 3), ("early_death", 11))
STANDARD: Final = SURVIVORS + sum(s.count for s in (*SCENARIOS, *BESIDE)) + len(TWO_DISEASES)


@dataclass(frozen=True, slots=True)
class Slot:
    """One record to tell: a survivor or the nth of a scenario, at a center, with its dice."""

    name: str
    nth: int
    seed: tuple[int, ...]
    center: str
    disease: str
    start: date
    tell: Callable[[Story], None]


def slots(total: int = STANDARD) -> list[Slot]:
    """The records of the demo in the order of entry, without the second records of a person.

    `total` counts those too. Raises ValueError below the standard number.
    """
    if total < STANDARD:
        raise ValueError(f"The demo has at least {STANDARD} records.")
    standard = [*_survivor_slots(), *_scenario_slots()]
    return [*Dice(5).shuffled(standard), *_more(total - STANDARD)]


def _survivor_slots() -> list[Slot]:
    """Earliest start first, each to a center that gave HD IL-2 then and has room left."""
    dice = Dice(6)
    room = {center.code: center.survivors for center in DEMO_CENTERS}
    first_year = {center.code: center.first_year for center in DEMO_CENTERS}
    found = []
    for survivor in sorted(survivors(), key=lambda s: (s.start, s.number)):
        year = survivor.start.year
        free = {
            code: float(left) for code, left in room.items() if left and first_year[code] <= year
        }
        center = dice.weigh(free)
        room[center] -= 1
        slot = Slot(ELIGIBLE, survivor.number, (2, survivor.number), center, survivor.disease,
                    survivor.start, partial(tell_survivor, survivor=survivor))  # fmt: skip
        found.append(slot)
    return found


def _scenario_slots() -> Iterator[Slot]:
    for place, scenario in enumerate((*SCENARIOS, *BESIDE)):
        for nth in range(scenario.count):
            yield _slot(scenario, nth, (3, place, nth))


def _more(count: int) -> Iterator[Slot]:
    """Further records of the same mix for load tests; none of them is eligible."""
    dice = Dice(4)
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    weights = {scenario.name: float(scenario.count) for scenario in SCENARIOS}
    for number in range(count):
        scenario = by_name[dice.weigh(weights)]
        yield _slot(scenario, number, (7, number))


def _slot(scenario: Scenario, nth: int, seed: tuple[int, ...]) -> Slot:
    dice = Dice(*seed, 0)
    start = dice.day(scenario.first, scenario.last)
    sizes = {c.code: float(c.survivors) for c in DEMO_CENTERS if c.first_year <= start.year}
    center = dice.weigh(sizes)
    disease = dice.weigh(scenario.diseases or BOTH)
    return Slot(scenario.name, nth, seed, center, disease, start, scenario.tell)


def partner_slot(slot: Slot) -> Slot:
    """The slot of the same person's record of the other disease."""
    other = RENAL_CELL if slot.disease == MELANOMA else MELANOMA
    return replace(slot, name=SECOND_DISEASE, seed=(*slot.seed, 1), disease=other)

"""The 100 long-term survivors: at the cutoff they reproduce the figures that the paper reports.

Source: rules, section 8: 54 melanoma and 46 renal cell; PFS from 5+ to 30+ years; median follow-up
above 10 years; alive at 10 years or more 32 and 27. Everything else about them is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from analytics.demo import history
from analytics.demo.dice import Dice
from analytics.demo.story import CUTOFF, LOCKED, Story, years_after
from analytics.demo.treatment import treat
from patients.rules.dictionary import MELANOMA, RENAL_CELL

Course = Literal["long", "recent", "died", "lost"]

# Years of follow-up of those alive at ten years, (from, to): melanoma and renal cell.
LONG: Final = (
    ((30.1, 30.6), 1, 1),
    ((25.3, 29.5), 3, 3),
    ((20.3, 24.7), 6, 5),
    ((15.3, 19.7), 9, 8),
    ((10.4, 14.7), 13, 10),
)
# The others: treated less than ten years before the cutoff, died after 5 to 10 years, or lost.
RECENT: Final = (13, 11)
DIED: Final = (3, 3)
LOST: Final = (6, 5)
# Shortest PFS of all: five years reached by a few days, and not the end of it.
SHORTEST_START: Final = date(2012, 3, 8)
SHORTEST_END: Final = date(2017, 3, 20)


@dataclass(frozen=True, slots=True)
class Survivor:
    """One long-term survivor: `extras` name what else is in the history (see `tell`)."""

    number: int
    disease: str
    course: Course
    start: date
    end: date
    extras: tuple[str, ...]


def survivors() -> list[Survivor]:
    """All 100, in a fixed order."""
    found: list[Survivor] = []
    for place, disease in enumerate((MELANOMA, RENAL_CELL)):
        courses: list[tuple[Course, float, float]] = []
        for (low, high), *counts in LONG:
            courses += [("long", low, high)] * counts[place]
        courses += [("recent", 0, 0)] * RECENT[place]
        courses += [("died", 5.9, 9.2)] * DIED[place]
        courses += [("lost", 5.6, 9.1)] * LOST[place]
        for course, low, high in courses:
            found.append(_survivor(len(found), disease, course, low, high))
    return found


def _survivor(number: int, disease: str, course: Course, low: float, high: float) -> Survivor:
    dice = Dice(1, number)
    if course == "recent":
        start, end = _recent(dice, is_shortest=number == FIRST_RECENT)
    elif course == "long":
        end = dice.day(date(2016, 11, 1), date(2017, 6, 20))
        if low > 30:
            end = dice.day(date(2017, 4, 1), date(2017, 6, 20))
        start = years_after(end, -dice.real(low, high))
    else:
        start = dice.day(date(1990, 1, 1), date(2006, 6, 30))
        end = years_after(start, dice.real(low, high))
    return Survivor(number, disease, course, start, end, EXTRAS.get(number, ()))


FIRST_RECENT: Final = sum(melanoma for _, melanoma, _ in LONG)


def _recent(dice: Dice, *, is_shortest: bool) -> tuple[date, date]:
    if is_shortest:
        return SHORTEST_START, SHORTEST_END
    start = dice.day(date(2007, 8, 15), date(2011, 12, 15))
    return start, dice.day(date(2017, 3, 1), date(2017, 6, 20))


def _extras(chosen: Sequence[tuple[str, Sequence[int]]]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for extra, numbers in chosen:
        for number in numbers:
            found[number] = (*found.get(number, ()), extra)
    return found


# Melanoma are 0-53 (long 0-31, recent 32-44, died 45-47, lost 48-53), renal cell 54-99
# (long 54-80, recent 81-91, died 92-94, lost 95-99).
EXTRAS: Final = _extras(
    (
        ("progression", (12, 16, 65, 70)),
        ("implied_progression", (68,)),
        ("progression_then_death", (46, 93)),
        ("residual", (1, 5, 8, 14, 19, 25, 34, 38, 40, 56, 60, 67, 73, 83, 87)),
        ("nephrectomy", (57, 63, 75, 85)),
        ("palliation", (77,)),
        ("diagnostic", (21,)),
        ("unknown_indication", (23, 79)),
        ("retracted", (6, 35, 61)),
        ("supportive", (9, 76, 89)),
        ("other_malignancy", (11, 72)),
        ("unrecorded", (2, 10, 58, 64, 97)),
        ("month", (3, 17, 27, 36, 59, 74, 90)),
        ("year", (7, 66)),
        ("died_after_cutoff", (20,)),
        ("rough_contact", (13,)),
        ("unanswered", (15, 28, 62, 86)),
        ("phone_only", (18, 69)),
    )
)


def tell(story: Story, survivor: Survivor) -> None:
    """Write the survivor's history."""
    dice = story.dice
    extras = survivor.extras
    story.limit = survivor.end
    response = dice.weigh({"CR": 58, "PR": 27, "SD": 15})
    courses = dice.weigh({1: 30, 2: 42, 3: 20, 4: 8})
    courses = 1 if "year" in extras else courses
    precision = "year" if "year" in extras else "month" if "month" in extras else "day"
    stop = "complete_response" if response == "CR" else dice.pick(("planned_end", "toxicity"))
    treat(story, courses, stop=stop, precision=precision)
    if "unrecorded" in extras:
        story.rows["cycles"][-1]["doses_given"] = dice.pick(("NAVAIL", "UNK"))
    _follow(story, survivor, response)
    _add_therapies(story, extras)
    _finish(story, survivor, response)


def _follow(story: Story, survivor: Survivor, best: str) -> None:
    """Assessments and contacts up to the last one, which is known to the day."""
    dice, extras = story.dice, survivor.extras
    surgery = story.at(dice.real(0.8, 2.2)) if "residual" in extras else None
    progression = _progression(story, survivor)
    first_response = story.at(dice.real(0.3, 0.9))
    if surgery is not None:
        best = "SD" if best == "CR" else best
        history.local(story, surgery, "residual_disease", modality="metastasectomy", ned="yes")

    def response_on(day: date) -> str:
        if surgery is not None and day > surgery:
            return "NED"
        if progression is not None and day > progression:
            return "NED" if dice.chance(0.5) else "SD"
        return best if day >= first_response else dice.pick(("SD", "PR"))

    phone = survivor.end
    until = years_after(phone, -2.5) if "phone_only" in extras else phone - timedelta(days=20)
    history.follow(story, until, response_on)
    if "phone_only" in extras:
        history.contacts(story, years_after(until, 0.7), phone, "unknown", therapy="none")


def _progression(story: Story, survivor: Survivor) -> date | None:
    """A progression after more than six years, treated locally alone."""
    extras = survivor.extras
    if "progression_then_death" in extras:
        day = years_after(survivor.end, -0.6)
        history.assess(story, day, "PD", exact=True)
        history.contact(story, day + timedelta(days=20), "progressive_disease", exact=True)
        return day
    if "progression" in extras or "implied_progression" in extras:
        day = story.at(story.dice.real(6.5, 9.5))
        if "progression" in extras:
            history.assess(story, day, "PD")
        treated = day + timedelta(days=25)
        modality = story.dice.pick(("stereotactic", "metastasectomy", "radiofrequency"))
        history.local(story, treated, "new_lesion", modality=modality, ned="yes", exact=True)
        history.contact(story, treated + timedelta(days=30), "progressive_disease", exact=True)
        return treated + timedelta(days=60)
    return None


def _add_therapies(story: Story, extras: Sequence[str]) -> None:
    dice = story.dice
    later = story.at(dice.real(1.5, 4.5))
    indications = {
        "palliation": ("palliation", "external_beam"),
        "diagnostic": ("diagnostic", "lymphadenectomy"),
        "unknown_indication": (dice.pick(("unknown", "UNK", "")), "other"),
        "nephrectomy": ("planned", "nephrectomy"),
    }
    for extra, (indication, modality) in indications.items():
        if extra in extras:
            day = story.at(dice.real(0.3, 0.6)) if extra == "nephrectomy" else later
            history.local(story, day, indication, modality=modality)
    if "nephrectomy" in extras:
        story.rows["patients"][0]["nephrectomy"] = "none"
        story.rows["patients"][0].pop("nephrectomy_date", None)
    if "supportive" in extras:
        history.systemic(story, later, "supportive", indication="other")
    if "other_malignancy" in extras:
        therapy = "hormone" if dice.chance(0.5) else "chemotherapy"
        history.systemic(story, later, therapy, indication="other_malignancy")
    if "retracted" in extras:
        history.assess(story, story.at(dice.real(0.5, 3)), "PD", status="retracted")


def _finish(story: Story, survivor: Survivor, best: str) -> None:
    """The last contact before the cutoff, death, and what came after the cutoff."""
    dice, extras, end = story.dice, survivor.extras, survivor.end
    ned = "residual" in extras or best == "CR"
    status = "no_evidence_of_disease" if ned else "stable_disease"
    if survivor.course == "died":
        before = end - timedelta(days=dice.whole(30, 120))
        worse = "progression_then_death" in extras
        history.contact(story, before, "unknown" if worse else status, exact=True)
        cause = "index_disease" if worse else dice.pick(("other", "second_cancer"))
        history.die(story, end, cause, therapy="none")
        return
    if "phone_only" not in extras:
        second = "yes" if "other_malignancy" in extras else "no"
        history.contact(story, end, status, exact=True, second=second)
    if "unanswered" in extras and survivor.course != "lost":
        day = min(end + timedelta(days=5), CUTOFF)
        history.contact(story, day, "unknown", therapy="unknown", source="letter", exact=True)
    if "rough_contact" in extras:
        story.add("follow_ups", date="2017", source="registry_linkage", vital_status="alive")
    if "died_after_cutoff" in extras:
        history.die(story, date(2017, 9, 14), "other", therapy="none")
    elif survivor.course in ("long", "recent") and dice.chance(0.3):
        story.limit = LOCKED
        day = dice.day(CUTOFF + timedelta(days=5), date(2017, 12, 15))
        history.contact(story, day, status, exact=True)

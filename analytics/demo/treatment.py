"""HD IL-2 as it is given: courses of two one-week cycles, up to 14 doses a cycle.

Source: clinical background, section 3: 600,000 or 720,000 IU/kg every 8 hours; typically 8-12 doses
in a first cycle, fewer in the second; courses repeated every 8-12 weeks in stable or responding
patients; doses are withheld, not reduced.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from analytics.demo.story import Story
from patients.partial_dates import PartialDate

TEXT_LENGTH: Final = {"day": 10, "month": 7, "year": 4}
HOLD_REASONS: Final = {
    "hypotension": 30.0,
    "renal": 20.0,
    "neurotoxicity": 12.0,
    "arrhythmia": 8.0,
    "pulmonary": 8.0,
    "gastrointestinal": 6.0,
    "acidosis": 5.0,
    "thrombocytopenia": 5.0,
    "hepatic": 4.0,
    "infection": 4.0,
    "skin": 2.0,
    "ischemia": 2.0,
    "patient_choice": 4.0,
    "other": 2.0,
}


def treat(story: Story, courses: int, *, stop: str = "planned_end", precision: str = "day") -> date:
    """The first courses, from the story's start; answers the day of the last cycle."""
    length = TEXT_LENGTH[precision]
    story.t0_hi = PartialDate.parse(story.t0.isoformat()[:length]).hi
    start, last = story.t0, story.t0
    for number in range(1, courses + 1):
        intent = "initial" if number == 1 else "continuation"
        last = _course(story, start, intent, length if number == 1 else 10)
        start += timedelta(days=story.dice.whole(56, 91))
    _stop(story, stop)
    return last


def retreat(story: Story, day: date, *, stop: str = "progression") -> None:
    """A course after progression."""
    _course(story, day, "retreatment_after_progression", 10)
    _stop(story, stop)


def _stop(story: Story, stop: str) -> None:
    """Why no further course: asked of the last one, not applicable to those before."""
    for course in story.rows["courses"]:
        course["stop_reason"] = "NA"
    answer = story.missing(stop)
    if answer:
        story.rows["courses"][-1]["stop_reason"] = answer
    else:
        del story.rows["courses"][-1]["stop_reason"]


def _course(story: Story, start: date, intent: str, length: int) -> date:
    dice = story.dice
    number = str(len(story.rows["courses"]) + 1)
    story.add(
        "courses",
        course_number=number,
        intent=story.missing(intent, 0.02),
        dose_level="720000" if story.center in ("C01", "C04") else "600000",
        dose_unit_as_written=_unit(story, start),
        concurrent=_concurrent(story, start),
    )
    _cycle(story, number, "1", start, length)
    if dice.chance(0.07):  # toxicity or progression: no second week
        return start
    second = start + timedelta(days=dice.whole(7, 9))
    _cycle(story, number, "2", second, length)
    return second


def _unit(story: Story, start: date) -> str:
    if start.year < 1990:
        return story.dice.weigh({"cetus_unit": 6, "roche_unit": 1, "IU": 2})
    return story.optional(story.dice.weigh({"IU": 19, "mg": 1}), 0.8)


def _concurrent(story: Story, start: date) -> str:
    if start.year < 1993 and story.dice.chance(0.25):
        return story.dice.weigh({"lak": 3, "til": 1, "interferon": 1, "lak;interferon": 0.3})
    if start.year >= 2006 and story.dice.chance(0.03):
        return story.dice.pick(("vaccine", "bevacizumab", "other"))
    return story.optional("none")


def _cycle(story: Story, course: str, cycle: str, start: date, length: int) -> None:
    dice = story.dice
    doses = round(dice.middle(5, 14) if cycle == "1" else dice.middle(3, 13))
    held = HOLD_REASONS if doses < 14 else {"max_doses": 1.0}
    reasons = [dice.weigh(held)]
    if doses < 9 and dice.chance(0.5):
        reasons.append(dice.weigh(held))
    grade = dice.weigh({"2": 15, "3": 55, "4": 28, "1": 2})
    story.add(
        "cycles",
        course_number=course,
        cycle_number=cycle,
        start_date=start.isoformat()[:length],
        doses_planned=story.optional("14", 0.8),
        doses_given=str(doses),
        weight_kg=_weight(story),
        hold_reasons=story.optional(";".join(dict.fromkeys(reasons)), 0.8),
        worst_toxicity_grade=story.optional(grade, 0.8),
        toxicity_criteria=story.optional(toxicity_criteria(start), 0.7),
        icu=story.optional(dice.weigh({"no": 85, "yes": 13, "unknown": 2}), 0.8),
        vasopressors=story.optional(dice.weigh({"no": 60, "yes": 37, "unknown": 3}), 0.8),
    )


def _weight(story: Story) -> str:
    patient = story.rows["patients"][0] if story.rows["patients"] else {}
    weight = patient.get("weight_kg")
    if weight is None:
        return ""
    return story.optional(f"{float(weight) + story.dice.real(-2, 3):.1f}", 0.6)


def toxicity_criteria(day: date) -> str:
    """The grading in use that year."""
    if day.year < 1999:
        return "WHO"
    if day.year < 2004:
        return "NCI-CTC 2.0"
    return "CTCAE 3.0" if day.year < 2010 else "CTCAE 4.0"

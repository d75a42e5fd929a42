"""Treated records that do not count in the cohort: a scenario for every reason there is.

Each scenario names the reason it stands for; tests derive all of them and compare. Shares are
invented around what series of HD IL-2 report (clinical background, section 2): most patients
progress at the first assessments, then have other therapies of their time and die within years.
"""

from __future__ import annotations

from datetime import date, timedelta

from analytics.demo.history import (
    assess,
    contact,
    contacts,
    die,
    follow,
    later_systemic,
    local,
    systemic,
    therapies_of,
    visits,
)
from analytics.demo.story import CUTOFF, Story, years_after
from analytics.demo.treatment import retreat, treat


def _early_progression(story: Story, by: date, *, basis: str = "imaging") -> date:
    """Best response PD in most, a short SD or PR in the others; answers the day of progression.

    `by` lies at least 90 days after the start, so that there is a first visit.
    """
    dice = story.dice
    first, *later = visits(story, by)
    day = first
    if later and dice.chance(0.3):
        day = dice.pick(later)
        response = dice.weigh({"SD": 75, "PR": 22, "NE": 3})
        for seen in [first, *later]:
            if seen < day:
                assess(story, seen, response)
    assess(story, day, "PD", basis=basis, exact=True)
    _stop_treatment(story, day)
    if dice.chance(0.6):
        told = day + timedelta(days=dice.whole(3, 18))
        contact(story, told, "progressive_disease", exact=True)
    return day


def _stop_treatment(story: Story, day: date) -> None:
    """Leave out the cycles that were planned after the day, and courses left without one."""
    stop = story.rows["courses"][-1].get("stop_reason", "UNK")
    kept = [cycle for cycle in story.rows["cycles"] if cycle["start_date"] <= day.isoformat()]
    numbers = [cycle["course_number"] for cycle in kept]
    story.rows["cycles"] = kept
    story.rows["courses"] = [c for c in story.rows["courses"] if c["course_number"] in numbers]
    story.rows["courses"][-1]["stop_reason"] = stop


def _yearly(story: Story, first: date, last: date, *, therapy: str) -> None:
    """Contacts of a patient with progressive disease until a day before death or the end."""
    if last > first:
        contacts(story, first, last, "progressive_disease", therapy=therapy)


def early_death(story: Story) -> None:
    """Progression, no later systemic therapy, death before five years."""
    dice = story.dice
    death = story.at(0.32 + 3.9 * dice.real() ** 2)
    story.limit = death
    treat(story, dice.weigh({1: 75, 2: 22, 3: 3}), stop="progression")
    progressed = _early_progression(story, min(story.at(1.1), death - timedelta(days=20)))
    first = progressed + timedelta(days=200)
    _yearly(story, first, death - timedelta(days=30), therapy="none")
    die(story, death, "index_disease", therapy=dice.pick(("none", "unknown")))


def early_death_systemic(story: Story) -> None:
    """Progression, other therapies of the time, death before five years."""
    dice = story.dice
    death = story.at(0.9 + 3.7 * dice.real() ** 1.5)
    story.limit = death
    treat(story, dice.weigh({1: 76, 2: 24}), stop="progression")
    progressed = _early_progression(story, story.at(0.6))
    if dice.chance(0.25):
        local(story, progressed + timedelta(days=19), "palliation", modality="external_beam")
    later_systemic(story, progressed + timedelta(days=dice.whole(20, 60)), dice.whole(1, 2))
    first = progressed + timedelta(days=250)
    _yearly(story, first, death - timedelta(days=40), therapy="yes")
    die(story, death, "index_disease", therapy="yes")


def treatment_death(story: Story) -> None:
    """Death of toxicity within weeks, before any assessment."""
    story.limit = story.t0 + timedelta(days=story.dice.whole(6, 25))
    treat(story, 1, stop="toxicity")
    cycles = story.rows["cycles"]
    del cycles[1:]
    cycles[0]["worst_toxicity_grade"] = "5"
    die(story, story.limit, "il2_toxicity")


def death_without_progression(story: Story) -> None:
    """Stable or responding at the last assessment, then death of another cause."""
    dice = story.dice
    death = story.at(dice.real(0.9, 4.2))
    story.limit = death
    response = dice.pick(("SD", "PR", "CR"))
    treat(story, 2, stop="toxicity")
    follow(story, death - timedelta(days=60), lambda day: response)
    assess(story, death - timedelta(days=45), response, exact=True)
    die(story, death, dice.pick(("other", "second_cancer", "unknown")), therapy="none")


def death_after_gap(story: Story) -> None:
    """A last assessment, then nothing until a linkage tells of the death."""
    dice = story.dice
    seen = story.at(dice.real(0.5, 1.3))
    story.limit = seen
    treat(story, 2, stop=dice.pick(("patient_choice", "unknown")))
    follow(story, seen, lambda day: "SD")
    death = years_after(seen, dice.real(1.2, 2.6))
    story.limit = death
    die(story, death, "unknown")


def late_systemic(story: Story) -> None:
    """Progression, other therapies, and yet more than five years of life."""
    dice = story.dice
    death = story.at(dice.real(5.6, 14))
    alive = dice.chance(0.4) or death > CUTOFF - timedelta(days=30)
    story.limit = CUTOFF - timedelta(days=dice.whole(5, 200)) if alive else death
    treat(story, dice.weigh({1: 50, 2: 40, 3: 10}), stop="progression")
    progressed = _early_progression(story, story.at(2.5))
    if dice.chance(0.4):
        local(story, progressed + timedelta(days=30), "progressing_lesion")
    later_systemic(story, progressed + timedelta(days=dice.whole(40, 300)), dice.whole(1, 3))
    first = progressed + timedelta(days=400)
    _yearly(story, first, story.limit - timedelta(days=20), therapy="yes")
    if not alive:
        die(story, story.limit, "index_disease", therapy="yes")


def late_death(story: Story) -> None:
    """Lost from sight after another therapy; a linkage tells of the death after five years."""
    dice = story.dice
    death = story.at(dice.real(5.8, 8))
    story.limit = story.at(4.2)
    treat(story, 1, stop="progression")
    progressed = _early_progression(story, story.at(0.6))
    therapy = next(iter(therapies_of(story, progressed)))
    systemic(story, progressed + timedelta(days=30), therapy, until=story.at(1.5))
    _yearly(story, story.at(1.6), story.limit, therapy="yes")
    story.limit = death
    die(story, death, "unknown", therapy="unknown")


def adjuvant(story: Story) -> None:
    """Disease-free by surgery, then an adjuvant drug: no progression, but not HD IL-2 alone."""
    dice = story.dice
    end = CUTOFF - timedelta(days=dice.whole(10, 150))
    story.limit = end
    treat(story, 2)
    surgery = story.at(dice.real(0.6, 0.9))
    follow(story, surgery, lambda day: "PR")
    local(story, surgery, "residual_disease", modality="metastasectomy", ned="yes", exact=True)
    assess(story, surgery + timedelta(days=40), "NED", exact=True)
    therapy = "interferon" if surgery.year < 2012 else "checkpoint_inhibitor"
    if not story.is_melanoma:
        therapy = "vaccine" if surgery.year < 2006 else "targeted"
    started = surgery + timedelta(days=80)
    systemic(story, started, therapy, indication="adjuvant")
    contacts(story, story.at(1.8), end, "no_evidence_of_disease", therapy="yes")


def other_malignancy_active(story: Story) -> None:
    """A drug for another cancer that is active in the index disease too: it disqualifies."""
    end = CUTOFF - timedelta(days=story.dice.whole(10, 150))
    story.limit = end
    treat(story, 2, stop="complete_response")
    started = date(2016, 4, 11) if story.is_melanoma else date(2008, 9, 2)
    follow(story, started - timedelta(days=30), lambda day: "CR")
    therapy = "checkpoint_inhibitor" if story.is_melanoma else "targeted"
    systemic(story, started, therapy, indication="other_malignancy")
    contacts(story, years_after(started, 0.4), end, "no_evidence_of_disease", therapy="yes")


def attested_yes(story: Story) -> None:
    """A contact says that there was a systemic therapy; which one is not known."""
    dice = story.dice
    end = CUTOFF - timedelta(days=dice.whole(10, 300))
    story.limit = end
    treat(story, 2)
    asked = story.at(dice.real(3, 7))
    follow(story, asked, lambda day: "PR")
    contact(story, asked, "stable_disease", therapy="yes", source="record", exact=True)
    contacts(story, years_after(asked, 0.9), end, "stable_disease", therapy="yes")


def recent(story: Story) -> None:
    """Responding or stable, treated less than five years before the cutoff."""
    dice = story.dice
    response = dice.weigh({"CR": 40, "PR": 35, "SD": 25})
    treat(story, dice.weigh({1: 30, 2: 50, 3: 20}))
    if dice.chance(0.25) and story.at(1.2) < CUTOFF:
        local(story, story.at(0.9), "residual_disease", modality="metastasectomy", ned="yes")
    follow(story, CUTOFF - timedelta(days=5), lambda day: response)
    last = max(story.t0 + timedelta(days=30), CUTOFF - timedelta(days=dice.whole(5, 120)))
    contact(story, last, "stable_disease", exact=True)


def recent_systemic(story: Story) -> None:
    """Progressed and changed to another therapy, treated less than five years ago."""
    dice = story.dice
    treat(story, dice.weigh({1: 75, 2: 25}), stop="progression")
    progressed = _early_progression(story, min(story.at(0.8), CUTOFF - timedelta(days=120)))
    first = progressed + timedelta(days=150)
    died = dice.chance(0.25) and first < CUTOFF - timedelta(days=90)
    last = dice.day(first, CUTOFF) if died else CUTOFF - timedelta(days=dice.whole(5, 25))
    story.limit = last
    later_systemic(story, progressed + timedelta(days=dice.whole(20, 60)), dice.whole(1, 3))
    _yearly(story, first, last - timedelta(days=2), therapy="yes")
    if died:
        die(story, last, "index_disease", therapy="yes")


def retreated(story: Story) -> None:
    """HD IL-2 again after progression; then progression again and death."""
    dice = story.dice
    death = story.at(dice.real(2.6, 4.6))
    story.limit = death
    treat(story, 2, stop="planned_end")
    progressed = _early_progression(story, story.at(0.9))
    again = progressed + timedelta(days=dice.whole(20, 45))
    retreat(story, again)
    assess(story, again + timedelta(days=70), dice.pick(("SD", "PD", "PR")), exact=True)
    assess(story, again + timedelta(days=200), "PD", exact=True)
    therapy = "none"
    if dice.chance(0.4):
        later_systemic(story, again + timedelta(days=240))
        therapy = "yes"
    _yearly(story, again + timedelta(days=330), death - timedelta(days=30), therapy=therapy)
    die(story, death, "index_disease", therapy=therapy)


def implied_progression(story: Story) -> None:
    """A new lesion is treated locally, and nobody wrote down the progression."""
    dice = story.dice
    death = story.at(dice.real(2.2, 4.5))
    story.limit = death
    treat(story, 2)
    lesion = story.at(dice.real(0.7, 1.2))
    follow(story, lesion - timedelta(days=20), lambda day: "SD")
    indication = ("new_lesion", "progressing_lesion")[story.nth % 2]
    local(story, lesion, indication, modality="stereotactic", exact=True)
    last = death - timedelta(days=30)
    _yearly(story, lesion + timedelta(days=200), last, therapy="none")
    die(story, death, "index_disease", therapy="none")


def clinical_progression(story: Story) -> None:
    """Progression seen by the eye alone: an event, but not for the FDA's reading."""
    death = story.at(story.dice.real(1.2, 3))
    story.limit = death
    treat(story, 1, stop="progression")
    progressed = _early_progression(story, story.at(0.8), basis="clinical")
    _yearly(story, progressed + timedelta(days=200), death - timedelta(days=30), therapy="none")
    die(story, death, "index_disease", therapy="none")


def unknown_local(story: Story) -> None:
    """A local therapy whose indication nobody knows."""
    dice = story.dice
    death = story.at(dice.real(2, 4.4))
    story.limit = death
    treat(story, 2)
    therapy = story.at(dice.real(0.5, 0.8))
    follow(story, therapy, lambda day: "SD")
    local(story, therapy + timedelta(days=12), ("unknown", "NAVAIL", "")[story.nth % 3])
    progressed = therapy + timedelta(days=150)
    assess(story, progressed, "PD", exact=True)
    _yearly(story, progressed + timedelta(days=150), death - timedelta(days=30), therapy="none")
    die(story, death, "index_disease", therapy="none")

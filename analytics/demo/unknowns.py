"""Records whose eligibility is unknown, that never were treated, or that must not be counted at all."""

from __future__ import annotations

from datetime import date, timedelta

from analytics.demo.history import assess, contact, contacts, die, follow, systemic
from analytics.demo.story import CUTOFF, Story, years_after
from analytics.demo.treatment import treat

NOT_ASKED = ("unknown", "NASK", "NAVAIL", "")


def lost(story: Story) -> None:
    """Lost to follow-up before five years."""
    dice = story.dice
    end = story.at(dice.real(0.5, 3.9))
    story.limit = end
    response = dice.weigh({"CR": 30, "PR": 35, "SD": 35})
    treat(story, dice.weigh({1: 50, 2: 50}), stop=dice.pick(("patient_choice", "unknown")))
    follow(story, end, lambda day: response)
    contact(story, end, "stable_disease", exact=True)


def lost_unassessed(story: Story) -> None:
    """Known to have lived on for a while; nobody saw an image that could be evaluated."""
    dice = story.dice
    end = story.at(dice.real(0.6, 3))
    story.limit = end
    treat(story, 1, stop="unknown")
    if story.nth % 2 == 0:
        assess(story, story.at(0.2), "NE")
    contacts(story, story.at(0.4), end, "unknown", therapy=NOT_ASKED[story.nth % 4])


def _survive(story: Story, *, therapy: str, response: str = "CR") -> date:
    """A long-term survivor up to the cutoff, with one answer at every contact."""
    end = CUTOFF - timedelta(days=story.dice.whole(5, 200))
    story.limit = end
    treat(story, story.dice.weigh({1: 40, 2: 60}), stop="complete_response")
    follow(story, end - timedelta(days=20), lambda day: response, therapy=therapy)
    contact(story, end, "no_evidence_of_disease", therapy=therapy, exact=True)
    return end


def attestation_needed(story: Story) -> None:
    """Alive after five years, and nobody asked about later systemic therapy."""
    _survive(story, therapy=NOT_ASKED[story.nth % 4], response=story.dice.pick(("CR", "PR")))


def attestation_rough(story: Story) -> None:
    """The only answer `none` is known to the year of the fifth anniversary."""
    _survive(story, therapy="unknown")
    year = str(story.at(5).year)
    story.add("follow_ups", date=year, source="record", vital_status="alive",
              disease_status="no_evidence_of_disease", systemic_therapy_since_il2="none")  # fmt: skip


def death_rough(story: Story) -> None:
    """Died in the year of the fifth anniversary; the day is not known."""
    end = date(story.at(5).year, 1, 1) - timedelta(days=story.dice.whole(20, 90))
    story.limit = end
    treat(story, 2)
    follow(story, end - timedelta(days=10), lambda day: "PR")
    contact(story, end, "stable_disease", exact=True)
    patient = story.rows["patients"][0]
    patient["date_of_death"] = str(story.at(5).year)
    patient["cause_of_death"] = "unknown"


def contact_rough(story: Story) -> None:
    """The last contact is known to the year of the fifth anniversary."""
    end = date(story.at(5).year, 1, 1) - timedelta(days=story.dice.whole(20, 90))
    story.limit = end
    treat(story, 2)
    follow(story, end, lambda day: "SD")
    story.add("follow_ups", date=str(story.at(5).year), source="letter", vital_status="alive",
              disease_status="stable_disease", systemic_therapy_since_il2="none")  # fmt: skip


def start_rough(story: Story) -> None:
    """The start is known to the year only, and the fifth anniversary depends on the day."""
    died = story.t0.year < 2000
    end = date(story.t0.year + 5, 5, 10) if died else date(2017, 4, 19)
    if not died and story.nth % 2:
        end = date(2016, 11, 8)
    story.limit = end
    treat(story, 1, precision="year")
    follow(story, end - timedelta(days=60), lambda day: "PR")
    contact(story, end - timedelta(days=30 if died else 0), "stable_disease", exact=True)
    if died:
        die(story, end, "other", therapy="none")
        story.rows["patients"][0]["date_of_death"] = end.isoformat()


def start_straddled(story: Story) -> None:
    """A PD of the month of the start, perhaps before it; another one soon after, and death."""
    death = story.at(story.dice.real(1.1, 2.4))
    story.limit = death
    treat(story, 1, stop="progression")
    story.add("assessments", date=story.t0.isoformat()[:7], response="PD", basis="imaging")
    assess(story, story.at(0.25), "PD", exact=True)
    last = death - timedelta(days=40)
    contacts(story, story.at(0.7), last, "progressive_disease", therapy="none")
    die(story, death, "index_disease", therapy="none")


def therapy_straddles(story: Story) -> None:
    """A systemic therapy of the year or month of the start: before or after, nobody knows."""
    _survive(story, therapy="unknown")
    length = 7 if story.nth % 3 == 0 and story.t0.day < 28 else 4
    therapy = "interferon" if not story.is_melanoma else "chemotherapy"
    text = story.t0.isoformat()[:length]
    systemic(story, story.t0, therapy, indication="UNK", text=text)


def metastatic_unknown(story: Story) -> None:
    """A survivor without the date of metastatic disease."""
    _survive(story, therapy="none")
    patient = story.rows["patients"][0]
    patient["metastatic_diagnosis_date"] = ("UNK", "NAVAIL", "NASK")[story.nth % 3]


def metastatic_rough(story: Story) -> None:
    """Metastatic in the year of the cutoff, perhaps after it."""
    treat(story, 1)
    story.rows["patients"][0]["metastatic_diagnosis_date"] = "2017"
    contact(story, CUTOFF - timedelta(days=3), "unknown", exact=True)


def other_disease(story: Story) -> None:
    """HD IL-2 for another cancer."""
    if story.nth % 2:
        _survive(story, therapy="none", response="PR")
        return
    death = story.at(story.dice.real(0.8, 3))
    story.limit = death
    treat(story, 1, stop="progression")
    assess(story, story.at(0.2), "PD", exact=True)
    last = death - timedelta(days=20)
    contacts(story, story.at(0.5), last, "progressive_disease", therapy="none")
    die(story, death, "index_disease", therapy="none")


def registered_only(story: Story) -> None:
    """Registered and seen, never treated with HD IL-2."""
    story.t0_hi = story.t0
    assess(story, story.at(0.1), "SD")
    contact(story, story.at(0.3), "stable_disease", exact=True)


def doses_withheld(story: Story) -> None:
    """Admitted for HD IL-2, and no dose was given."""
    treat(story, 1, stop="toxicity")
    del story.rows["cycles"][1:]
    story.rows["cycles"][0] |= {"doses_given": "0", "hold_reasons": "ischemia"}
    contact(story, story.at(0.2), "unknown", exact=True)


def treated_after_cutoff(story: Story) -> None:
    """Metastatic and treated between the cutoff and the day the data were locked."""
    treat(story, 1)
    story.rows["patients"][0]["metastatic_diagnosis_date"] = years_after(
        story.t0, -0.08
    ).isoformat()


def withdrawn(story: Story) -> None:
    """A survivor who withdrew the consent: kept, and counted nowhere."""
    _survive(story, therapy="none")
    story.rows["patients"][0]["consent"] = "withdrawn"

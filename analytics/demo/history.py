"""What happens after HD IL-2: assessments, contacts, therapies, death.

Assessments follow the usual calendar: 8-11 weeks after the start, then every 3 months for two years, every
6 months to year five, yearly later (clinical background, section 4.3, row 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from analytics.demo.story import CUTOFF, Story
from patients.partial_dates import PartialDate

MELANOMA_THERAPIES: Final = (
    (1998, {"chemotherapy": 8.0, "interferon": 3.0, "other_cytokine": 1.0, "hormone": 0.6}),
    (2011, {"chemotherapy": 6.0, "interferon": 2.0, "vaccine": 1.5, "investigational": 1.0, "cell_therapy": 0.8}),
    (9999, {"checkpoint_inhibitor": 7.0, "braf_mek": 3.0, "investigational": 0.7, "chemotherapy": 0.6}),
)  # fmt: skip
RENAL_THERAPIES: Final = (
    (2005, {"interferon": 4.0, "chemotherapy": 3.0, "low_dose_il2": 2.0, "hormone": 1.5, "vaccine": 0.7, "other_anticancer": 0.7}),
    (2015, {"targeted": 8.0, "mtor": 3.0, "investigational": 0.7}),
    (9999, {"targeted": 5.0, "checkpoint_inhibitor": 4.0, "mtor": 1.0}),
)  # fmt: skip
AGENTS: Final = {
    "chemotherapy": ("dacarbazine", "carboplatin and paclitaxel"),
    "interferon": ("interferon alfa-2b",),
    "low_dose_il2": ("subcutaneous interleukin-2",),
    "other_cytokine": ("sargramostim",),
    "checkpoint_inhibitor": ("ipilimumab", "pembrolizumab", "nivolumab"),
    "targeted": ("sunitinib", "pazopanib", "axitinib"),
    "mtor": ("temsirolimus", "everolimus"),
    "braf_mek": ("vemurafenib", "dabrafenib and trametinib"),
    "vaccine": ("peptide vaccine",),
    "cell_therapy": ("tumor-infiltrating lymphocytes",),
    "hormone": ("medroxyprogesterone",),
    "investigational": ("study drug",),
    "other_anticancer": ("thalidomide",),
    "supportive": ("zoledronic acid",),
}


def visits(story: Story, until: date) -> Iterator[date]:
    """Days of assessments after the start and up to that day."""
    dice = story.dice
    day = story.t0 + timedelta(days=dice.whole(56, 77))
    while day <= until:
        yield day
        age = (day - story.t0).days
        if age < 650:
            day += timedelta(days=dice.whole(80, 98))
        elif age < 1700:
            day += timedelta(days=dice.whole(165, 190))
        else:
            day += timedelta(days=dice.whole(340, 372))


def assess(
    story: Story,
    day: date,
    response: str,
    *,
    basis: str = "imaging",
    status: str = "",
    exact: bool = False,
) -> None:
    """One assessment."""
    dice = story.dice
    modality = "exam" if basis == "clinical" else _modality(story, day)
    story.add(
        "assessments",
        date=story.when(day, exact=exact),
        response=response,
        basis=story.missing(basis, 0.03) if basis == "imaging" else basis,
        criteria="clinical" if basis == "clinical" else story.optional(criteria(day), 0.8),
        modality=story.optional(modality, 0.85),
        new_lesion=story.optional(
            dice.weigh({"yes": 3, "no": 2}) if response == "PD" else "no", 0.6
        ),
        status=status,
    )


def criteria(day: date) -> str:
    """Response criteria in use that year."""
    if day.year < 2000:
        return "WHO"
    return "RECIST10" if day.year < 2009 else "RECIST11"


def _modality(story: Story, day: date) -> str:
    if day.year < 1990:
        return story.dice.weigh({"xray": 1, "ct;xray": 2, "ct": 2})
    if day.year < 2000:
        return story.dice.weigh({"ct": 6, "ct;bone_scan": 1, "ct;mri": 1})
    return story.dice.weigh({"ct": 6, "ct;mri": 2, "ct;pet": 1, "ct;exam": 1})


def contact(
    story: Story,
    day: date,
    disease: str,
    *,
    therapy: str = "none",
    alive: str = "alive",
    source: str = "",
    exact: bool = False,
    second: str = "no",
) -> None:
    """One contact; `therapy` answers whether any systemic therapy was given since HD IL-2."""
    dice = story.dice
    story.add(
        "follow_ups",
        date=story.when(day, exact=exact),
        source=source or dice.weigh({"visit": 70, "phone": 15, "letter": 5, "record": 10}),
        vital_status=alive,
        disease_status=disease,
        systemic_therapy_since_il2=therapy,
        second_malignancy=story.optional(second, 0.6),
    )


DISEASE_STATUS: Final = {
    "CR": "no_evidence_of_disease",
    "NED": "no_evidence_of_disease",
    "PR": "stable_disease",
    "SD": "stable_disease",
    "PD": "progressive_disease",
    "NE": "unknown",
}


def follow(
    story: Story,
    until: date,
    response_on: Callable[[date], str],
    *,
    therapy: str = "none",
    contacts_until: date | None = None,
) -> None:
    """Visits up to a day: an assessment at each, after five years at every second only."""
    due = story.at(0.9)
    for number, day in enumerate(visits(story, until)):
        response = response_on(day)
        if day < story.at(6) or number % 2 or response == "PD":
            assess(story, day, response)
        if day >= due and day <= (contacts_until or until):
            contact(story, day, DISEASE_STATUS[response], therapy=therapy)
            due = day + timedelta(days=300)


def contacts(
    story: Story, first: date, last: date, disease: str, *, therapy: str, step: int = 330
) -> None:
    """Contacts about every year, without imaging; the last day itself is one, known to the day."""
    day = first
    while day < last - timedelta(days=100):
        contact(story, day, disease, therapy=therapy)
        day += timedelta(days=story.dice.whole(step - 30, step + 30))
    contact(story, last, disease, therapy=therapy, exact=True)


def die(story: Story, day: date, cause: str, *, therapy: str = "unknown") -> None:
    """Death, and often the contact that told of it."""
    dice = story.dice
    patient = story.rows["patients"][0]
    story.died = day
    month = PartialDate.parse(day.isoformat()[:7])
    rough = dice.chance(0.1) and month.lo > story.t0_hi and month.hi <= CUTOFF
    patient["date_of_death"] = month.text if rough else day.isoformat()
    patient["cause_of_death"] = cause
    told = day + timedelta(days=dice.whole(0, 90))
    if dice.chance(0.6) and told.year <= 2017:
        source = dice.weigh({"record": 4, "phone": 2, "registry_linkage": 4})
        contact(story, told, "unknown", alive="dead", source=source, therapy=therapy, exact=True)


def therapies_of(story: Story, day: date) -> Mapping[str, float]:
    """Classes of later systemic therapy in use for the disease that year."""
    eras = MELANOMA_THERAPIES if story.is_melanoma else RENAL_THERAPIES
    return next(classes for end, classes in eras if day.year < end)


def systemic(
    story: Story,
    day: date,
    therapy: str,
    *,
    indication: str = "progression",
    until: date | None = None,
    text: str = "",
) -> None:
    """One systemic therapy; its end, when known, lies before the history's limit."""
    dice = story.dice
    length = dice.whole(30, 300)
    end = min(day + timedelta(days=length), until or story.limit)
    story.add(
        "systemic_therapies",
        start_date=text or story.when(day),
        end_date=story.optional(story.when(end), 0.6) if end > day and not text else "",
        therapy_class=therapy,
        agent=story.missing(dice.pick(AGENTS[therapy]), 0.1),
        indication=indication,
    )


def later_systemic(story: Story, day: date, lines: int = 1) -> None:
    """Systemic therapies of the time, one after the other."""
    for _ in range(lines):
        if day >= story.limit - timedelta(days=20):
            return
        systemic(story, day, story.dice.weigh(therapies_of(story, day)))
        day += timedelta(days=story.dice.whole(120, 420))


def local(
    story: Story,
    day: date,
    indication: str,
    *,
    modality: str = "",
    ned: str = "no",
    exact: bool = False,
) -> None:
    """One local therapy."""
    dice = story.dice
    modality = modality or dice.weigh(
        {
            "metastasectomy": 40,
            "external_beam": 15,
            "stereotactic": 20,
            "lymphadenectomy": 8,
            "radiofrequency": 5,
            "cryoablation": 4,
            "microwave": 2,
            "embolization": 3,
            "limb_perfusion": 1,
            "intralesional": 2,
            "other": 1,
        }
    )
    surgery = modality in ("metastasectomy", "lymphadenectomy", "nephrectomy")
    beam = {"external_beam": ("30", "10"), "stereotactic": ("20", "1")}.get(modality, ("", ""))
    story.add(
        "local_therapies",
        date=story.when(day, exact=exact),
        modality=modality,
        site=story.missing(_site(story, modality)),
        indication=indication,
        rendered_ned=ned,
        margin=story.optional("R0" if ned == "yes" else "R1", 0.7) if surgery else "",
        viable_tumor=story.optional(dice.weigh({"yes": 7, "no": 3}), 0.7) if surgery else "",
        dose_gy=beam[0],
        fractions=beam[1],
    )


def _site(story: Story, modality: str) -> str:
    if modality == "nephrectomy":
        return "primary"
    if modality == "lymphadenectomy":
        return "lymph_node"
    if modality == "stereotactic":
        return story.dice.weigh({"brain": 6, "lung": 3, "bone": 1})
    return story.dice.weigh({"lung": 6, "skin": 3, "liver": 2, "adrenal": 2, "bone": 2, "other": 1})

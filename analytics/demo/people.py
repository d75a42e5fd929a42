"""Who the synthetic patients are: identity, disease at baseline, therapies before HD IL-2.

Ages, sex, sites, stages and laboratory values are invented within what clinics see (clinical
background, sections 2 to 5); the paper's own tables are not known. Record ids, medical record
numbers and initials say that they are synthetic.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from analytics.demo.dice import Dice
from analytics.demo.story import Cells, Story, years_after
from patients.rules.dictionary import MELANOMA, RENAL_CELL

MELANOMA_HISTOLOGY: Final = {
    "8720/3": 40.0,
    "8743/3": 26.0,
    "8721/3": 20.0,
    "8744/3": 5.0,
    "8742/3": 3.0,
    "8730/3": 3.0,
    "8745/3": 1.5,
    "8746/3": 1.5,
}
RENAL_HISTOLOGY: Final = {
    "8310/3": 74.0,
    "8312/3": 16.0,
    "8260/3": 6.0,
    "8317/3": 2.0,
    "8318/3": 2.0,
}
OTHER_HISTOLOGY: Final = {"8247/3": 3.0, "8120/3": 2.0, "9050/3": 1.0}
MELANOMA_SITE: Final = {
    "cutaneous": 74.0,
    "unknown_primary": 12.0,
    "mucosal": 4.0,
    "acral": 5.0,
    "uveal": 5.0,
}
RENAL_SITE: Final = {"kidney_left": 49.0, "kidney_right": 48.0, "kidney_bilateral": 3.0}
# Share of patients with metastases at the site when HD IL-2 starts.
MELANOMA_SPREAD: Final = {
    "lung": 0.48,
    "lymph_node": 0.45,
    "liver": 0.22,
    "bone": 0.10,
    "brain": 0.05,
    "skin": 0.38,
    "adrenal": 0.07,
    "other": 0.12,
}
RENAL_SPREAD: Final = {
    "lung": 0.74,
    "lymph_node": 0.38,
    "liver": 0.16,
    "bone": 0.20,
    "brain": 0.02,
    "skin": 0.02,
    "adrenal": 0.14,
    "local": 0.10,
    "other": 0.10,
}
PROSPECTIVE_FROM: Final = date(2011, 8, 9)


def baseline(story: Story, record_id: str, number: int) -> None:
    """The patient's own row, and the therapies before the first HD IL-2."""
    dice = story.dice
    born = _birth(story)
    metastatic = story.t0 - timedelta(days=round(dice.real(18, 75) + 280 * dice.real() ** 3))
    primary = _primary(story, born, metastatic)
    patient = story.add("patients", record_id=record_id, disease=story.disease)
    patient |= _identity(story, born, number)
    patient |= _consent(story)
    patient |= {
        "primary_diagnosis_date": story.missing(story.before(primary, 0.25)),
        "metastatic_diagnosis_date": story.before(metastatic, 0.15),
        "ecog": story.missing(dice.weigh({"0": 62, "1": 35, "2": 3}), 0.06),
        "weight_kg": story.optional(f"{dice.middle(50, 115):.1f}", 0.9),
    }
    if story.is_melanoma:
        patient |= _melanoma(story)
    elif story.disease == RENAL_CELL:
        patient |= _renal(story, primary)
    else:
        patient |= {"histology": dice.weigh(OTHER_HISTOLOGY), "metastatic_sites": "lymph_node"}
    _prior(story, primary, metastatic)
    drop_empty(patient)


def drop_empty(row: Cells) -> None:
    """An empty cell is no cell."""
    for name in [name for name, text in row.items() if not text]:
        del row[name]


def _birth(story: Story) -> date:
    low, high = (20, 80) if story.is_melanoma else (30, 82)
    age = story.dice.middle(low, high)
    return years_after(story.t0, -age)


def _primary(story: Story, born: date, metastatic: date) -> date:
    dice = story.dice
    at_once = dice.chance(0.12 if story.is_melanoma else 0.42)
    years = dice.real(0, 0.2) if at_once else dice.real(0.4, 3) + 9 * dice.real() ** 3
    return max(years_after(metastatic, -years), years_after(born, 14))


def _identity(story: Story, born: date, number: int) -> Cells:
    dice = story.dice
    males = 0.63 if story.is_melanoma else 0.70
    sex = dice.weigh({"male": males, "female": 1 - males, "unknown": 0.004})
    rough = dice.real()
    letters = "ABCDEFGHIJKLMNOPRSTW"
    return {
        "birth_date": born.isoformat()[: 4 if rough < 0.03 else 7 if rough < 0.06 else 10],
        "sex": sex,
        "race": story.optional(
            dice.weigh({"white": 90, "black": 3, "asian": 3, "other": 2, "unknown": 2}), 0.85
        ),
        "ethnicity": story.optional(
            dice.weigh({"not_hispanic": 88, "hispanic": 6, "unknown": 6}), 0.7
        ),
        "mrn": story.optional(f"SYNTHETIC-{story.center}-{number:05d}", 0.9),
        "initials": "X" + dice.pick(letters) + dice.pick(letters),
    }


def _consent(story: Story) -> Cells:
    dice = story.dice
    if story.t0 >= PROSPECTIVE_FROM and dice.chance(0.6):
        signed = story.t0 - timedelta(days=dice.whole(1, 20))
        return {"cohort": "prospective", "consent": "signed", "consent_date": signed.isoformat()}
    consent = dice.weigh({"waived": 70, "signed": 24, "unknown": 4})
    dated = ""
    if consent == "signed":
        dated = story.optional(dice.day(date(2015, 1, 1), date(2016, 12, 31)).isoformat())
    return {
        "cohort": "retrospective",
        "consent": story.missing(consent, 0.02),
        "consent_date": dated,
    }


def spread(dice: Dice, shares: dict[str, float]) -> list[str]:
    """Metastatic sites, at least one."""
    sites = [site for site, share in shares.items() if dice.chance(share)]
    return sites or [dice.pick(("lung", "lymph_node"))]


def m_stage(sites: list[str], ldh_high: bool, edition: str) -> str:
    """M category of the AJCC edition; before the sixth only M1 was written."""
    if not edition:
        return "M1"
    if ldh_high or {"liver", "bone", "brain", "adrenal", "other"}.intersection(sites):
        return "M1c"
    return "M1b" if "lung" in sites else "M1a"


def ajcc_edition(day: date) -> str:
    """The edition in use that year, as far as the dictionary has it."""
    if day.year < 2002:
        return ""
    return "6" if day.year < 2010 else "7"


def _melanoma(story: Story) -> Cells:
    dice = story.dice
    sites = spread(dice, MELANOMA_SPREAD)
    ldh = round(dice.real(0.5, 1.1) + 2.5 * dice.real() ** 6, 2)
    edition = ajcc_edition(story.t0)
    site = dice.weigh(MELANOMA_SITE)
    breslow = f"{dice.real(0.4, 3) + 6 * dice.real() ** 3:.1f}"
    cells = {
        "histology": story.missing(dice.weigh(MELANOMA_HISTOLOGY)),
        "primary_site": story.optional(site, 0.9),
        "metastatic_sites": story.missing(";".join(sites)),
        "ldh_ratio": story.optional(f"{ldh:.2f}", 0.7),
        "m_stage": story.missing(m_stage(sites, ldh > 1, edition)),
        "ajcc_edition": edition,
        "breslow_mm": story.optional(breslow, 0.7) if site in ("cutaneous", "acral") else "",
    }
    return cells | _mutations(story)


def _mutations(story: Story) -> Cells:
    dice = story.dice
    if story.t0.year < 2009:
        return {"braf": story.optional(dice.weigh({"not_tested": 9, "unknown": 1}), 0.5)}
    braf = dice.weigh({"V600E": 32, "V600K": 6, "other": 3, "wild_type": 42, "not_tested": 17})
    nras = dice.weigh({"wild_type": 50, "other": 15, "not_tested": 35})
    return {"braf": braf, "nras": story.optional(nras, 0.6)}


def _renal(story: Story, primary: date) -> Cells:
    dice = story.dice
    histology = dice.weigh(RENAL_HISTOLOGY)
    nephrectomy = dice.weigh({"radical": 86, "partial": 4, "none": 9, "unknown": 1})
    operated = primary + timedelta(days=dice.whole(0, 60))
    dated = nephrectomy in ("radical", "partial") and operated < story.t0
    clear = "yes" if histology == "8310/3" else dice.weigh({"no": 2, "unknown": 1})
    return {
        "histology": story.missing(histology),
        "primary_site": story.optional(dice.weigh(RENAL_SITE), 0.9),
        "metastatic_sites": story.missing(";".join(spread(dice, RENAL_SPREAD))),
        "ldh_ratio": story.optional(f"{dice.real(0.5, 1.2) + 1.5 * dice.real() ** 6:.2f}", 0.5),
        "clear_cell": story.missing(clear),
        "sarcomatoid": story.optional(dice.weigh({"no": 85, "yes": 5, "unknown": 10}), 0.6),
        "nuclear_grade": story.optional(dice.weigh({"1": 5, "2": 40, "3": 40, "4": 15}), 0.6),
        "nephrectomy": story.missing(nephrectomy, 0.02),
        "nephrectomy_date": story.optional(story.before(operated), 0.85) if dated else "",
        **{
            f"imdc_{name}": story.optional(_yes_no(dice, share), 0.8)
            for name, share in (
                ("anemia", 0.38),
                ("hypercalcemia", 0.06),
                ("neutrophilia", 0.08),
                ("thrombocytosis", 0.14),
            )
        },
    }


def _yes_no(dice: Dice, share: float) -> str:
    return dice.weigh({"yes": share, "no": 0.95 - share, "unknown": 0.05})


def _prior(story: Story, primary: date, metastatic: date) -> None:
    """Surgery of the primary, and now and then a therapy before HD IL-2."""
    dice = story.dice
    if story.disease == MELANOMA and dice.chance(0.75):
        _therapy(story, primary + timedelta(days=dice.whole(3, 40)), 0, "surgery", "", "")
    if story.disease == MELANOMA and primary.year >= 1996 and dice.chance(0.25):
        day = primary + timedelta(days=dice.whole(60, 120))
        _therapy(story, day, 300, "interferon", "interferon alfa-2b", "adjuvant")
    if dice.chance(0.08):
        day = metastatic + timedelta(days=dice.whole(2, 12))
        _therapy(story, day, 10, "radiotherapy", "", "metastatic")
    if dice.chance(0.09):
        agents = {"chemotherapy": "dacarbazine", "vaccine": "peptide vaccine"}
        if not story.is_melanoma:
            agents = {"targeted": "sunitinib"} if story.t0.year > 2006 else {"interferon": ""}
        therapy = dice.pick(list(agents))
        day = metastatic + timedelta(days=dice.whole(1, 10))
        _therapy(story, day, 30, therapy, agents[therapy], "metastatic")


def _therapy(
    story: Story, start: date, length: int, therapy: str, agent: str, setting: str
) -> None:
    if start >= story.t0 - timedelta(days=1):
        return
    end = min(start + timedelta(days=length), story.t0 - timedelta(days=1))
    story.add(
        "prior_therapies",
        start_date=story.optional(story.before(start, 0.3), 0.95),
        end_date=story.optional(story.before(end, 0.2), 0.7) if length else "",
        therapy_class=therapy,
        agent=agent,
        setting=setting,
    )

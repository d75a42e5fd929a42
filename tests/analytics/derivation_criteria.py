"""Cases of rules.md, sections 6 and 7: see tests/derivation_cases.py for the notation."""

from __future__ import annotations

from datetime import date

from tests.derivation_cases import Table, contact, cycle, drug, local, scan

table = Table()
add = table.add

# --- 6. Eligibility ---------------------------------------------------------------------------------
FREE = (contact("2005-01-10", attested="none"), scan("2005-01-10", "CR"))
add(
    "eligible on the fifth anniversary",
    cycle(),
    *FREE,
    survival_5y="yes",
    no_later_systemic_therapy="yes",
    eligible="yes",
    progression_free_5y="yes",
    long_term_pfs="yes",
)
add(
    "a day before it is not enough",
    cycle(),
    contact("2005-01-09", attested="none"),
    survival_5y="unknown",
    no_later_systemic_therapy="unknown",
    eligible="unknown",
    long_term_pfs="no",
)
add("melanoma", cycle(), *FREE, disease="melanoma", metastatic_disease="yes", eligible="yes")
add("another disease", cycle(), *FREE, disease="other", metastatic_disease="no", eligible="no")
add(
    "another disease without a date",
    cycle(),
    *FREE,
    disease="other",
    meta=None,
    metastatic_disease="no",
)
add(
    "metastatic date missing",
    cycle(),
    *FREE,
    meta=None,
    metastatic_disease="unknown",
    eligible="unknown",
    long_term_pfs="no",
)
add("metastatic date after the cutoff", cycle(), *FREE, meta="2018", metastatic_disease="unknown")
add("survival by death's lo", cycle(), death="2005-01-10", survival_5y="yes")
add("death a day before", cycle(), death="2005-01-09", survival_5y="no", eligible="no")
add("death in the month of the anniversary", cycle(), death="2005-01", survival_5y="unknown")
add("too early", cycle("2015-01-01"), at="2017-06-30", survival_5y="no", progression_free_5y="no")
add(
    "not too early at the anniversary",
    cycle("2012-06-30"),
    survival_5y="unknown",
    progression_free_5y="unknown",
)
add("survival against T0.hi", cycle("2000"), contact("2005-12-30"), survival_5y="unknown")
add("survival at T0.hi's anniversary", cycle("2000"), contact("2005-12-31"), survival_5y="yes")
add("later therapy certain", cycle("2000"), drug("2001-01-01"), no_later_systemic_therapy="no")
add(
    "later therapy straddles T0",
    cycle("2000"),
    drug("2000-09-01"),
    contact("2010-01-01", attested="none"),
    no_later_systemic_therapy="unknown",
    primary={"pfs_censor_reason": "new_systemic_therapy"},
)
add(
    "therapy at or before T0.lo is nothing",
    cycle(),
    drug("2000-01-10"),
    contact("2010-01-01", attested="none"),
    no_later_systemic_therapy="yes",
)
add(
    "attestation yes",
    cycle(),
    contact("2001-01-01", attested="yes"),
    contact("2010-01-01", attested="none"),
    no_later_systemic_therapy="no",
)
add(
    "attestation yes on T0's day is nothing",
    cycle(),
    contact("2000-01-10", attested="yes"),
    contact("2010-01-01", attested="none"),
    no_later_systemic_therapy="yes",
)
add(
    "a later unknown does not undo it",
    cycle(),
    contact("2006-01-01", attested="none"),
    contact("2010-01-01", attested="unknown"),
    no_later_systemic_therapy="yes",
)
add(
    "the vital status of the contact does not matter",
    cycle(),
    contact("2006-01-01", "dead", attested="none"),
    no_later_systemic_therapy="yes",
)
add(
    "no before straddle",
    cycle("2000"),
    drug("2000-09-01"),
    drug("2003-01-01"),
    no_later_systemic_therapy="no",
)
add(
    "therapy after the cutoff is not seen",
    cycle(),
    drug("2018-01-01"),
    contact("2006-01-01", attested="none"),
    no_later_systemic_therapy="yes",
)
add(
    "progression-free: event after the day",
    cycle(),
    scan("2004-12-01", "SD"),
    scan("2005-01-10", "PD"),
    progression_free_5y="yes",
)
add("progression-free: event before", cycle(), scan("2005-01-09", "PD"), progression_free_5y="no")
add(
    "progression-free: event in the month",
    cycle(),
    scan("2004-12-01", "SD"),
    scan("2005-01", "PD"),
    progression_free_5y="unknown",
)
add(
    "progression-free is primary's in every variant",
    cycle(),
    scan("2000-06-01", "PD", "clinical"),
    *FREE,
    progression_free_5y="no",
    fda={"pfs_event": 0, "pfs_end": date(2005, 1, 10)},
    eligible="yes",
    long_term_pfs="no",
)
add("no beats unknown", cycle(), meta=None, death="2001-01-01", eligible="no")

# --- 7. Also derived --------------------------------------------------------------------------------
add(
    "best response up to progression, that day included",
    cycle(),
    scan("2000-03-01", "SD"),
    scan("2000-06-01", "PD"),
    scan("2000-06-01", "PR"),
    scan("2000-07-01", "CR"),
    best_response="PR",
)
add(
    "best response up to NACT",
    cycle(),
    scan("2000-03-01", "SD"),
    drug("2000-04-01"),
    scan("2000-05-01", "CR"),
    best_response="SD",
)
add(
    "best response up to implied progression",
    cycle(),
    local("2000-04-01", "new_lesion"),
    scan("2000-05-01", "CR"),
    best_response=None,
)
add("PD over NE", cycle(), scan("2000-03-01", "NE"), scan("2000-04-01", "PD"), best_response="PD")
add("only NE", cycle(), scan("2000-03-01", "NE"), best_response="NE")
add("only NED is empty", cycle(), scan("2000-03-01", "NED"), best_response=None)
add("a response on T0's day does not count", cycle(), scan("2000-01-10", "CR"), best_response=None)
add(
    "surgical NED",
    cycle(),
    scan("2000-03-01", "SD"),
    local("2000-04-01", "residual_disease", "yes"),
    best_response="SD",
    surgical_ned="yes",
)
add(
    "surgical NED not before T0",
    cycle(),
    local("2000-01-10", "residual_disease", "yes"),
    surgical_ned="no",
)
add(
    "courses and doses of cycles in",
    cycle(),
    cycle("2000-01-24", None),
    cycle("2000-06-01", "5", 2),
    cycle("2018-01-01", "7", 3),
    courses=2,
    doses=14,
    flags={"doses_not_recorded"},
)
add("age by anniversaries", cycle("2001-02-28"), birth="1952-02-29", age_at_t0=49)
add("age a day before", cycle("2001-02-27"), birth="1952-02-29", age_at_t0=48)
add("age of an unknown birth", cycle(), age_at_t0=None)
for years, band in (
    (5, "5-<10"),
    (10, "10-<15"),
    (15, "15-<20"),
    (20, "20-<25"),
    (25, "25-<30"),
    (30, "30+"),
):
    add(
        f"band of {years} years",
        cycle("1985-01-10"),
        scan(f"{1985 + years}-01-10", "CR"),
        pfs_band=band,
    )
    add(
        f"band a day before {years}",
        cycle("1985-01-10"),
        scan(f"{1985 + years}-01-09", "CR"),
        pfs_band=None if years == 5 else f"{years - 5}-<{years}",
    )
add(
    "alive ten years, two readings",
    cycle(),
    contact("2010-01-10"),
    alive_10y_followed=True,
    survived_10y=True,
)
add(
    "died after ten years",
    cycle(),
    contact("2010-01-10"),
    death="2011-01-01",
    alive_10y_followed=False,
    survived_10y=True,
)
add(
    "died at ten years to the day",
    cycle(),
    death="2010-01-10",
    alive_10y_followed=False,
    survived_10y=True,
)
add("nine years", cycle(), contact("2010-01-09"), alive_10y_followed=False, survived_10y=False)

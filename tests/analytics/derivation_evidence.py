"""Cases of rules.md, section 3: see tests/derivation_cases.py for the notation."""

from __future__ import annotations

from datetime import date

from tests.derivation_cases import Table, contact, cycle, drug, local, scan

table = Table()
add = table.add

# --- 3. Evidence ------------------------------------------------------------------------------------
add(
    "a PD on the day of T0 is not counted",
    cycle("2000-01"),
    scan("2000-01-15", "PD"),
    scan("2000-06-01", "SD"),
    pfs_event=0,
    pfs_end=date(2000, 6, 1),
    flags=set(),
)
add(
    "a PD that straddles T0 is flagged",
    cycle("2000-01-20"),
    scan("2000-01", "PD"),
    flags={"progression_straddles_start"},
    pfs_event=0,
)
add(
    "a retracted PD does not count",
    cycle(),
    scan("2000-06-01", "PD", retracted=True),
    scan("2000-07-01", "SD"),
    pfs_event=0,
)
add(
    "basis empty is imaging",
    cycle(),
    scan("2000-06-01", "PD", None),
    pfs_event=1,
    pfs_event_type="progression",
)
add(
    "clinical PD",
    cycle(),
    scan("2000-06-01", "PD", "clinical"),
    scan("2000-09-01", "SD"),
    primary={"pfs_event": 1},
    ema={"pfs_event": 1},
    worst_case={"pfs_event": 1},
    fda={"pfs_event": 0, "pfs_end": date(2000, 9, 1), "pfs_censor_reason": "end_of_follow_up"},
)
add("pathology PD is an event in fda", cycle(), scan("2000-06-01", "PD", "pathology"), pfs_event=1)
for lesion in ("progressing_lesion", "new_lesion"):
    add(
        f"implied progression: {lesion}",
        cycle(),
        scan("2000-05-01", "SD"),
        local("2000-06-01", lesion),
        pfs_event=1,
        pfs_event_type="implied_progression",
        pfs_end=date(2000, 6, 1),
        flags={"progression_implied_by_local_therapy"},
    )
add(
    "a PD on the day of the therapy suppresses it",
    cycle(),
    scan("2000-06-01", "PD"),
    local("2000-06-01", "new_lesion"),
    pfs_event_type="progression",
    flags=set(),
)
add(
    "in fda a clinical PD does not suppress",
    cycle(),
    scan("2000-05-01", "PD", "clinical"),
    local("2000-06-01", "new_lesion"),
    primary={"pfs_event_type": "progression", "pfs_end": date(2000, 5, 1)},
    fda={"pfs_event_type": "implied_progression", "pfs_end": date(2000, 6, 1)},
    flags=set(),
)
add(
    "the earliest implied progression counts",
    cycle(),
    scan("2000-05-01", "SD"),
    local("2000-08-01", "new_lesion"),
    local("2000-06-01", "progressing_lesion"),
    pfs_end=date(2000, 6, 1),
)
add(
    "implied flag though it did not end PFS",
    cycle(),
    scan("2000-02-01", "SD"),
    drug("2000-03-01"),
    local("2000-06-01", "new_lesion"),
    primary={"pfs_censor_reason": "new_systemic_therapy"},
    flags={"progression_implied_by_local_therapy"},
)
add(
    "no implied progression on T0's day",
    cycle(),
    local("2000-01-10", "new_lesion"),
    pfs_event=0,
    flags=set(),
)
for response in ("CR", "PR", "SD", "NED"):
    add(
        f"{response} is an adequate negative",
        cycle(),
        scan("2000-06-01", response),
        pfs_end=date(2000, 6, 1),
        pfs_event=0,
    )
add(
    "NE is no adequate negative",
    cycle(),
    scan("2000-06-01", "NE"),
    pfs_end=date(2000, 1, 10),
    pfs_censor_reason="no_assessment",
    pfs_days_max=0,
)
for status in ("no_evidence_of_disease", "stable_disease"):
    add(
        f"contact {status} is negative but in fda",
        cycle(),
        contact("2000-06-01", "dead", status),
        pfs_end=date(2000, 6, 1),
        fda={"pfs_end": date(2000, 1, 10), "pfs_censor_reason": "no_assessment"},
    )
add(
    "contact progressive_disease is nothing",
    cycle(),
    contact("2000-06-01", disease="progressive_disease"),
    pfs_event=0,
    pfs_censor_reason="no_assessment",
)
add(
    "a negative on T0's day counts",
    cycle(),
    scan("2000-01-10", "SD"),
    pfs_censor_reason="end_of_follow_up",
    pfs_days=0,
)
add(
    "a negative before T0 does not",
    cycle(),
    scan("2000-01-09", "SD"),
    pfs_censor_reason="no_assessment",
)
add(
    "a negative after an ignored PD counts",
    cycle(),
    scan("2000-03-01", "PD", "clinical"),
    scan("2000-06-01", "CR"),
    fda={"pfs_end": date(2000, 6, 1)},
)
for therapy, indication, cuts in (
    ("supportive", "progression", False), ("supportive", None, False), ("chemotherapy", "other_malignancy", False),
    ("hormone", "other_malignancy", False), ("cell_therapy", "other_malignancy", False), ("vaccine", "other_malignancy", False),
    ("investigational", "other_malignancy", False), ("other_anticancer", "other_malignancy", False),
    ("chemotherapy", "adjuvant", True), ("vaccine", None, True), ("hormone", "other", True), ("cell_therapy", "unknown", True),
    ("checkpoint_inhibitor", "other_malignancy", True), ("interferon", "other_malignancy", True),
    ("low_dose_il2", "other_malignancy", True), ("other_cytokine", "other_malignancy", True),
    ("targeted", "other_malignancy", True), ("mtor", "other_malignancy", True), ("braf_mek", "other_malignancy", True),
):  # fmt: skip
    add(
        f"{therapy} for {indication} {'dis' if cuts else 'does not dis'}qualif{'ies' if cuts else 'y'}",
        cycle(),
        scan("2000-05-01", "SD"),
        drug("2000-06-01", therapy, indication),
        primary={"pfs_censor_reason": "new_systemic_therapy" if cuts else "end_of_follow_up"},
        no_later_systemic_therapy="no" if cuts else "unknown",
    )

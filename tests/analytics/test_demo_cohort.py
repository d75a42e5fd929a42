"""The demo's generator, without a database: its figures, its reasons, its plausibility."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from functools import cache
from statistics import median

import pytest

from analytics.demo.centers import DEMO_CENTERS
from analytics.demo.dice import Dice
from analytics.demo.plan import BESIDE, ELIGIBLE, SCENARIOS, SECOND_DISEASE, STANDARD, slots
from analytics.demo.records import DemoRecord, demo_records
from analytics.demo.story import CUTOFF, LOCKED
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import reverse_kaplan_meier
from analytics.stats.summaries import quantile
from patients.rules.checks import check_record
from patients.rules.dictionary import PATIENTS, RECORD_FORMS, SYSTEMIC_CLASSES
from patients.rules.values import Missing
from tests import oracle, oracle_outcome
from tests.analytics.demo_oracle import checked_record, oracle_record
from tests.oracle_outcome import Outcome

DAYS_A_YEAR = 365.25
REVIEWED = "95e36691baede152e91b783153847e76cd8c7c2b256a8eb8431fe992b93234c1"


@cache
def records() -> tuple[DemoRecord, ...]:
    return tuple(demo_records())


@cache
def outcomes(variant: str = "primary", cutoff: date = CUTOFF) -> dict[int, Outcome]:
    """By place in `records()`; those that are left out have none."""
    found = {
        place: oracle_outcome.derive(oracle_record(record, place), cutoff, variant)
        for place, record in enumerate(records())
    }
    return {place: outcome for place, outcome in found.items() if outcome is not None}


def eligible() -> list[Outcome]:
    return [o for o in outcomes().values() if o.columns["eligible"] == "yes"]


def by_disease(found: Iterable[Outcome]) -> Counter[object]:
    return Counter(outcome.columns["disease"] for outcome in found)


def test_eligible_are_54_melanoma_and_46_renal_cell() -> None:
    assert by_disease(eligible()) == {"melanoma": 54, "renal_cell": 46}


@pytest.mark.parametrize("reading", ["alive_10y_followed", "survived_10y"])
def test_alive_at_ten_years_are_32_and_27_in_both_readings(reading: str) -> None:
    alive = [outcome for outcome in eligible() if outcome.columns[reading]]
    assert by_disease(alive) == {"melanoma": 32, "renal_cell": 27}


def displayed(outcome: Outcome) -> str:
    years = oracle.completed_years(outcome.columns["t0"], outcome.columns["pfs_end"])  # type: ignore[arg-type]
    return f"{years}{'' if outcome.columns['pfs_event'] else '+'}"


def test_progression_free_survival_goes_from_5_plus_to_30_plus() -> None:
    found = sorted(eligible(), key=lambda o: o.columns["pfs_days"])  # type: ignore[arg-type, return-value]
    assert displayed(found[0]) == "5+"
    assert displayed(found[-1]) == "30+"
    assert found[0].columns["pfs_days"] < found[1].columns["pfs_days"]  # type: ignore[operator]
    assert {o.columns["long_term_pfs"] for o in found} == {"yes"}


def test_median_follow_up_is_above_ten_years_in_both_readings() -> None:
    times = [(o.columns["os_days"], o.columns["os_event"]) for o in eligible()]
    assert median(days for days, _ in times) > 10 * DAYS_A_YEAR  # type: ignore[type-var]
    reverse = quantile(reverse_kaplan_meier(DayCounts.from_subjects(times)))  # type: ignore[arg-type]
    assert reverse.day is not None
    assert reverse.day > 10 * DAYS_A_YEAR


def test_eligible_are_spread_over_all_centers_as_planned() -> None:
    found = Counter(record.center for record in records() if record.scenario == ELIGIBLE)
    assert found == {center.code: center.survivors for center in DEMO_CENTERS}
    assert sum(found.values()) == 100


def test_treated_records_are_420_and_no_more() -> None:
    treated = [o for o in outcomes().values() if o.columns["received_hd_il2"] == "yes"]
    assert len(treated) == 420


def reason(outcome: Outcome, criterion: str) -> str:
    return outcome.criteria[criterion].reason


@pytest.mark.parametrize("scenario", SCENARIOS + BESIDE, ids=lambda s: s.name)
def test_every_record_is_derived_as_its_scenario_says(scenario: object) -> None:
    places = [place for place, r in enumerate(records()) if r.scenario == scenario.name]  # type: ignore[attr-defined]
    assert len(places) == scenario.count  # type: ignore[attr-defined]
    for place in places:
        outcome = outcomes().get(place)
        if not scenario.eligible:  # type: ignore[attr-defined]
            assert outcome is None
            continue
        assert outcome is not None
        criterion, because = scenario.because.split(": ")  # type: ignore[attr-defined]
        found = (outcome.columns["eligible"], reason(outcome, criterion))
        assert found == (scenario.eligible, because), (records()[place].record_id, outcome)  # type: ignore[attr-defined]


def test_survivors_are_the_eligible_records_and_nobody_else() -> None:
    found = {place for place, o in outcomes().items() if o.columns["eligible"] == "yes"}
    assert found == {p for p, record in enumerate(records()) if record.scenario == ELIGIBLE}


REASONS = {
    "metastatic_disease": "metastatic_date other_disease date_missing date_precision date_after_cutoff",
    "received_hd_il2": "given_cycle no_given_cycle",
    "survival_5y": "alive_at_anniversary died_after_anniversary died_before_anniversary too_early"
    " follow_up_needed date_precision not_treated",
    "no_later_systemic_therapy": "attested_none later_therapy attested_yes therapy_straddles_start"
    " attestation_needed date_precision too_early not_treated",
    "progression_free_5y": "progression_free event_after_anniversary event_before_anniversary too_early"
    " date_precision assessment_needed cut_by_therapy not_treated",
}


@pytest.mark.parametrize("criterion", sorted(REASONS))
def test_every_reason_of_a_criterion_occurs(criterion: str) -> None:
    found = {reason(outcome, criterion) for outcome in outcomes().values()}
    assert found == set(REASONS[criterion].split())


VALUES = {
    ("primary", "pfs_event_type"): {"progression", "death", "implied_progression", None},
    ("fda", "pfs_event_type"): {"progression", "death", "implied_progression", None},
    ("ema", "pfs_event_type"): {"progression", "death", "implied_progression", None},
    ("worst_case", "pfs_event_type"): {
        *("progression", "death", "implied_progression"), "new_therapy", "local_therapy", None,
    },
    ("primary", "pfs_censor_reason"): {
        "end_of_follow_up", "new_systemic_therapy", "no_assessment", None,
    },
    ("fda", "pfs_censor_reason"): {
        "end_of_follow_up", "new_systemic_therapy", "local_therapy", "gap_before_event",
        "no_assessment", None,
    },
    ("primary", "best_response"): {"CR", "PR", "SD", "PD", "NE", None},
    ("primary", "surgical_ned"): {"yes", "no", None},
    ("primary", "t0_precision"): {"day", "month", "year", None},
    ("primary", "pfs_band"): {
        "5-<10", "10-<15", "15-<20", "20-<25", "25-<30", "30+", None,
    },
    ("primary", "eligible"): {"yes", "no", "unknown"},
}  # fmt: skip


@pytest.mark.parametrize(("variant", "column"), sorted(VALUES))
def test_every_value_of_an_outcome_occurs(variant: str, column: str) -> None:
    found = {outcome.columns.get(column) for outcome in outcomes(variant).values()}
    assert found == VALUES[variant, column]


def test_every_flag_that_can_occur_at_the_cutoff_does() -> None:
    # Not `alive_after_death` (a hard edit check refuses it), nor `date_straddles_cutoff`: at a cutoff on
    # 30 June every date whose point is in ends by it. That one occurs at other cutoffs.
    found = {flag for outcome in outcomes().values() for flag in outcome.flags}
    assert found == {
        "doses_not_recorded",
        "gap_before_event",
        "local_therapy_indication_unknown",
        "progression_implied_by_local_therapy",
        "progression_straddles_start",
    }
    autumn = outcomes("primary", date(2010, 9, 20))
    assert any("date_straddles_cutoff" in outcome.flags for outcome in autumn.values())


def test_eligible_have_events_and_cuts_that_only_some_variants_see() -> None:
    places = [place for place, r in enumerate(records()) if r.scenario == ELIGIBLE]
    events = {
        v: sum(int(outcomes(v)[p].columns["pfs_event"]) for p in places) for v in oracle.VARIANTS
    }  # type: ignore[call-overload]
    assert 8 <= events["primary"] <= 15
    assert events["worst_case"] > events["primary"]
    cut = [p for p in places if outcomes("fda")[p].columns["pfs_censor_reason"] == "local_therapy"]
    assert len(cut) >= 15


def test_no_record_breaks_a_hard_check_and_few_raise_a_soft_one() -> None:
    found = [f for record in records() for f in check_record(checked_record(record), today=LOCKED)]
    assert [f.message for f in found if f.severity == "hard"] == []
    assert 0 < len(found) < STANDARD * 0.15


def test_linked_records_are_of_one_person_with_one_fate() -> None:
    by_id = {(record.center, record.record_id): record for record in records()}
    seconds = [record for record in records() if record.scenario == SECOND_DISEASE]
    assert len(seconds) == 4
    for second in seconds:
        first = by_id[second.center, second.patient["same_person_as"]]
        assert {first.patient["disease"], second.patient["disease"]} == {"melanoma", "renal_cell"}
        for name in ("birth_date", "sex", "date_of_death", "initials", "mrn"):
            assert first.patient.get(name) == second.patient.get(name)
        assert first.rows["cycles"] == second.rows["cycles"]


def test_records_are_numbered_within_their_center_and_say_that_they_are_synthetic() -> None:
    numbers: dict[str, list[str]] = defaultdict(list)
    for record in records():
        numbers[record.center].append(record.record_id)
        assert record.patient["initials"].startswith("X")
        assert record.patient.get("mrn", "SYNTHETIC").startswith("SYNTHETIC")
    for ids in numbers.values():
        assert ids == [f"S-{number:04d}" for number in range(1, len(ids) + 1)]
    assert all("synthetic" in center.name for center in DEMO_CENTERS)


def test_no_two_records_look_like_one_person_entered_twice() -> None:
    people = Counter(
        (r.center, r.patient["birth_date"], r.patient["sex"])
        for r in records()
        if len(r.patient["birth_date"]) == 10 and r.scenario != SECOND_DISEASE
    )
    assert max(people.values()) == 1


def dated_cells() -> list[str]:
    fields = {
        form.name: [f.name for f in form.fields if f.kind == "partial_date"]
        for form in RECORD_FORMS
    }
    return [
        cells[name]
        for record in records()
        for form, names in fields.items()
        for cells in record.rows[form]
        for name in names
        if cells.get(name, "NA")[0].isdigit()
    ]


def test_about_one_date_in_ten_is_known_in_part() -> None:
    lengths = Counter(map(len, dated_cells()))
    partial = (lengths[4] + lengths[7]) / sum(lengths.values())
    assert 0.07 < partial < 0.13
    assert lengths[4] > 20


def test_every_class_of_systemic_therapy_and_every_form_is_used() -> None:
    rows: Counter[str] = Counter()
    classes: set[str] = set()
    for record in records():
        rows.update({form: len(found) for form, found in record.rows.items()})
        classes.update(cells["therapy_class"] for cells in record.rows["systemic_therapies"])
    assert classes == set(SYSTEMIC_CLASSES)
    assert min(rows[form.name] for form in RECORD_FORMS) > 50


def test_every_missing_reason_and_every_patient_field_is_used() -> None:
    reasons: set[str] = set()
    fields: set[str] = set()
    for record in records():
        values = checked_record(record).patient.values
        reasons |= {value.reason for value in values.values() if isinstance(value, Missing)}
        fields |= set(values)
    assert reasons == {"NASK", "NAVAIL", "UNK", "NA"}
    assert fields == {"record_id", *(f.name for f in PATIENTS.fields)}


def test_ages_at_the_start_are_those_of_adults() -> None:
    ages = [o.columns["age_at_t0"] for o in outcomes().values() if o.columns.get("t0")]
    assert min(ages) >= 18  # type: ignore[type-var]
    assert max(ages) <= 85  # type: ignore[type-var]


def test_more_records_keep_the_standard_ones_and_add_no_eligible_one() -> None:
    more = list(demo_records(STANDARD + 400))
    assert more[:STANDARD] == list(records())
    assert len(more) == STANDARD + 400
    for place, record in enumerate(more[STANDARD:]):
        outcome = oracle_outcome.derive(oracle_record(record, place), CUTOFF, "primary")
        assert outcome is not None
        assert outcome.columns["eligible"] != "yes"
        found = check_record(checked_record(record), today=LOCKED)
        assert [f.message for f in found if f.severity == "hard"] == []


def test_fewer_records_than_the_standard_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        slots(STANDARD - 1)


def digest() -> str:
    text = json.dumps([[r.center, r.record_id, r.scenario, r.rows] for r in records()])
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_records_are_the_same_in_every_process(seed: str) -> None:
    program = "from tests.analytics.test_demo_cohort import digest; print(digest())"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": "Pacific/Kiritimati"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == digest()


def test_records_are_the_ones_that_were_reviewed() -> None:
    # Not of today and not of this machine. A change of the generator changes this value on purpose.
    assert digest() == REVIEWED


def test_dice_answer_the_last_key_at_the_end_of_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = Dice(1)
    monkeypatch.setattr(dice, "real", lambda low=0.0, high=1.0: high)
    assert dice.weigh({"a": 0.1, "b": 0.2}) == "b"

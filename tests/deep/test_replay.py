"""Replay: after random edits every moment comes out again, byte for byte, and so does every cut."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics.derivation.stale import drain
from analytics.views.files import BUILDERS
from centers.sealing import seal_events
from patients.actions.records import RowChange
from registry.routes import routes
from tests.analytics.conftest import signed_in
from tests.universe import (
    RECORDS,
    STRANGER,
    Universe,
    add_record,
    amend_record,
    build_universe,
    read_values,
)

STEPS = 40
VARIANTS = ("primary", "fda", "ema", "worst_case")
CUTOFFS = ("2003-01-15", "2010-09-15", "2017-06-30")


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


class Editor:
    """Random changes of the named records, each through the action."""

    def __init__(self, universe: Universe, dice: random.Random) -> None:
        self.universe = universe
        self.dice = dice
        self.added = 0

    def step(self) -> None:
        """One change."""
        kinds: list[Callable[[str], None]] = [
            self.contact, self.contact, self.assessment, self.therapy, self.retract, self.death, self.consent, self.record,
        ]  # fmt: skip
        self.dice.choice(kinds)(self.dice.choice(list(RECORDS)))

    def amend(self, record: str, *rows: RowChange) -> None:
        """Some random rows are refused by the edit checks: then nothing changed, which is a step too."""
        try:
            amend_record(self.universe, record, rows)
        except Exception as error:
            if type(error).__name__ != "Refused":
                raise

    def day(self) -> str:
        year, month = self.dice.randint(2005, 2020), self.dice.randint(1, 12)
        return self.dice.choice([f"{year}", f"{year}-{month:02d}", f"{year}-{month:02d}-17"])

    def contact(self, record: str) -> None:
        texts = {
            "date": self.day(),
            "source": "visit",
            "vital_status": "alive",
            "disease_status": self.dice.choice(["stable_disease", "no_evidence_of_disease"]),
            "systemic_therapy_since_il2": self.dice.choice(["none", "yes", "unknown"]),
        }
        self.amend(record, RowChange("follow_ups", read_values("follow_ups", texts)))

    def assessment(self, record: str) -> None:
        response = self.dice.choice(["CR", "PR", "SD", "PD", "NE"])
        texts = {"date": self.day(), "response": response, "basis": "imaging"}
        self.amend(record, RowChange("assessments", read_values("assessments", texts)))

    def therapy(self, record: str) -> None:
        texts = {
            "start_date": self.day(),
            "therapy_class": "chemotherapy",
            "indication": "progression",
        }
        self.amend(
            record, RowChange("systemic_therapies", read_values("systemic_therapies", texts))
        )

    def retract(self, record: str) -> None:
        form = self.dice.choice(["follow_ups", "assessments"])
        try:
            key = self.universe.row_key(record, form)
        except IndexError:  # the record has none
            return
        self.amend(record, RowChange(form, {}, key, True))

    def death(self, record: str) -> None:
        key = self.universe.records[record].patient_id
        texts = {"date_of_death": self.dice.choice(["2018-02", "2019-11-03"])}
        self.amend(record, RowChange("patients", read_values("patients", texts), key))

    def consent(self, record: str) -> None:
        key = self.universe.records[record].patient_id
        texts = {"consent": self.dice.choice(["withdrawn", "signed"])}
        self.amend(record, RowChange("patients", read_values("patients", texts), key))

    def record(self, record: str) -> None:
        self.added += 1
        patient = {**STRANGER["patients"][0], "record_id": f"C02-9{self.added:03d}"}
        add_record(self.universe.centers["C02"], {**STRANGER, "patients": [patient]})


@pytest.mark.requirement("D4")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_moment_and_every_cut_comes_out_again(database: None, seed: int) -> None:
    dice = random.Random(seed)
    editor = Editor(build_universe(derived=False), dice)
    moments: list[tuple[list[str], str]] = []
    for number in range(STEPS):
        editor.step()
        arguments = ["--variant", dice.choice(VARIANTS), "--cutoff", dice.choice(CUTOFFS)]
        seal = seal_events()
        assert seal is not None
        moments.append(([*arguments, "--as-of", str(seal)], printed("derive", *arguments)))
        if number % 10 == 0:
            printed("data_cut", "make", f"Cut {number}", "--cutoff", dice.choice(CUTOFFS))
    assert len({text for _, text in moments}) > STEPS / 4
    for asked, text in moments:
        assert printed("derive", *asked) == text
    for number in range(0, STEPS, 10):
        assert "the same" in printed("data_cut", "verify", f"Cut {number}")


PAGES = (
    "/cohort/",
    "/cohort/survival/?endpoint=os",
    "/cohort/sensitivity/?records=treated",
    # Table 1 tells ages: nobody corrects a birth date here (docs/time-travel.md).
    "/cohort/description/",
    "/cohort/description/?age=50_59",
    # At the registry's own cutoff above, what is stored stands for records that nothing touched since.
    "/cohort/survival/?cutoff=2012-03-31",
    "/cohort/flow/?cutoff=2012-03-31",
)
# What a page says of the moment of its making, and of who asks for it.
OF_THE_REQUEST = re.compile(
    r'value="[\w-]{20,}"|data-\w+="\d+"|<dialog.*?</dialog>|derived <time[^>]*>[^<]*</time>', re.S
)


def seen(browser: Client, path: str, seal: int) -> str:
    """A dashboard as of a seal, or the record page of the past."""
    joined = "&" if "?" in path else "?"
    response = browser.get(f"{path}{joined}as_of={seal}")
    assert response.status_code == 200
    return OF_THE_REQUEST.sub("", response.content.decode())


@pytest.mark.requirement("D4")
@pytest.mark.parametrize("seed", [4, 5])
def test_every_dashboard_as_of_a_moment_gives_the_same_bytes_later(
    database: None, seed: int
) -> None:
    dice = random.Random(seed)
    universe = build_universe()
    editor = Editor(universe, dice)
    browser = signed_in(universe.users["dana"])
    record = f"/records/{universe.records['waiting'].public_id}/past/"
    recorded: list[tuple[str, int, str]] = []
    for _ in range(STEPS // 2):
        editor.step()
        seal = seal_events()
        assert seal is not None
        if dice.random() < 0.5:
            drain()
        path = dice.choice([*PAGES, record])
        recorded.append((path, seal, seen(browser, path, seal)))
    assert len({text for _, _, text in recorded}) > len(PAGES)
    drain()
    for path, seal, text in recorded:
        assert seen(browser, path, seal) == text


def test_every_dashboard_and_every_figure_answers_at_another_cutoff(database: None) -> None:
    """What a page does not show is not derived for it: nothing asks for a column that is not there."""
    browser = signed_in(build_universe().users["dana"])
    pages = [route.name for route in routes() if re.fullmatch(r"/cohort/(\w+/)?", route.path)]
    assert len(pages) > 10
    asked = {"cutoff": "2012-03-31", "records": "treated", "by": "disease"}
    for name in pages:
        assert browser.get(reverse(name), asked).status_code == 200, name
    for figure, kind in itertools.product(BUILDERS, ("csv", "json")):
        path = reverse("cohort_file", args=[figure, kind])
        # Some figures have no such file, at any cutoff.
        assert browser.get(path, asked).status_code == browser.get(path).status_code, figure

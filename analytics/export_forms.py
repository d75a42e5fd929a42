"""Forms of exports and projects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from analytics.exporting.choices import DISEASES, FORMATS, POPULATIONS
from analytics.models import DataCut, Project
from analytics.projects import PROFILES
from analytics.queries.exports import data_cuts, possible_members
from centers.forms import DayField, HouseForm, ReasonField
from centers.models import User


class ExportForm(HouseForm):
    """What an export is to hold."""

    project = forms.ModelChoiceField(
        Project.objects.none(), to_field_name="public_id", empty_label="", label="Project"
    )
    cut = forms.ModelChoiceField(
        DataCut.objects.none(), to_field_name="public_id", empty_label="", label="Data cut"
    )
    population = forms.ChoiceField(
        choices=list(POPULATIONS.items()),
        label="Records",
        help_text="The eligible cohort is conditioned on surviving five years",
    )
    disease = forms.ChoiceField(choices=list(DISEASES.items()), required=False, label="Disease")
    formats = forms.MultipleChoiceField(
        choices=list(FORMATS.items()),
        initial=["csv"],
        widget=forms.CheckboxSelectMultiple,
        label="Formats",
    )

    def __init__(self, data: Any, projects: QuerySet[Project]) -> None:
        super().__init__(data)
        boxes: Any = self.fields
        boxes["project"].queryset = projects
        boxes["cut"].queryset = data_cuts()

    @property
    def wanted(self) -> dict[str, Any]:
        """What request_export takes."""
        values = self.cleaned_data
        return {
            "project_id": values["project"].pk,
            "cut_id": values["cut"].pk,
            "population": values["population"],
            "disease": values["disease"],
            "formats": values["formats"],
        }


class DecisionForm(HouseForm):
    """A second person's word on an export."""

    decision = forms.ChoiceField(
        choices=[("release", "Release it"), ("refuse", "Refuse it")],
        widget=forms.RadioSelect,
        label="Decision",
    )
    reason = ReasonField()


class ProjectForm(HouseForm):
    """A new project."""

    name = forms.CharField(max_length=100, label="Name")
    profile = forms.ChoiceField(choices=[("", ""), *PROFILES.items()], label="Profile")
    agreement = forms.CharField(
        max_length=100, label="Agreement", help_text="Its number or title, such as DUA 2026-04"
    )
    agreement_expires_on = DayField("Agreement expires on")
    purpose = forms.CharField(max_length=2000, label="Purpose")
    recipients = forms.CharField(
        max_length=2000, label="Recipients", help_text="Institutions that receive the data"
    )

    def clean_agreement_expires_on(self) -> Any:
        """A project without an end is none."""
        day = self.cleaned_data["agreement_expires_on"]
        if day is None:
            raise forms.ValidationError("Enter the day on which the agreement expires.")
        return day


class ProjectAmendForm(ProjectForm):
    """An open project, amended; its profile stays."""

    reason = ReasonField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["profile"]


class MemberChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # plain while running
    """A person with an open account, named by the public id."""

    def label_from_instance(self, obj: Any) -> str:
        """Full name and user name."""
        return f"{obj.full_name} ({obj.username})"


class MemberForm(HouseForm):
    """A person who may request and fetch the exports of a project."""

    user = MemberChoice(
        User.objects.none(), to_field_name="public_id", empty_label="", label="Person"
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        boxes: Any = self.fields
        boxes["user"].queryset = possible_members()

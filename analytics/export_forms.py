"""Forms of exports and projects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.exporting.choices import DISEASES, FORMATS, POPULATIONS
from analytics.models import DataCut, Project
from analytics.projects import PROFILES
from analytics.queries.exports import data_cuts, possible_members
from centers.forms import DayField, HouseForm, ReasonField
from centers.models import User


class ExportForm(HouseForm):
    """What an export is to hold."""

    project = forms.ModelChoiceField(
        Project.objects.none(), to_field_name="public_id", empty_label="", label=_("Project")
    )
    cut = forms.ModelChoiceField(
        DataCut.objects.none(), to_field_name="public_id", empty_label="", label=_("Data cut")
    )
    population = forms.ChoiceField(
        choices=[(code, _(label)) for code, label in POPULATIONS.items()],
        label=_("Records"),
        help_text=_("The eligible cohort is conditioned on surviving five years"),
    )
    disease = forms.ChoiceField(
        choices=[(code, _(label)) for code, label in DISEASES.items()],
        required=False,
        label=_("Disease"),
    )
    formats = forms.MultipleChoiceField(
        choices=[(code, _(label)) for code, label in FORMATS.items()],
        initial=["csv"],
        widget=forms.CheckboxSelectMultiple,
        label=_("Formats"),
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
        choices=[("release", _("Release it")), ("refuse", _("Refuse it"))],
        widget=forms.RadioSelect,
        label=_("Decision"),
    )
    reason = ReasonField()


class ProjectForm(HouseForm):
    """A new project."""

    name = forms.CharField(max_length=100, label=_("Name"))
    profile = forms.ChoiceField(
        choices=[("", ""), *((code, _(label)) for code, label in PROFILES.items())],
        label=_("Profile"),
    )
    agreement = forms.CharField(
        max_length=100,
        label=_("Agreement"),
        help_text=_("Its number or title, such as DUA 2026-04"),
    )
    agreement_expires_on = DayField(_("Agreement expires on"))
    purpose = forms.CharField(max_length=2000, label=_("Purpose"))
    recipients = forms.CharField(
        max_length=2000, label=_("Recipients"), help_text=_("Institutions that receive the data")
    )

    def clean_agreement_expires_on(self) -> Any:
        """A project without an end is none."""
        day = self.cleaned_data["agreement_expires_on"]
        if day is None:
            raise forms.ValidationError(_("Enter the day on which the agreement expires."))
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
        User.objects.none(), to_field_name="public_id", empty_label="", label=_("Person")
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        boxes: Any = self.fields
        boxes["user"].queryset = possible_members()

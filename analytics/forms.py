"""Forms of API clients, data cuts and saved views."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from analytics.actions.clients import DEFAULT_DAYS, LONGEST_DAYS
from analytics.clients import SCOPES
from analytics.derivation.engine import current_cutoff
from analytics.queries.asked import AskedProblem, asked_cutoff
from analytics.queries.clients import open_projects, possible_owners
from centers.forms import DAY_FORMATS, HouseForm, ReasonField


class OwnerChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # plain while running
    """A person with an open account, named by the public id."""

    def __init__(self) -> None:
        super().__init__(
            possible_owners(),
            label=_("Owner"),
            to_field_name="public_id",
            empty_label="",
            help_text=_(
                "Answers for the client; their account closed or their role ended, it is refused"
            ),
        )

    def label_from_instance(self, obj: Any) -> str:
        """Full name and user name."""
        return f"{obj.full_name} ({obj.username})"


class ProjectChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # plain while running
    """An open project, named by the public id."""

    def __init__(self) -> None:
        super().__init__(
            open_projects(),
            label=_("Project"),
            to_field_name="public_id",
            empty_label="",
            help_text=_("Its agreement and its profile hold for the client"),
        )


class ClientForm(HouseForm):
    """A new API client."""

    label = forms.CharField(
        label=_("Label"),
        max_length=100,
        help_text=_("What it is for, such as R script of the trial"),
    )
    project = ProjectChoice()
    owner = OwnerChoice()
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(name, format_lazy("{}: {}", name, _(what))) for name, what in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What its tokens are good for"),
    )
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=DEFAULT_DAYS,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text=format_lazy(_("1 to {most}"), most=LONGEST_DAYS),
    )
    reason = ReasonField()

    @property
    def client(self) -> dict[str, Any]:
        """What create_client takes."""
        chosen = ("project", "owner")
        values = {name: value for name, value in self.cleaned_data.items() if name not in chosen}
        return values | {f"{name}_id": self.cleaned_data[name].pk for name in chosen}


class CutForm(HouseForm):
    """A new data cut."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What people will call it, such as Paper 2018")
    )
    cutoff = forms.DateField(
        label=_("Data cutoff"),
        input_formats=list(DAY_FORMATS),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text=_("Such as 2017-06-30; not after the registry's own"),
        error_messages={"invalid": _("Write a day such as 2017-06-30.")},
    )

    def clean_cutoff(self) -> date:
        """Not after the registry's own, and not before there was HD IL-2."""
        cutoff: date = self.cleaned_data["cutoff"]
        try:
            return asked_cutoff(cutoff.isoformat(), current_cutoff())
        except AskedProblem as error:
            raise forms.ValidationError(str(error)) from None


class CutNameForm(HouseForm):
    """Another name of a cut that is not locked."""

    name = forms.CharField(label=_("Name"), max_length=100)
    reason = ReasonField()


class ViewForm(HouseForm):
    """The name of a saved view; what it shows stands in the address."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Seen by you alone"))

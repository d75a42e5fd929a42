"""Forms of API clients."""

from __future__ import annotations

from typing import Any

from django import forms

from analytics.actions.clients import DEFAULT_DAYS, LONGEST_DAYS
from analytics.clients import SCOPES
from analytics.queries.clients import open_projects, possible_owners
from centers.forms import HouseForm, ReasonField


class OwnerChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # plain while running
    """A person with an open account, named by the public id."""

    def __init__(self) -> None:
        super().__init__(
            possible_owners(),
            label="Owner",
            to_field_name="public_id",
            empty_label="",
            help_text="Answers for the client; their account closed, it is refused",
        )

    def label_from_instance(self, obj: Any) -> str:
        """Full name and user name."""
        return f"{obj.full_name} ({obj.username})"


class ProjectChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # plain while running
    """An open project, named by the public id."""

    def __init__(self) -> None:
        super().__init__(
            open_projects(),
            label="Project",
            to_field_name="public_id",
            empty_label="",
            help_text="Its agreement and its profile hold for the client",
        )


class ClientForm(HouseForm):
    """A new API client."""

    label = forms.CharField(
        label="Label", max_length=100, help_text="What it is for, such as R script of the trial"
    )
    project = ProjectChoice()
    owner = OwnerChoice()
    scopes = forms.MultipleChoiceField(
        label="Scopes",
        choices=[(name, f"{name}: {what}") for name, what in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="What its tokens are good for",
    )
    days = forms.IntegerField(
        label="Days until it expires",
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=DEFAULT_DAYS,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text=f"1 to {LONGEST_DAYS}",
    )
    reason = ReasonField()

    @property
    def client(self) -> dict[str, Any]:
        """What create_client takes."""
        chosen = ("project", "owner")
        values = {name: value for name, value in self.cleaned_data.items() if name not in chosen}
        return values | {f"{name}_id": self.cleaned_data[name].pk for name in chosen}

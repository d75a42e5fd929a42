"""Forms of accounts and centers, and what every form of administration has in common."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from centers.actions.centers import CenterValue
from centers.actions.users import FirstMembership
from centers.models import Center
from centers.queries.administration import ROLES
from centers.roles import REGISTRY_WIDE, Role

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

REASON_MAX_LENGTH: Final = 500
# Suggested, not required: the box takes any text.
REASONS: Final = (
    _("New member of the team"),
    _("Left the team"),
    _("Change of duties"),
    _("Request of the center"),
    _("Request of the person"),
    _("Lost access"),
    _("Suspected misuse"),
    _("Correction of a mistake"),
)
# Control characters, and those that turn the direction of the text around them.
_ONE_LINE: Final = RegexValidator(
    "[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]",
    _("Write one line of plain text: it holds a character that cannot be seen."),
    inverse_match=True,
)
DAY_FORMATS: Final = ("%d-%b-%Y", "%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")


class HouseForm(forms.Form):
    """A form whose refusals say how to mend them and lead to their boxes."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            chosen = isinstance(field, forms.ChoiceField)
            field.error_messages["required"] = _("Choose one.") if chosen else _("Enter a value.")
            field.error_messages["invalid_choice"] = _("Choose one of the list.")
            field.widget.attrs.setdefault("autocomplete", "off")
            if isinstance(field, forms.CharField):
                field.validators.append(_ONE_LINE)

    def refuse(self, error: ValidationError) -> None:
        """Put what an action refused beside its box, or above the form where there is none."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error.messages)
            return
        for name, problems in error.message_dict.items():
            place = name if name in self.fields and name != NON_FIELD_ERRORS else None
            self.add_error(place, problems)

    @property
    def summary(self) -> list[dict[str, str]]:
        """The lines of the error summary, in the order of the page."""
        lines = [{"href": "", "text": str(text)} for text in self.non_field_errors()]
        return lines + [
            {"href": f"#{box.id_for_label}", "text": f"{box.label}: {text}"}
            for box in self
            for text in box.errors
        ]


class ReasonField(forms.CharField):
    """Why something is changed: any text, with suggestions."""

    def __init__(self) -> None:
        widget = forms.TextInput(attrs={"list": "reasons"})
        super().__init__(label=_("Reason"), max_length=REASON_MAX_LENGTH, widget=widget)


class DayField(forms.DateField):
    """A whole date; the day comes before the month."""

    def __init__(self, label: StrOrPromise, *, help_text: StrOrPromise = "", **kwargs: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=DAY_FORMATS,
            widget=forms.DateInput(format=DAY_FORMATS[0]),
            help_text=help_text or _("Such as 24-Mar-2026"),
            error_messages={"invalid": _("Write day, month and year, such as 24-Mar-2026.")},
            **kwargs,
        )


class CenterChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic when run
    """One of all centers, named by its public id."""

    def __init__(self) -> None:
        super().__init__(
            Center.objects.order_by("code"),
            label=_("Center"),
            required=False,
            to_field_name="public_id",
            empty_label="",
            help_text=_("Not for roles of the whole registry"),
        )

    def label_from_instance(self, obj: Any) -> str:
        """Code and name, and whether it is closed."""
        name = f"{obj.code} {obj.name}"
        return _("%(center)s (closed)") % {"center": name} if obj.status == "closed" else name


class ActForm(HouseForm):
    """An act that needs nothing but its reason."""

    reason = ReasonField()


class CenterForm(HouseForm):
    """Values of a saved center. Boxes that were left alone are not changed, whoever else saved.

    The code stays: import files name the center by it.
    """

    name = forms.CharField(label=_("Name"), max_length=200, show_hidden_initial=True)
    city = forms.CharField(
        label=_("City"), max_length=200, required=False, show_hidden_initial=True
    )
    country = forms.CharField(
        label=_("Country"),
        max_length=2,
        required=False,
        show_hidden_initial=True,
        validators=[RegexValidator(r"^[A-Z]{2}$", _("Write two capital letters, such as NL."))],
        help_text=_("Two letters of ISO 3166, such as NL"),
    )
    irb_number = forms.CharField(
        label=_("IRB number"), max_length=60, required=False, show_hidden_initial=True
    )
    irb_expiry = DayField(_("IRB expiry"), show_hidden_initial=True)
    activation_date = DayField(_("Activated on"), show_hidden_initial=True)
    reason = ReasonField()

    @property
    def changes(self) -> dict[str, CenterValue]:
        """What the person changed, by the names of the action."""
        names = [name for name in self.changed_data if name != "reason"]
        return {name: self.cleaned_data[name] for name in names}


class NewCenterForm(CenterForm):
    """A center to come."""

    code = forms.CharField(
        label=_("Code"),
        max_length=12,
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z",
                _("Use letters, digits, _ and - only, a letter or digit first."),
            )
        ],
        help_text=_("As in import files, such as C01; it stays for good"),
    )
    field_order = ("code",)

    def clean_code(self) -> str:
        """Codes that differ in case alone would be taken for each other."""
        code: str = self.cleaned_data["code"]
        if Center.objects.filter(code__iexact=code).exists():
            raise ValidationError(_("Another center has this code. Choose another."))
        return code


class PersonForm(HouseForm):
    """How a person is named and written to."""

    full_name = forms.CharField(label=_("Full name"), max_length=200)
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    reason = ReasonField()


class MembershipForm(HouseForm):
    """A role, where, and from when to when."""

    role = forms.ChoiceField(label=_("Role"))
    center = CenterChoice()
    starts_on = DayField(_("First day"))
    ends_on = DayField(_("Last day"), help_text=_("Empty: until it is ended"))
    reason = ReasonField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(role.value, _role_label(role)) for role in ROLES]
        self.fields["role"].choices = [("", ""), *named]  # type: ignore[attr-defined]
        self.fields["starts_on"].initial = _today

    @property
    def membership(self) -> FirstMembership:
        """What add_membership takes."""
        center: Center | None = self.cleaned_data["center"]
        return {
            "role": Role(self.cleaned_data["role"]),
            "center_id": center.pk if center else None,
            "starts_on": self.cleaned_data["starts_on"],
            "ends_on": self.cleaned_data["ends_on"],
        }

    def clean(self) -> dict[str, Any]:
        """A role of a center needs one, a role of the registry has none."""
        cleaned = self.cleaned_data
        if role := cleaned.get("role"):
            wide = Role(role) in REGISTRY_WIDE
            if wide and cleaned.get("center"):
                self.add_error(
                    "center", _("This role is held in the whole registry: leave it empty.")
                )
            elif not wide and not cleaned.get("center") and "center" not in self.errors:
                self.add_error("center", _("This role is held at a center: choose one."))
        return cleaned


class InvitationForm(MembershipForm):
    """A new account with its first membership."""

    full_name = forms.CharField(label=_("Full name"), max_length=200)
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        help_text=_("Letters, digits and . _ @ + -; never given to another"),
    )
    field_order = ("full_name", "email", "username")

    @property
    def person(self) -> dict[str, str]:
        """What invite_user takes beside the membership."""
        names = ("full_name", "email", "username", "reason")
        return {name: self.cleaned_data[name] for name in names}


class EndForm(HouseForm):
    """When a membership ends."""

    ends_on = DayField(_("Last day"), help_text=_("Empty: it ends at once"))
    reason = ReasonField()


def _role_label(role: Role) -> str:
    said = _("%(role)s (whole registry)") if role in REGISTRY_WIDE else _("%(role)s (at a center)")
    return said % {"role": gettext(role.label).capitalize()}


def _today() -> date:
    return timezone.now().date()

"""The one page that all forms of administration use: heading, what it does, boxes, button."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _

from centers.forms import REASONS, HouseForm

REFUSED: Final = 422


@dataclass(frozen=True, slots=True)
class FormPage:
    """What stands around the boxes. `crumbs`: (address, label) of the pages above, nearest last."""

    heading: str
    button: str
    crumbs: Sequence[tuple[str, str]]
    intro: str = ""
    danger: bool = False
    section: str = "administration"

    @property
    def cancel(self) -> str:
        """Where it came from."""
        return self.crumbs[-1][0]


def sent(request: HttpRequest) -> QueryDict | None:
    """What was sent, for a form; None when the page is only opened."""
    return request.POST if request.method == "POST" else None


@contextmanager
def refusing(form: HouseForm) -> Iterator[None]:
    """Refusals of the action inside come back on the form; nothing was saved then."""
    try:
        yield
    except ValidationError as error:
        form.refuse(error)
    except IntegrityError:
        # Two people, or two presses, saved the same at one moment; the database let one in.
        problem = _("The same was saved at this moment. Look at the list before you try again.")
        form.refuse(ValidationError(problem))


def show_form(request: HttpRequest, form: HouseForm, page: FormPage) -> HttpResponse:
    """The page, with status 422 when something was refused."""
    context = {"section": page.section, "form": form, "page": page, "reasons": REASONS}
    status = REFUSED if form.errors else 200
    return render(request, "centers/form_page.html", context, status=status)

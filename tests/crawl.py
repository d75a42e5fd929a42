"""Every address of the product: from the resolver, with the objects there are, and what pages link to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import islice, product
from urllib.parse import urlencode, urljoin, urlsplit

from django.apps import apps
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse

from patients.models import ROW_MODELS, Patient

# What a route's argument names, where it is not the name of a model with a public id.
MODEL_OF = {
    "record": "patient",
    "person": "user",
    "contact": "contactattempt",
    "account": "user",
    "client": "apiclient",
    "job": "importjob",
    "export": "exportjob",
    "cut": "datacut",
    "view": "savedview",
}
# Arguments that name no object. What is neither here nor a model is reached by the links of pages.
FIXED: Mapping[str, Sequence[object]] = {
    "uidb64": ["MQ"],
    "export_file.file": ["subjects.csv"],
    "profile": ["research", "safe_harbor"],
    "token": ["wrong"],
    "key": ["wrong"],
    "rest": ["nothing"],
    "cohort_file.figure": [
        "survival",
        "progression",
        "swimmer",
        "flow",
        "accrual",
        "responses",
        "table-one",
        "completeness",
        "centers",
        "queries",
        "unknowns",
        "none",
    ],
    # Pictures are of the same SVG and take a second each: tests/deep/test_pictures.py.
    "cohort_file.kind": ["svg", "csv", "json"],
    "import_template.kind": ["zip", "xlsx"],
    "page": ["cohort_overview", "cohort_survival"],
    "form": ["csv", "json"],
    "format": ["csv", "json"],
}
OPTIONS_OF_A_FILTER = 3
VARIANTS_OF_A_PAGE = 24


@dataclass(frozen=True)
class Route:
    """A named route; its arguments with the kind of each."""

    name: str
    arguments: Mapping[str, str]


def routes() -> list[Route]:
    """All named routes of the product."""
    return list(_walk(get_resolver()))


def _walk(resolver: URLResolver) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _walk(entry)
        elif isinstance(entry, URLPattern):
            assert entry.name, f"a route without a name: {entry.pattern}"
            converters = entry.pattern.converters.items()
            yield Route(entry.name, {name: type(kind).__name__ for name, kind in converters})


def addresses(objects: Mapping[str, Sequence[str]]) -> list[str]:
    """An address for every route and object. `objects`: public ids by name of the model.

    Rows are those of the records. Routes whose arguments are not known here are left out.
    """
    found: dict[str, None] = {}
    for route in routes():
        for arguments in _arguments(route, objects):
            found[reverse(route.name, kwargs=arguments)] = None
    return list(found)


def unreached(paths: Iterable[str]) -> set[str]:
    """Names of the routes that none of the addresses leads to; one address may have two names."""
    known = list(paths)
    reached = {route_of(path) for path in known}
    plain = {r.name for r in routes() if not r.arguments and reverse(r.name) in known}
    return {route.name for route in routes()} - reached - plain


def route_of(path: str) -> str:
    """The name of the route of an address; empty for none."""
    try:
        return resolve(path.split("?")[0]).url_name or ""
    except Resolver404:
        return ""


def _arguments(route: Route, objects: Mapping[str, Sequence[str]]) -> Iterator[dict[str, object]]:
    if "row" in route.arguments:
        for record in objects.get("patient", ()):
            for form, row in _rows(record):
                yield {"record": record, "form": form, "row": row}
        return
    choices = [_choices(route, name, objects) for name in route.arguments]
    for chosen in product(*choices):
        yield dict(zip(route.arguments, chosen, strict=True))


def _choices(route: Route, name: str, objects: Mapping[str, Sequence[str]]) -> Sequence[object]:
    if route.arguments[name] == "FormConverter":
        return list(ROW_MODELS)
    fixed = FIXED.get(f"{route.name}.{name}", FIXED.get(name))
    return objects.get(MODEL_OF.get(name, name), ()) if fixed is None else fixed


def _rows(record: str) -> Iterator[tuple[str, uuid.UUID]]:
    """The first row of each form of a record."""
    patient = Patient.objects.using("owner").get(public_id=record)
    for form, model in ROW_MODELS.items():
        first = model._default_manager.using("owner").filter(patient=patient).order_by("id").first()
        if first is not None:
            yield form, first.public_id


def public_ids(**where: Mapping[str, object]) -> dict[str, list[str]]:
    """Public ids of all objects by name of the model, as the owner sees them.

    `where`: conditions of a model whose objects are not all wanted.
    """
    found = {}
    for model in apps.get_models():
        names = {f.name for f in model._meta.get_fields()}
        name = model._meta.model_name or ""
        if "public_id" in names and model not in ROW_MODELS.values():
            rows = model._default_manager.using("owner").filter(**where.get(name, {}))
            found[name] = [str(row.public_id) for row in rows.order_by("pk")]
    return found


@dataclass
class Control:
    """A control of a form as a browser would send it; `options` are those of a select."""

    name: str
    kind: str
    value: str = ""
    checked: bool = False
    options: list[str] = field(default_factory=list)


@dataclass
class HtmlForm:
    """A form of a page, with the address it is sent to."""

    action: str
    method: str
    controls: list[Control] = field(default_factory=list)

    def values(self) -> dict[str, list[str]]:
        """What a browser sends when nothing was touched."""
        sent: dict[str, list[str]] = {}
        for control in self.controls:
            if control.name and control.checked:
                sent.setdefault(control.name, []).append(control.value)
        return sent


class PageReader(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.forms: list[HtmlForm] = []
        self._inside: HtmlForm | None = None
        self._select: Control | None = None
        self._textarea: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.path, given["href"]).split("#")[0])
        elif tag == "form":
            action = urljoin(self.path, given.get("action", ""))
            self._inside = HtmlForm(action, given.get("method", "get").lower())
            self.forms.append(self._inside)
        elif self._inside is not None:
            self._control(tag, given)

    def _control(self, tag: str, given: dict[str, str]) -> None:
        assert self._inside is not None
        name = given.get("name", "")
        if tag == "option" and self._select is not None:
            self._select.options.append(given.get("value", ""))
            if "selected" in given or len(self._select.options) == 1:
                self._select.value = given.get("value", "")
        elif tag == "select":
            self._select = Control(name, "select", checked=True)
            self._inside.controls.append(self._select)
        elif tag == "textarea":
            self._textarea = Control(name, "textarea", checked=True)
            self._inside.controls.append(self._textarea)
        elif tag in ("input", "button"):
            kind = given.get("type", "text" if tag == "input" else "submit")
            on = "checked" in given if kind in ("radio", "checkbox") else kind != "submit"
            self._inside.controls.append(Control(name, kind, given.get("value", ""), on))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.value += data


def read_html(path: str, text: str) -> PageReader:
    """The links and forms of a page at this path."""
    reader = PageReader(path)
    reader.feed(text)
    return reader


def variants(path: str, text: str) -> list[str]:
    """The same page with the filters, orders and page numbers that it offers."""
    reader = read_html(path, text)
    here = urlsplit(path).path
    found = [link for link in reader.links if "?" in link]
    for form in reader.forms:
        if form.method == "get":
            for control in form.controls:
                found += [
                    f"{form.action.split('?')[0]}?{urlencode({control.name: option})}"
                    for option in islice((o for o in control.options if o), OPTIONS_OF_A_FILTER)
                ]
    there = [link for link in dict.fromkeys(found) if urlsplit(link)[:3] == ("", "", here)]
    return there[:VARIANTS_OF_A_PAGE]


def links(path: str, text: str) -> list[str]:
    """Addresses of the product that a page links to, without their parameters."""
    local = [link for link in read_html(path, text).links if urlsplit(link)[:2] == ("", "")]
    return list(dict.fromkeys(link.split("?")[0] for link in local))

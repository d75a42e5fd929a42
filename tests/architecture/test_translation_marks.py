"""Every text of the pages is marked for translation (docs/adr/0063): in templates and in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from django.template.base import Lexer, TokenType

ROOT: Final = Path(__file__).resolve().parent.parent.parent

# Folders and files whose texts are marked; sorted, one a line.
MARKED: Final = (
    "analytics/actions/",
    "analytics/charts/",
    "analytics/clients.py",
    "analytics/export_forms.py",
    "analytics/exporting/choices.py",
    "analytics/forms.py",
    "analytics/panels.py",
    "analytics/projects.py",
    "analytics/queries/",
    "analytics/rendering.py",
    "analytics/views/",
    "centers/account/entrance.py",
    "centers/account/factors.py",
    "centers/account/forms.py",
    "centers/account/hospital.py",
    "centers/account/limits.py",
    "centers/account/pages.py",
    "centers/account/proofs.py",
    "centers/account/reset_mail.py",
    "centers/actions/accounts.py",
    "centers/actions/audit_review.py",
    "centers/actions/centers.py",
    "centers/event_words.py",
    "centers/form_page.py",
    "centers/forms.py",
    "centers/invitation_mail.py",
    "centers/queries/",
    "centers/roles.py",
    "centers/views_audit.py",
    "centers/views_centers.py",
    "centers/views_user_acts.py",
    "centers/views_users.py",
    "patients/actions/contacts.py",
    "patients/actions/drafts.py",
    "patients/actions/duplicates.py",
    "patients/actions/import_jobs.py",
    "patients/actions/reveal.py",
    "patients/actions/signatures.py",
    "patients/calculated.py",
    "patients/contact_models.py",
    "patients/forms/",
    "patients/import_jobs.py",
    "patients/labels.py",
    "patients/queries/",
    "patients/query_models.py",
    "patients/rules/checks_catalog.py",
    "patients/rules/code_words.py",
    "patients/rules/definitions.py",
    "patients/rules/dictionary.py",
    "patients/rules/values.py",
    "patients/templatetags/",
    "patients/uploads.py",
    "patients/views/",
    "registry/context.py",
    "registry/operations.py",
    "templates/",
)

# The same in every language: names, units, formats of files, keys, classes of responses.
SAME_EVERYWHERE: Final = {"HD", "IL-2", "REST", "API", "CSV", "JSON", "XLSX", "UTC", "Ctrl"} | {
    *("PFS", "OS", "CR", "PR", "SD", "PD"),
    *("IU", "kg", "mg", "nbsp", "SHA-256"),
}
SHOWN_ATTRIBUTES: Final = {"title", "alt", "aria-label", "placeholder", "aria-description", "label"}
WORD: Final = re.compile(r"[^\W\d_]{2,}(?:-\d+)?")
# What a template that stands inside a tag holds.
HALF_TAG: Final = re.compile(r"(?:data|aria)-[a-z-]+=\"[^\"]*\"")
STRING: Final = re.compile(r"""(_\()?("[^"]*"|'[^']*')""")
# Filters whose argument is no text, and those whose argument always is one.
CODE_FILTER: Final = re.compile(r"""\|(?:date|time|add|stringformat|cut|join):("[^"]*"|'[^']*')""")
TEXT_FILTER: Final = re.compile(
    r"""\|(?:default|default_if_none|yesno|pluralize):("[^"]*"|'[^']*')"""
)
TEXT_ARGUMENT: Final = re.compile(
    r"\b(?:noun|label|heading|title|text|empty|act)=(\"[^\"]*\"|'[^']*')"
)
COMPARED: Final = re.compile(r"""(?:==|!=|\bin)\s+(?:"[^"]*"|'[^']*')""")
# Tags whose strings are names of templates, addresses or files.
NAMING_TAGS: Final = {"load", "url", "static", "extends", "translate", "trans"}
TEXT_TAGS: Final = {"translate", "trans", "blocktranslate", "blocktrans"}

SENTENCE: Final = re.compile(
    r"[A-Z](?:[a-z].*(?: .*|\.)| [a-z].*)$|\{\} [a-z].*\.$",
    re.DOTALL,
)
MARKS: Final = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"} | {
    "pgettext",
    "pgettext_lazy",
    "npgettext",
}
# Errors of the program, which no page shows.
ERRORS: Final = {"ValueError", "TypeError", "LookupError", "KeyError", "RuntimeError"} | {
    "AssertionError",
    "NotImplementedError",
    "ImproperlyConfigured",
    "SuspiciousOperation",
}
LOGS: Final = {"log", "logger"}


class Shown(HTMLParser):
    """Collects the words of a page that are not marked: of its text and of what attributes show."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        data = HALF_TAG.sub(" ", data)
        self.words += [word for word in WORD.findall(data) if word not in SAME_EVERYWHERE]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_button = tag == "input" and given.get("type") in ("submit", "button")
        for name, value in attrs:
            is_text = name.startswith("data-") and SENTENCE.match(value or "")
            if is_text or name in SHOWN_ATTRIBUTES or (name == "value" and is_button):
                self.handle_data(value or "")


def unmarked_strings(content: str) -> Iterator[str]:
    """Texts among the strings of a tag or a variable that are not _("...")."""
    content = CODE_FILTER.sub("", content)
    for text in TEXT_FILTER.findall(content) + TEXT_ARGUMENT.findall(content):
        yield from (word for word in WORD.findall(text) if word not in SAME_EVERYWHERE)
    for marked, quoted in STRING.findall(
        COMPARED.sub("", TEXT_ARGUMENT.sub("", TEXT_FILTER.sub("", content)))
    ):
        text = quoted[1:-1]
        if not marked and re.match(r"[A-Z][a-z]|\S+ .*[a-z]", text):
            yield text


def unmarked_in_template(source: str) -> list[str]:
    """The words and strings of a template that no catalogue could translate."""
    found: list[str] = []
    html: list[str] = []
    until = ""
    for token in Lexer(source).tokenize():
        tag = token.contents.split(" ", 1)[0]
        if until:
            until = "" if token.token_type == TokenType.BLOCK and tag == until else until
            continue
        html.append(token.contents if token.token_type == TokenType.TEXT else " ")
        if token.token_type == TokenType.BLOCK and tag in ("comment", "blocktranslate"):
            until = f"end{tag}"
        if token.token_type == TokenType.VAR or (
            token.token_type == TokenType.BLOCK and tag not in NAMING_TAGS
        ):
            found += unmarked_strings(token.contents)
    page = Shown()
    page.feed("".join(html))
    page.close()
    return found + page.words


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_excepted(called: ast.expr) -> bool:
    of = called.value if isinstance(called, ast.Attribute) else None
    return _name(called) in MARKS | ERRORS or (of is not None and _name(of) in LOGS)


def _excepted(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, arguments of marks, of errors of the program and of the log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Call) and _is_excepted(node.func):
            for argument in node.args:
                yield from ast.walk(argument)


def unmarked_in_module(source: str) -> list[str]:
    """The texts of a module, "line: text", that no catalogue could translate."""
    tree = ast.parse(source)
    excepted = {id(node) for node in _excepted(tree)}
    found = []
    for node in ast.walk(tree):
        if id(node) in excepted:
            continue
        if isinstance(node, ast.JoinedStr):
            excepted |= {id(part) for part in node.values}
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if SENTENCE.match(text):
            found.append(f"{node.lineno}: {text}")
    return found


def marked_files() -> list[Path]:
    """The files under MARKED that hold texts."""
    paths = [
        path
        for entry in MARKED
        for path in ([ROOT / entry] if "." in entry else (ROOT / entry).rglob("*"))
    ]
    return [path for path in paths if path.suffix in (".html", ".svg", ".txt", ".py")]


def test_no_text_of_a_page_is_without_its_mark() -> None:
    found = {}
    for path in marked_files():
        check = unmarked_in_module if path.suffix == ".py" else unmarked_in_template
        if unmarked := check(path.read_text()):
            found[str(path.relative_to(ROOT))] = unmarked
    assert found == {}
    assert list(MARKED) == sorted(MARKED)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Some text</p>", ["Some", "text"]),
        ('<p>{% translate "Some text" %}</p>{% comment %}Some text{% endcomment %}', []),
        ("{% blocktranslate with n=n|default:_('none') %}Some {{ n }}{% endblocktranslate %}", []),
        ('{% if kind == "Some text" %}&nbsp;IL-2 &middot; {{ n }}{% endif %}', []),
        ('<a title="{% if n %}Some{% endif %}">{{ n }}</a>', ["Some"]),
        ('<i class="some text" aria-label="{{ n }} texts"></i>', ["texts"]),
        ('<input type="submit" value="Save"><input type="text" value="Save">', ["Save"]),
        ('<i data-empty="Nothing to show." data-kind="some-code"></i>', ["Nothing", "to", "show"]),
        ('{% include "some/page.html" with label="Some text" %}', ["Some", "text"]),
        ('{% include "some/page.html" with label=_("Some text") icon="" %}', []),
        ('{% url "some_page" as page %}{{ day|date:"D j M" }}', []),
        ('{{ n|default:"none" }}{{ n }} record{{ n|pluralize:"en,s" }}', ["none", "en", "record"]),
    ],
)
def test_a_text_without_mark_is_found_in_a_template(source: str, found: list[str]) -> None:
    assert unmarked_in_template(source) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Some docstring."""\nlabel = _("Some text")', []),
        ('label = "Some text"', ["1: Some text"]),
        ('label = "Saved."', ["1: Saved."]),
        ('label = "some code"; tone = "Good"; sql = "SELECT 1 FROM x"', []),
        ('raise ValueError("Some text")', []),
        ('raise Refused("Some text")', ["1: Some text"]),
        ('label = _("Some %(n)s") % {"n": n}', []),
        ('label = f"Some {n} texts"', ["1: Some {} texts"]),
        ('label = ngettext("Some text", "Some texts", n)', []),
        ('logger.info("Some text")', []),
        ('messages.info(request, "A text")', ["1: A text"]),
        ('messages.info(request, f"{row} is saved.")', ["1: {} is saved."]),
    ],
)
def test_a_text_without_mark_is_found_in_a_module(source: str, found: list[str]) -> None:
    assert unmarked_in_module(source) == found

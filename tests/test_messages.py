"""The page's texts: none stands outside the catalogues, and each catalogue is whole."""

from __future__ import annotations

import ast
import gettext
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel import Locale, localedata
from flask import Flask
from jinja2 import Environment, nodes

from tests.messages import STATIC, TRANSLATED, WATCHER, as_js, as_mo, as_po, extracted, read
from watcher.web.page import language as spoken
from watcher.web.page.language import FOLDER, LANGUAGES

SPEAKS = {"_", "ngettext", "pgettext", "gettext"}
ATTRIBUTES = {"aria-label", "aria-description", "title", "placeholder", "alt", "data-ask", "label"}
TEMPLATES = sorted(path for path in WATCHER.glob("web/templates/*.html") if path.name != "docs.html")  # as its JSON
# What a person reads, in letters: a word that begins a sentence, or two of them.
WORDS = re.compile(r"^\W*[A-Z][a-z]+(?![\w-])|[A-Za-z]{2,},? [a-z]{2,}")
NAMES = {"watcher", "Esc", "Shift", "Hz"}  # that are the same in every language


class Texts(HTMLParser):
    """What of a page a person reads, as far as it stands in the template itself."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"code", "pre", "kbd", "svg"}
        self.texts += [value for name, value in attrs if name in ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"code", "pre", "kbd", "svg"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)


def of_template(source: str) -> Iterator[str]:
    """Texts of a template outside the catalogue."""
    environment = Environment(autoescape=True)
    written = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    reader = Texts()
    reader.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "\0", written, flags=re.DOTALL))
    for text in reader.texts:
        letters = " ".join(re.findall(r"[^\W\d_]{2,}", text))
        if letters and not NAMES.issuperset(letters.split()):
            yield text.strip()
    yield from literals(environment.parse(source))


def literals(node: nodes.Node) -> Iterator[str]:
    """Words in the expressions of a template that are no message."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in SPEAKS:
        for part in (*(pair.value for pair in node.kwargs), *node.args):
            if not isinstance(part, nodes.Const):
                yield from literals(part)
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and WORDS.search(node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from literals(child)


def of_python(source: str) -> Iterator[str]:
    """Words in a module that are no message; names of headers and the like have a hyphen or no second word."""
    tree = ast.parse(source)
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            spared.add(node.body[0].value)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in SPEAKS:
                spared.update(
                    part for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)
                )
        if isinstance(node, ast.Raise):  # an answer of the API, which pages show as such
            spared.update(ast.walk(node))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node not in spared
            and WORDS.search(node.value)
        ):
            yield node.value


TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\s+                                                # comments
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<template>`(?:\\.|\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}|[^`\\])*`)
    |/(?![*/ ])(?:\\.|\[[^\]]*\]|[^/\\\n])+/[a-z]*(?=[\s.,;)\]])              # regular expressions: we divide with spaces
    |(?P<other>[\w$]+|.)""",
    re.DOTALL | re.VERBOSE,
)
FINDS = {"querySelector", "querySelectorAll", "closest", "matches"}  # by a style sheet's words
SILENT = re.compile(
    r"(?:(?:(?:Shift|Alt)\+)?(?:Space|Enter|Esc|Escape|Home|End|Page\w+|Arrow\w+|[a-zA-Z])(?: |$))+|Shift\+|input:not.*|.*system-ui.*|badge broken|another label"
)
VALUE = re.compile(r"\$\{((?:[^{}`]|\{[^{}]*\}|`[^`]*`)*)\}")


def of_script(source: str) -> Iterator[str]:
    """Words in a script that are no message; values within a text are looked at as well."""
    before: list[str] = []
    for token in TOKEN.finditer(source):
        text = token["string"] or token["template"] or token["other"]
        if text is None:
            continue
        first = (
            before[-2:-1] if before[-1:] == ["("] else []
        )  # what is called with this as its first or second value
        second = before[-4:-3] if before[-1:] == [","] and before[-3:-2] == ["("] else []
        silent = (
            SILENT.fullmatch(text[1:-1])
            or set(first) & FINDS
            or second == ["element"]
            or before[-2:] == ["className", ":"]
        )
        if token["string"] and not (silent or set(first + second) & SPEAKS) and WORDS.search(text[1:-1]):
            yield text
        if token["template"]:
            if WORDS.search(VALUE.sub("\0", text)[1:-1]):
                yield text
            for value in VALUE.findall(text):
                yield from of_script(value)
        before = [*before[-4:], text]


@pytest.mark.parametrize(
    ("reader", "source", "outside"),
    [
        (of_template, "<p>Nothing here</p>", ["Nothing here"]),
        (of_template, '<a title="The day before">{{ name }}</a>', ["The day before"]),
        (of_template, "<p>{{ 'It works' if well else _('It fails') }}</p>", ["It works"]),
        (of_template, "<p>{{ _('It works') }} <kbd>c</kbd> <code>watcher scan</code></p>", []),
        (of_python, 'def f():\n    """A docstring."""\n    return "No clip" if x else _("No camera")', ["No clip"]),
        (
            of_script,
            'say("No clip"); say(_("No clip")); // No clip\nsay(`${_("one")} two words`)',
            ['"No clip"', '`${_("one")} two words`'],
        ),
        (of_script, 'ngettext("%(count)s red clip", "%(count)s red clips", 2)', []),
    ],
)
def test_texts_outside_the_catalogues_are_found(reader, source: str, outside: list[str]) -> None:
    """The readers below find what they are for."""
    assert list(reader(source)) == outside


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_speaks_by_itself(path: Path) -> None:
    """All that people read goes through the catalogues."""
    assert list(of_template(path.read_text())) == []


@pytest.mark.parametrize("path", sorted(WATCHER.glob("web/page/*.py")), ids=lambda path: path.name)
def test_no_page_speaks_by_itself(path: Path) -> None:
    """So do the pages' modules; what is no language is named here."""
    allowed = {
        "language.py": {"Deutsch", "English", "Nederlands", "Polski", "Italiano"},  # each as it calls itself
        "status.py": {
            *["Edg", "Edge", "Opera", "Firefox", "Chrome", "Safari", "Android", "Windows", "Mac", "Linux"],
            "Mac OS",
        },
    }
    header = re.compile(r"Cookie|Referer|Lax|[<]\w+ .*|default-src .*|(?:\w\w-\w\w ?)+")
    texts = {text for text in of_python(path.read_text()) if not header.fullmatch(text)}
    assert texts - allowed.get(path.name, set()) == set()


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_script_speaks_by_itself(path: Path) -> None:
    """So do its scripts."""
    if not path.name.startswith("language-"):
        assert list(of_script(path.read_text())) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_whole(language: str) -> None:
    """Each message has its translation, with the same values in it, in as many forms as the language has."""
    catalog, template = read(language), extracted()
    keys = [{(message.id, message.context) for message in each if message.id} for each in (catalog, template)]
    assert keys[0] == keys[1], "make messages"
    for message in catalog:
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else message.id
        forms = (message.string,) if isinstance(message.string, str) else message.string
        assert len(forms) == (catalog.num_plurals if len(ids) > 1 else 1), message.id
        assert not message.fuzzy, message.id
        for form in forms:
            assert form.strip(), message.id
            assert sorted(set(placeholders(form))) == sorted(set(placeholders(ids[-1]))), (message.id, form)
            assert "<" not in form
            assert form == form.strip()


@pytest.mark.parametrize("language", TRANSLATED)
def test_lists_of_names_have_as_many(language: str) -> None:
    """Days, months and units are divided by spaces."""
    for message in read(language):
        if isinstance(message.id, str) and message.id.split(" ")[0] in {"Monday", "Mon", "January", "Jan", "bytes"}:
            assert len(str(message.string).split()) == len(message.id.split())


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_read_is_what_was_written(language: str) -> None:
    """What Python and the page's scripts read was made from the catalogue as it is (`make messages`)."""
    catalog = read(language)
    compiled = [
        gettext.GNUTranslations(io.BytesIO(content))._catalog
        for content in ((FOLDER / f"{language}.mo").read_bytes(), as_mo(catalog))
    ]
    for each in compiled:
        del each[""]
    assert compiled[0] == compiled[1]
    assert (STATIC / f"language-{language}.js").read_bytes() == as_js(catalog)
    assert (FOLDER / f"{language}.po").read_bytes() == as_po(catalog)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_clock_and_the_week_are_those_of_the_country(language: str) -> None:
    """As CLDR has them, for every country that it knows the language of."""
    for tag in localedata.locale_identifiers():
        name, _, country = tag.partition("_")
        if name != language or not re.fullmatch("[A-Z]{2}", country):
            continue
        locale, app = Locale.parse(tag), Flask("test")
        with app.test_request_context(headers={"Accept-Language": f"{language}-{country}"}):
            known = spoken.speech()
        assert known.language == language
        assert known.twelve == ("a" in locale.time_formats["short"].pattern), tag
        assert known.week == locale.first_week_day + 1, tag


def placeholders(text: str) -> list[str]:
    """The values that a text takes, and its percent signs; every other percent sign would be an error as one looks at it."""
    assert "%" not in re.sub(r"%\(\w+\)s|%%", "", text), text
    return re.findall(r"%\(\w+\)s|%%", text)

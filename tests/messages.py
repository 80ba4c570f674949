"""`make messages`: what the page says goes into the catalogues, and what they say to where it is read.

`watcher/web/languages/LANGUAGE.po` is for people to edit; from it come the `.mo` beside it, which Python reads, and
`watcher/web/static/language-LANGUAGE.js` with what the page's scripts say. All three are committed: nothing has to be
built where watcher runs.
"""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from watcher.web.page.language import FOLDER, LANGUAGES

WATCHER = Path(__file__).parent.parent / "watcher"
STATIC = WATCHER / "web/static"
TRANSLATED = [language for language in LANGUAGES if language != "en"]
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
OPTIONS = {".html": {"silent": "false"}, ".js": {"parse_template_string": "true"}}
# What rooms below say to programs too, in English, and pages in the language of who looks: sentences that stand alone.
# By what they are given to: a name, what is called, or a function that returns them.
BELOW = {
    "media/boxes.py": {"BrokenClipError", "_WITHOUT_SAMPLES"},
    "media/probe.py": {"_picture"},
    "media/signatures.py": {"BrokenClipError"},
    "model/errors.py": {"title"},
    "web/api/health.py": {"_PROBLEMS", "_DAMAGED"},
    "web/http/problems.py": {"PAGES"},
}


def sentences(
    file: IO[bytes], _keywords: Any, _tags: Any, options: Any
) -> Iterator[tuple[int, None, str, list[str]]]:
    """The texts of BELOW, as Babel wants messages: those that are whole, without values in them."""
    del options
    names = BELOW[Path(file.name).relative_to(WATCHER).as_posix()]
    for node in ast.walk(ast.parse(file.read())):
        for value in given(node, names):
            within = {
                part for text in ast.walk(value) if isinstance(text, ast.JoinedStr) for part in ast.walk(text)
            }
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and part not in within:
                    yield part.lineno, None, part.value, []


def given(node: ast.AST, names: set[str]) -> list[ast.expr]:
    """What is given to one of some names there."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id in names for target in targets):
            return list(node.value.values) if isinstance(node.value, ast.Dict) else [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
        return node.args
    if isinstance(node, ast.FunctionDef) and node.name in names:
        return [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value is not None]
    return []


def sources() -> Iterator[tuple[Path, Any]]:
    """The files that speak to people, and how each is read."""
    yield from ((path, "python") for path in sorted(WATCHER.glob("web/page/*.py")))
    yield from ((path, "jinja2") for path in sorted(WATCHER.glob("web/templates/*.html")))
    yield from (
        (path, "javascript") for path in sorted(STATIC.glob("*.js")) if not path.name.startswith("language-")
    )
    yield from ((WATCHER / name, sentences) for name in BELOW)


def extracted() -> Catalog:
    """Every message of the sources, with the files that it is in."""
    catalog = Catalog(project="watcher", charset="utf-8")
    for path, method in sources():
        with path.open("rb") as file:
            for _line, message, _comments, context in extract(
                method, file, keywords=KEYWORDS, options=OPTIONS.get(path.suffix)
            ):
                catalog.add(message, locations=[(path.relative_to(WATCHER).as_posix(), 0)], context=context)
    return catalog


def read(language: str) -> Catalog:
    """The catalogue of a language as it is committed."""
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(language, project="watcher", charset="utf-8")
    return read_po(io.BytesIO(path.read_bytes()), locale=language)


def as_mo(catalog: Catalog) -> bytes:
    """What Python reads."""
    file = io.BytesIO()
    catalog.creation_date = catalog.revision_date = datetime(
        2026, 1, 1, tzinfo=UTC
    )  # the same texts are the same bytes
    write_mo(file, catalog)
    return file.getvalue()


def as_js(catalog: Catalog) -> bytes:
    """What the page's scripts read: their own messages, forms of the plural as a list."""
    spoken = {
        _single(message): list(message.string) if isinstance(message.string, tuple) else message.string
        for message in catalog
        if message.id
        and any(name.endswith(".js") or name.startswith("media/") for name, _line in message.locations)
    }
    return f"globalThis.catalogue = {json.dumps(spoken, ensure_ascii=False, indent=0, sort_keys=True)};\n".encode()


def _single(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def as_po(catalog: Catalog) -> bytes:
    """What people edit: without dates and names, which git knows."""
    file = io.BytesIO()
    write_po(file, catalog, width=120, ignore_obsolete=True, include_lineno=False, omit_header=True)
    head = [
        "Content-Type: text/plain; charset=utf-8",
        f"Language: {catalog.locale}",
        f"Plural-Forms: {catalog.plural_forms}",
    ]
    lines = "".join(f'"{line}\\n"\n' for line in head)
    return (
        f'# {catalog.locale.english_name}. `make messages` keeps the list; CONTRIBUTING.md.\nmsgid ""\nmsgstr ""\n{lines}\n'.encode()
        + file.getvalue()
    )


def main() -> int:
    """Write all catalogues anew; 1 where something is left to translate."""
    template, missing = extracted(), 0
    for language in TRANSLATED:
        catalog = read(language)
        catalog.update(template, no_fuzzy_matching=True)
        (FOLDER / f"{language}.po").write_bytes(as_po(catalog))
        catalog = read(language)
        (FOLDER / f"{language}.mo").write_bytes(as_mo(catalog))
        (STATIC / f"language-{language}.js").write_bytes(as_js(catalog))
        empty = [
            message
            for message in catalog
            if message.id and not all([message.string] if isinstance(message.string, str) else message.string)
        ]
        missing += len(empty)
        print(f"{language}: {len(catalog)} messages, {len(empty)} to translate")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

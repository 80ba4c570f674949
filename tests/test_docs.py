"""The documents tell of everything there is, and their links lead somewhere."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from tests import house
from watcher.cli import _parser, main
from watcher.model import errors
from watcher.model.version import VERSION
from watcher.naming.ignore import IGNORED_NAMES
from watcher.naming.presets import Role, shipped
from watcher.services import open_services
from watcher.settings.load import Settings, describe, load
from watcher.web import create_app
from watcher.web.api.health import CHECKS
from watcher.web.http import problems

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("guide/**/*.md"), *ROOT.glob("design/**/*.md")])

CAMERAS = sorted(ROOT.glob("guide/cameras/*.md"))


def text(name: str) -> str:
    return (ROOT / name).read_text()


CODE = [path for room in ("watcher", "tests", "examples", "release") for path in (ROOT / room).rglob("*.py")]


def test_modules_that_are_named_exist() -> None:
    """In documents and in comments; the log of changes and the migrations tell of their own time."""
    modules = {path.relative_to(ROOT).as_posix() for path in CODE}
    tells = {ROOT / "CHANGELOG.md", *(ROOT / "watcher").glob("catalog/migrations/versions/*.py")}
    for path in {*DOCUMENTS, *(path for path in CODE if path.is_relative_to(ROOT / "watcher"))} - tells:
        for name in re.findall(r"`([\w/]+\.py)`", path.read_text()):
            assert any(f"/{module}".endswith(f"/{name}") for module in modules), (path, name)


def test_every_setting_is_explained() -> None:
    """With its name; and no setting is explained that does not exist."""
    names = {name for name, _, _ in describe(load({}))}
    explained = set(re.findall(r"^\| `(\w+\.\w+)` \|", text("guide/settings.md"), re.MULTILINE))
    assert explained == names


def test_every_route_is_explained(tmp_path: Path) -> None:
    """As nginx and the application have it together."""
    app = create_app(open_services(Settings(), tmp_path))
    routes = {
        "/watcher" + re.sub(r"<(?:\w+:)?(?:clip_|export_)?(\w+)>", r"<\1>", rule.rule)
        for rule in app.url_map.iter_rules()
        if not app.view_functions[rule.endpoint].declared.internal
    }
    explained = set(re.findall(r"`(?:GET|PUT|PATCH|POST|DELETE) (/watcher/[^`?]*)`", text("guide/api.md")))
    assert explained == routes


def test_every_command_is_explained() -> None:
    """And each of its options that is shown."""
    commands = next(a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    explained = set(re.findall(r"^\| `watcher (\w+)` \|", text("guide/running.md"), re.MULTILINE))
    assert explained == set(commands.choices)
    for name, parser in commands.choices.items():
        for action in parser._actions:
            if action.help != argparse.SUPPRESS and action.option_strings and action.dest != "help":
                assert action.option_strings[0] in text("guide/running.md"), (name, action.option_strings)


def test_every_error_code_is_explained() -> None:
    """Ours, HTTP's and nginx's, each with its status."""
    codes = {kind.code: status for kind, status in problems.STATUS.items()}
    codes |= {code: status for status, code in problems.HTTP_CODES.items()}
    nginx = re.findall(r'return (\d+) \'\{.*?"code":"(\w+)"', text("etc/nginx/server.conf"))
    match = re.search(r"map \$status \$watcher_code \{(.*?)\}", text("etc/nginx/http.conf"), re.DOTALL)
    assert match
    nginx += re.findall(r"(\d+) (\w+);", match[1])
    codes |= {code: int(status) for status, code in nginx} | {errors.WatcherError.code: 500}
    table = {
        code: statuses
        for row, statuses in re.findall(r"^\| (`.*?`) \| ([\d, ]+|other) \|", text("guide/api.md"), re.MULTILINE)
        for code in re.findall(r"`(\w+)`", row)
    }
    assert set(table) == set(codes) | {"http"}
    for code, status in codes.items():
        assert str(status) in table[code] or code == "bad_parameter", code


def test_every_check_is_explained() -> None:
    """What readyz can say is wrong, and what to do."""
    explained = set(re.findall(r"^\| `(\w+)` \|", text("guide/running.md"), re.MULTILINE))
    assert set(CHECKS) <= explained


def test_every_ignored_name_is_explained() -> None:
    """So that nobody wonders where a file is."""
    for name in IGNORED_NAMES:
        assert name in text("guide/clips.md") or name == ".*", name


@pytest.mark.parametrize("page", sorted(ROOT.glob("guide/*.md")), ids=lambda p: p.stem)
def test_each_page_of_the_guide_begins_with_what_one_gets(page: Path) -> None:
    """By a sentence below its title, before any heading, table or command; and the guide's start page leads to it."""
    title, empty, first = page.read_text().splitlines()[:3]
    assert title.startswith("# ")
    assert not empty
    assert re.match(r"[\w`\[*]", first), first
    assert page.stem == "README" or f"({page.name})" in text("guide/README.md")


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    """Versions with their dates, newest first, and every change in one of the groups, each of them there once."""
    _, *versions = re.split(r"^## ", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[0].startswith("[Unreleased]\n")
    assert all(re.match(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d\n", version) for version in versions[1:])
    for version in versions:
        _, *groups = re.split(r"^(?=### )", version, flags=re.MULTILINE)
        names = [group.splitlines()[0].removeprefix("### ") for group in groups]
        assert set(names) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
        assert len(names) == len(set(names))
        loose = version.partition("\n### ")[0].splitlines()[1:]
        assert not [line for line in loose if line.strip()], "a change stands below the heading of its group"


def test_the_version_that_documents_name_is_the_one_there_is() -> None:
    """In names of files and images; so that what is pasted works."""
    for document in [*ROOT.glob("guide/*.md"), ROOT / "README.md"]:
        named = re.findall(r"watcher(?:_clips-|:)(\d+\.\d+\.\d+)", document.read_text())
        assert set(named) <= {VERSION}, document


def test_the_house_in_contributing_is_as_the_imports_are() -> None:
    """Each room on its floor: what `make house` says."""
    lines = re.findall(r"^    (\d)  (\w+(?:  \w+)*)", text("CONTRIBUTING.md"), re.MULTILINE)
    assert {int(floor): set(rooms.split()) for floor, rooms in lines} == {
        floor: set(rooms) for floor, rooms in house.floors(house.arrows()).items()
    }


def test_every_room_is_in_the_architecture() -> None:
    """As it is called there."""
    for path in (ROOT / "watcher").iterdir():
        if (path / "__init__.py").is_file():
            assert f"`{path.name}/`" in text("design/architecture.md"), path.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """To files that are there."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("page", CAMERAS, ids=lambda p: p.stem)
def test_the_examples_of_names_are_what_the_command_says(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every path on the page of a recorder's family, run through `watcher names`; and the tables there are accepted."""
    monkeypatch.setenv("WATCHER_SITE__TIMEZONE", "Europe/Berlin")
    examples = re.findall(r"^    \$ watcher names '(.+)'\n((?:    .+\n)+)", page.read_text(), re.MULTILINE)
    assert examples
    for key, expected in examples:
        with pytest.raises(SystemExit):
            main(["names", "--data", "/nonexistent", key])
        lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("  not")]
        assert lines == [line.removeprefix("    ") for line in expected.splitlines()], key


def test_every_preset_is_on_a_page() -> None:
    """By an example or a binding; those of pictures and the general ones need none."""
    pages = "".join(page.read_text() for page in CAMERAS)
    shown = set(re.findall(r"^      preset   (.+?):|preset = \"(.+?)\"", pages, re.MULTILINE))
    names = {name for pair in shown for name in pair}
    own = {preset.name for preset in shipped() if preset.role is Role.CLIP}
    assert own - names == {"axis-edge-chunk", "mediamtx-offset", "mediamtx-epoch", "day-folders", "stamp"}


@pytest.mark.parametrize("page", [ROOT / "guide/naming.md", *CAMERAS], ids=lambda p: p.stem)
def test_the_tables_of_the_guide_are_accepted(page: Path, tmp_path: Path) -> None:
    """As they stand there; and its own pattern reads its example."""
    blocks = re.findall(r"(?:^    .*\n)+", page.read_text(), re.MULTILINE)
    tables = "\n".join(block for block in blocks if "[[naming." in block)
    path = tmp_path / "watcher.toml"
    path.write_text(re.sub(r"^    ", "", tables, flags=re.MULTILINE))
    naming = load({"WATCHER_CONFIG": str(path)}).settings.naming
    count = len(naming.presets) + len(naming.folders) + len(naming.cameras)
    assert count == page.read_text().count("[[naming.") - page.read_text().count("`[[naming.")


def test_make_targets_of_the_readme_exist() -> None:
    """Every `make x` in a document is a target."""
    targets = set(re.findall(r"^(\w+):", text("Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^    |`)make (\w+)", document.read_text(), re.MULTILINE):
            assert target in targets, (document, target)


def test_the_services_of_compose_are_explained() -> None:
    """Each with what it does, and each variable that can be set."""
    compose = text("compose.yaml")
    services = re.findall(r"^  (\w+):$", compose.partition("\nservices:")[2], re.MULTILINE)
    guide = text("guide/docker.md")
    assert services
    for name in services:
        assert f"| `{name}` |" in guide, name
    for variable in set(re.findall(r"\$\{(\w+):-", compose)):
        assert variable in guide, variable


def test_no_address_of_a_registry_is_in_the_requirements() -> None:
    """Whoever installs chooses where from; what is installed is fixed by its hash."""
    for path in (ROOT / "requirements").iterdir():
        content = path.read_text()
        assert "://" not in content
        if path.suffix == ".txt":
            pins = re.findall(r"^[a-z0-9-]+==", content, re.MULTILINE)
            assert pins
            assert content.count("--hash=sha256:") > len(pins)

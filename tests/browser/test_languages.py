"""The page in the language of whoever looks: as the browser asks, until somebody chooses."""

from __future__ import annotations

import re

import pytest
import requests
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watched
from tests.messages import TRANSLATED
from tests.running import RunningUnit
from watcher.web.page import language as spoken

pytestmark = pytest.mark.browser

GERMAN = {"locale": "de-DE"}


def choose(page: Page, **choices: str) -> None:
    """By the form in the menu, as a person does."""
    page.locator("#menu > summary").click()
    page.locator(".speech > summary").click()
    for name, value in choices.items():
        page.locator(f".speech [name={name}]").select_option(value)
    with page.expect_navigation():
        page.locator(".speech button").click()


@pytest.mark.parametrize("watched", [GERMAN], indirect=True)
def test_a_german_sees_german_and_chooses_french(watched: Watched, shelf: list[dict]) -> None:
    """What the server writes and what scripts say; the choice stays, for every page, and can be taken back."""
    page = watched.open("/watcher/?camera=gate")
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.locator(".screens a").nth(1)).to_have_text("Zeitachse")
    expect(page.locator(".day h2").first).to_contain_text("Samstag, 21. November 2026")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("zu einem Datum oder einer Uhrzeit gehen")
    page.keyboard.press("Escape")
    choose(page, language="fr")
    assert page.url == watched.unit.url("/watcher/?camera=gate")
    for again in range(2):
        assert page.evaluate("document.documentElement.lang") == "fr"
        expect(page.locator(".day h2").first).to_contain_text("samedi 21 novembre 2026")
        if not again:
            page.reload()
    watched.open("/watcher/status")
    expect(page.locator("h1")).to_contain_text("3 caméras sont muettes")
    choose(page, language="")
    expect(page.locator("h1")).to_contain_text("3 Kameras schweigen")


@pytest.mark.parametrize("watched", [{**GERMAN, "java_script_enabled": False}], indirect=True)
def test_a_language_is_chosen_without_scripts(watched: Watched, shelf: list[dict]) -> None:
    """A form, and a cookie."""
    page = watched.open("/watcher/status")
    expect(page.locator("h1")).to_contain_text("3 Kameras schweigen")
    choose(page, language="pl", clock="12")
    expect(page.locator("h1")).to_contain_text("3 kamery milczą")
    page.reload()
    expect(page.locator(".camera-card").nth(1)).to_contain_text("21 lis, 9:30 AM")


def test_who_asks_for_a_language_that_is_not_there_gets_english(unit: RunningUnit) -> None:
    """The first that there is counts; and whoever keeps an answer keeps it for its language alone."""
    for accepted, language in [
        ("ru,en;q=0.5", "en"),
        ("sv", "en"),
        ("ru,nl-BE;q=0.8,de;q=0.5", "nl"),
        ("*", "en"),
        ("", "en"),
    ]:
        answer = unit.get("/watcher/", headers={"Accept": "text/html", "Accept-Language": accepted})
        assert f'<html lang="{language}"' in answer.text, accepted
        assert {"Accept-Language", "Cookie"} <= {name.strip() for name in answer.headers["Vary"].split(",")}
    for wrong in ("xx", "../de", "de\n"):
        answer = requests.post(
            unit.url("/watcher/language"), data={"language": wrong}, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 303
        assert "watcher_language=;" in answer.headers["Set-Cookie"]


def test_errors_and_the_installed_page_speak(unit: RunningUnit) -> None:
    """An error to a person, but never to a program; the page for being offline, and the worker that keeps it."""
    german = {"Accept-Language": "de", "Accept": "text/html"}
    assert "Diese Seite gibt es nicht" in unit.get("/watcher/nothing", headers=german).text
    assert "Diesen Clip gibt es nicht" in unit.get("/watcher/watch/999999", headers=german).text
    program = unit.get("/watcher/clips/999999", headers={**german, "Accept": "application/json"})
    assert program.json()["title"] == "No such clip"
    assert "Keine Verbindung" in unit.get("/watcher/offline", headers=german).text
    worker = unit.get("/watcher/worker.js", headers=german)
    assert re.findall(r"language-\w+\.js", worker.text) == ["language-de.js"]
    assert "language-" not in unit.get("/watcher/worker.js").text


def test_back_is_a_page_of_ours(unit: RunningUnit) -> None:
    """Whatever a request says it came from."""
    for referrer, to in [
        (unit.url("/watcher/status?hidden=yes"), "/watcher/status?hidden=yes"),
        ("https://elsewhere.example/watcher/day", "/watcher/day"),
        ("https://elsewhere.example//evil.example/watcher/", "/watcher/"),
        ("javascript:alert(1)", "/watcher/"),
        ("https://[", "/watcher/"),
    ]:
        answer = requests.post(
            unit.url("/watcher/language"), headers={"Referer": referrer}, timeout=10, allow_redirects=False
        )
        assert answer.headers["Location"] == to


@pytest.mark.parametrize("watched", [{"locale": "en-US"}], indirect=True)
def test_the_clock_and_the_week_are_those_of_the_country(watched: Watched, shelf: list[dict]) -> None:
    """Until somebody chooses: on cards from the server and from the API, over pictures, on the axis, in the calendar."""
    page = watched.open("/watcher/?camera=gate")
    card = page.locator(".card").first
    expect(card.locator("time")).to_have_text("9:30:00 AM", use_inner_text=False)
    page.locator(".when .moment").click()
    expect(page.locator(".calendar th").first).to_have_text("Sun")
    first = page.locator(".calendar td button[value='2026-11-01']")
    assert (
        first.evaluate("button => [...button.closest('tr').children].indexOf(button.parentElement)") == 0
    )  # a Sunday
    page.locator(".calendar input").fill("4pm")
    expect(page.locator(".calendar .preview")).to_contain_text("4:00 PM")
    page.keyboard.press("Escape")
    page = watched.open("/watcher/day/2026-11-21")
    expect(page.locator(".pane .clock").first).to_have_text("9:40:00 AM")
    page = watched.open("/watcher/")
    choose(page, clock="24", week="monday")
    expect(page.locator(".card").first.locator("time")).to_contain_text("09:")
    page.locator(".when .moment").click()
    expect(page.locator(".calendar th").first).to_have_text("Mon")


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
def test_server_and_scripts_write_the_same(
    language: str, browser: Browser, shelf: list[dict], unit: RunningUnit
) -> None:
    """Days, moments and numbers of clips: what a script writes anew does not change under one's eyes."""
    context = browser.new_context(locale={"en": "en-GB"}.get(language, language), service_workers="block")
    page = context.new_page()
    page.goto(unit.url("/watcher/"))
    static = page.evaluate("document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')")
    numbers = [1, 999, 1204, 12045, 1234567]
    with Flask("test").test_request_context(headers={"Accept-Language": language}):
        written = [spoken.number(number) for number in numbers]
    assert written == page.evaluate(
        "async ([static, numbers]) => numbers.map((await import(static + 'texts.js')).number)", [static, numbers]
    )
    plain = requests.Session()
    head = {"Accept-Language": language, "Accept": "text/html"}
    for day in [f"2026-{month:02}-{month + 5:02}" for month in range(1, 13)]:  # every month, every day of a week
        title, short = page.evaluate(
            "async ([static, day]) => { const times = await import(static + 'times.js'); return [times.dayTitle(day), times.dayShort(day)]; }",
            [static, day],
        )
        written = plain.get(unit.url(f"/watcher/day/{day}"), headers=head, timeout=10).text
        assert f'id="title">{title}</h1>' in written
        assert f'<span id="when">{short}</span>' in written
    context.close()


@pytest.mark.parametrize("watched", [{"locale": "pl-PL"}], indirect=True)
def test_numbers_have_their_form(watched: Watched, shelf: list[dict]) -> None:
    """Polish has three: 1, 2 to 4, and the rest; 22 is as 2, and 12 is not."""
    page = watched.open("/watcher/")
    static = page.evaluate("document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')")
    phrases = page.evaluate(
        "async (static) => { const { texts } = await import(static + 'texts.js'); return [1, 2, 5, 12, 22, 12045].map(texts.clips); }",
        static,
    )
    assert phrases == ["1 klip", "2 klipy", "5 klipów", "12 klipów", "22 klipy", "12\u00a0045 klipów"]
    expect(page.locator("#count").or_(page.locator(".day .count").first)).to_have_text("20 klipów")


@pytest.mark.parametrize("watched", [GERMAN], indirect=True)
def test_moments_are_typed_as_one_says_them(watched: Watched, shelf: list[dict]) -> None:
    """Months, days and a few words of the page's language, beside the English ones."""
    page = watched.open("/watcher/")
    page.locator(".when .moment").click()
    for typed, understood in [
        ("21. Nov. 08:17", "Samstag, 21. November 2026, 08:17"),
        ("3 märz 2026 16 uhr", "Dienstag, 3. März 2026, 16:00"),
        ("21 dec 2025 4pm", "Sonntag, 21. Dezember 2025, 16:00"),
    ]:
        page.locator(".calendar input").fill(typed)
        expect(page.locator(".calendar .preview")).to_have_text(understood)
    now, before = page.evaluate(
        """async () => { const static = document.querySelector('script[type=module]').src.replace(/[^/]+$/, ''), { read } = await import(static + 'typed.js');
        const now = Date.parse('2026-11-21T12:00:00Z'), of = (text) => read(text, { now, day: '2026-11-21', zone: 'UTC' }).map(({ at }) => new Date(at).toISOString());
        return [of('gestern 16:05'), of('letzten Dienstag 7 Uhr')]; }"""
    )
    assert now == ["2026-11-20T16:05:00.000Z"]
    assert before == ["2026-11-17T07:00:00.000Z", "2026-11-17T19:00:00.000Z"]  # which of them is asked


@pytest.mark.parametrize("language", ["de", "pl", "fr"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_long_words_fit(language: str, width: int, browser: Browser, shelf: list[dict], unit: RunningUnit) -> None:
    """No screen is wider than its window, and no button's words are wider than the button."""
    context = browser.new_context(
        locale=language, viewport={"width": width, "height": 800}, service_workers="block"
    )
    page = context.new_page()
    clip = next(clip["id"] for clip in shelf if clip["state"] == "ready")
    for path in (
        "/watcher/",
        "/watcher/day/2026-11-21",
        "/watcher/status",
        f"/watcher/watch/{clip}",
        "/watcher/side-by-side",
        "/watcher/review",
    ):
        page.goto(unit.url(path))
        page.wait_for_load_state("load")
        wide = "[...document.body.querySelectorAll('*')].filter((node) => node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 90))"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, page.evaluate(wide))
        cut = page.evaluate(
            """[...document.querySelectorAll('button, .button, .screens a, summary')].filter((node) => node.offsetWidth && !node.closest('.names')
            && getComputedStyle(node).overflow !== 'visible' && node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent.trim())"""
        )
        assert cut == [], path
    context.close()

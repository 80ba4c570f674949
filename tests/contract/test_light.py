"""Clips by day, twilight and night, on each engine: by the sun where the site is known, else by the picture."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.rows import Rendered
from watcher.model.clip import ClipFilter, Light, Sprite

HOUR = timedelta(hours=1)


def keys(catalog: Catalog, *light: Light, **more: object) -> list[str]:
    page = catalog.clips.find(ClipFilter(light=light, **more), limit=50, newest_first=False)
    return [clip.key for clip in page.clips]


def test_by_the_sun(catalog: Catalog) -> None:
    """Whatever pictures look like; also of clips that were there before, and after their start was corrected."""
    catalog.writes.put([probed(f"{'ab'[n % 2]}/{n}.mp4", 60 * n) for n in range(6)], now=START)
    assert keys(catalog, Light.DAY) == []
    assert catalog.clips.by_key("a/0.mp4").light is None
    lights = [(START - HOUR, Light.NIGHT), (START + HOUR, Light.TWILIGHT), (START + 3 * HOUR, Light.DAY)]
    catalog.daylight.set_sun("here", lights)
    assert catalog.daylight.sun_of() == "here"
    assert keys(catalog, Light.NIGHT) == ["a/0.mp4"]
    assert keys(catalog, Light.TWILIGHT) == ["b/1.mp4", "a/2.mp4"]
    assert keys(catalog, Light.TWILIGHT, Light.DAY, cameras=("b",)) == ["b/1.mp4", "b/3.mp4", "b/5.mp4"]
    first = catalog.clips.by_key("a/0.mp4")
    catalog.renditions.set_sprite(
        first.id, "a/0.mp4", Sprite("0/0-a/0.mp4.sprite.webp", 2, 2, 1, 1, None, Light.DAY)
    )
    assert catalog.clips.by_key("a/0.mp4").light is Light.NIGHT
    catalog.daylight.set_sun("", [])
    assert catalog.clips.by_key("a/0.mp4").light is Light.DAY
    assert catalog.daylight.sun_of() == ""


def test_by_the_picture(catalog: Catalog) -> None:
    """As the sprite has it, and until another one is made."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(3)], now=START)
    for number, light in enumerate((Light.DAY, Light.NIGHT)):
        clip = catalog.clips.by_key(f"a/{number}.mp4")
        catalog.renditions.set_sprite(
            clip.id, clip.key, Sprite(f"0/x-a/{number}.mp4.sprite.webp", 2, 2, 1, 1, None, light)
        )
    assert keys(catalog, Light.NIGHT) == ["a/1.mp4"]
    assert keys(catalog, Light.NIGHT, Light.DAY) == ["a/0.mp4", "a/1.mp4"]
    last = catalog.clips.by_key("a/2.mp4")
    sprite = msgspec.json.encode(Sprite("0/2-a/2.mp4.sprite.webp", 2, 2, 1, 1, 5, Light.TWILIGHT)).decode()
    catalog.renditions.set_posters([Rendered(last.id, last.key, "0/2-a/2.mp4.webp", None, sprite, 0)])
    assert keys(catalog, Light.TWILIGHT) == ["a/2.mp4"]

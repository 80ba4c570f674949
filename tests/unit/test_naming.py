"""What a key tells: every way of naming that we know, in several zones, and back."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from watcher.model.clip import TimeQuality
from watcher.naming.presets import Base, Camera, Folder, NamingError, Preset, Role, shipped
from watcher.naming.reader import UNSORTED, Naming
from watcher.naming.template import Template, TemplateError, Token

BERLIN, CHICAGO, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Chicago"), ZoneInfo("Asia/Kolkata")
ZONES = [ZoneInfo("Europe/London"), CHICAGO, KOLKATA]
LATER = datetime(2026, 12, 24, tzinfo=UTC)

# Preset, key, start and end as the name has them, camera; in local time unless there is an offset.
ROWS = [
    ("reolink-ftp", "2026/01/Camera1_00_20260125173000.mp4", "2026-01-25T17:30:00", None, "Camera1"),
    ("reolink-ftp", "2026/01/25/Front Door_02_20260125173000.mp4", "2026-01-25T17:30:00", None, "Front Door-2"),
    ("reolink-jpg", "2026/01/25/Camera1_00_20260125173000.jpg", "2026-01-25T17:30:00", None, "Camera1"),
    (
        "reolink-sd",
        "porch/Mp4Record/2023-04-26/RecS02_DST20230426_145918_150032_2B14808_32F1DF.mp4",
        "2023-04-26T14:59:18",
        "2023-04-26T15:00:32",
        "porch",
    ),
    (
        "reolink-sd",
        "Mp4Record/2023-01-26/RecM01_20230126_235918_000032_2B14808_32F1DF.mp4",
        "2023-01-26T23:59:18",
        "2023-01-27T00:00:32",
        UNSORTED,
    ),
    (
        "dahua-ftp",
        "2019-05-09/001/dav/21/21.04.49-21.05.14[M][0@0][0].mp4",
        "2019-05-09T21:04:49",
        "2019-05-09T21:05:14",
        UNSORTED,
    ),
    (
        "dahua-ftp",
        "nvr/4A01/2019-05-09/003/dav/23/23.50.00-00.05.00[R][0@0][0].dav",
        "2019-05-09T23:50:00",
        "2019-05-10T00:05:00",
        "nvr-3",
    ),
    ("dahua-jpg", "2019-05-09/001/jpg/06/07/27[M][0@0][0].jpg", "2019-05-09T06:07:27", None, UNSORTED),
    ("dahua-jpg", "gate/2019-05-09/001/jpg/06/06.07.27[M][0@0][0].jpg", "2019-05-09T06:07:27", None, "gate"),
    (
        "hikvision-ftp",
        "192.168.1.64_01_20190827095800502_MOTION_DETECTION.jpg",
        "2019-08-27T09:58:00.502",
        None,
        "192.168.1.64",
    ),
    ("hikvision-nas", "nas/datadir0/hiv00012.mp4", None, None, "nas"),
    ("tapo-ha", "1706108297-1706108310.mp4", "2024-01-24T14:58:17Z", "2024-01-24T14:58:30Z", UNSORTED),
    ("pytapo", "tapo/2024-01-24 14_58_17.mp4", "2024-01-24T14:58:17Z", None, "tapo"),
    ("axis-edge", "20250114_093000_1A2B_ACCC8E123456/0.mkv", "2025-01-14T09:30:00", None, "ACCC8E123456"),
    ("axis-edge-chunk", "20250114_093000_1A2B_ACCC8E123456/20250114_09/3.mkv", None, None, "ACCC8E123456"),
    ("unifi-export", "Front Door - 2-9-2020, 11.21.12pm.mp4", "2020-02-09T23:21:12", None, "Front Door"),
    ("unifi-export", "Front Door - 12-31-2020, 12.00.01am.mp4", "2020-12-31T00:00:01", None, "Front Door"),
    (
        "unifi-protect-backup",
        "Front/2024-05-01/2024-05-02T00-00-31 person.mp4",
        "2024-05-01T23:59:31",
        "2024-05-02T00:00:31",
        "Front",
    ),
    ("wyze-sd", "2CAA8E010203/record/20210503/14/07.mp4", "2021-05-03T14:07:00", None, "2CAA8E010203"),
    ("wyze-bridge", "FRONT_2026-03-05_12-00-00_EST.mp4", "2026-03-05T12:00:00", None, "FRONT"),
    ("blink", "front-door-2024-01-15t14-30-22z.mp4", "2024-01-15T14:30:22Z", None, "front-door"),
    ("blink", "front-door-2024-01-15t14-30-22-00-00.mp4", "2024-01-15T14:30:22Z", None, "front-door"),
    (
        "blink-app",
        "Roof_Rear_Corner_2020-11-09T10_30_54-0800.mp4",
        "2020-11-09T10:30:54-08:00",
        None,
        "Roof_Rear_Corner",
    ),
    ("blink-app", "blink/2020-11-09T10_30_54+00_00.mp4", "2020-11-09T10:30:54Z", None, "blink"),
    ("ring-share", "RingVideo_20260909_132147.MP4", "2026-09-09T13:21:47", None, UNSORTED),
    (
        "tesla",
        "TeslaCam/SentryClips/2026-03-13_20-45-10/2026-03-13_20-44-14-left_repeater.mp4",
        "2026-03-13T20:44:14",
        None,
        "left_repeater",
    ),
    ("tesla", "TeslaCam/RecentClips/2026-03-13_20-44-14-front.mp4", "2026-03-13T20:44:14", None, "front"),
    ("blue-iris", "FrontDoor.20260305_120000.mp4", "2026-03-05T12:00:00", None, "FrontDoor"),
    ("blue-iris", "FrontDoor/FrontDoor.20260305_120000.avi", "2026-03-05T12:00:00", None, "FrontDoor"),
    (
        "synology-ss",
        "Family Room/20170307AM/Family Room20170307-084321-1488897801.mp4",
        "2017-03-07T14:43:21Z",
        None,
        "Family Room",
    ),
    ("frigate-recordings", "recordings/2026-03-05/17/front/04.10.mp4", "2026-03-05T17:04:10Z", None, "front"),
    (
        "frigate-export",
        "exports/back_yard_20260305_120000-20260305_120130_x1y2z3.mp4",
        "2026-03-05T12:00:00",
        "2026-03-05T12:01:30",
        "back_yard",
    ),
    ("motion", "hall/01-20260305120000.mkv", "2026-03-05T12:00:00", None, "hall"),
    ("motion-jpg", "hall/01-20260305120000-00.jpg", "2026-03-05T12:00:00", None, "hall"),
    ("camera-watcher", "front/2024/04/17/20240417_120000_front_17.mp4", "2024-04-17T12:00:00", None, "front"),
    ("day-folder", "Camera1/2026-03-05/12-00-00.mp4", "2026-03-05T12:00:00", None, "Camera1"),
    ("yi-hack", "2022Y03M09D15H/E123M45S67.mp4", "2022-03-09T15:23:45", "2022-03-09T15:24:52", UNSORTED),
    ("yi-hack", "yard/2022Y03M09D15H/23M45S07.mp4", "2022-03-09T15:23:45", "2022-03-09T15:23:52", "yard"),
    ("mediamtx", "cam1/2026-03-05_12-00-00-123456.mp4", "2026-03-05T12:00:00.123456", None, "cam1"),
    ("mediamtx-offset", "a/cam1/2026-03-05_12-00-00-123456+0100.mp4", "2026-03-05T11:00:00.123456Z", None, "cam1"),
    ("foscam", "record/MDalarm_20171016_214239.mkv", "2017-10-16T21:42:39", None, UNSORTED),
    ("foscam", "den/record/alarm_20171016_214239.avi", "2017-10-16T21:42:39", None, "den"),
    ("foscam-jpg", "den/snap/MDAlarm_20171016-214239.jpg", "2017-10-16T21:42:39", None, "den"),
    (
        "esp32-cam",
        "20200130/20200130_201015_VGA_15_60.avi",
        "2020-01-30T20:10:15",
        "2020-01-30T20:11:15",
        UNSORTED,
    ),
    ("shinobi", "ke1/fixture1/2026-10-01T12-00-00.mp4", "2026-10-01T12:00:00", None, "fixture1"),
    ("day-folder", "live/cam1/2021-01-07/01-41-28.mp4", "2021-01-07T01:41:28", None, "cam1"),
    ("day-folder", "garage/2021-01-07/14:03:11.mp4", "2021-01-07T14:03:11", None, "garage"),
    (
        "brickcom",
        "20140509-235500-000000_192.168.1.11-CH2.mp4",
        "2014-05-09T23:55:00",
        "2014-05-10T00:00:00",
        "192.168.1.11-CH2",
    ),
    ("stamp-with-offset", "cam1_20261121_014304-0500.mp4", "2026-11-21T01:43:04-05:00", None, "cam1"),
    ("panasonic", "20260305/1M123455.mp4", "2026-03-05T12:34:55", None, UNSORTED),
    ("day-folder", "porch/2026-11-21/070000.mp4", "2026-11-21T07:00:00", None, "porch"),
    ("day-folders", "porch/2026/11/21/07-00-00.mp4", "2026-11-21T07:00:00", None, "porch"),
    ("stamp", "x/20240229_235959.mp4", "2024-02-29T23:59:59", None, "x"),
    ("stamp", "back yard 2026-11-21 07.00.00.mp4", "2026-11-21T07:00:00", None, "back yard"),
    (None, "x/20230229_235959.mp4", None, None, "x"),  # no leap year
    (None, "x/19700101_000000.mp4", None, None, "x"),  # a camera without a clock
    (None, "x/20991231_000000.mp4", None, None, "x"),
    (None, "x/20260230_250000.mp4", None, None, "x"),
    (None, "x/clip.mp4", None, None, "x"),
    (None, "clip.mp4", None, None, UNSORTED),
    (None, "192.168.1.64/event 12345678.mp4", None, None, "192.168.1.64"),
]


def moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(("preset", "key", "start", "end", "camera"), ROWS, ids=[row[1] for row in ROWS])
def test_every_way_of_naming(
    preset: str | None, key: str, start: str | None, end: str | None, camera: str, zone: ZoneInfo
) -> None:
    """Camera, start and end, by the preset that is meant for it."""
    reading = Naming(zone).read(key, modified_at=LATER, duration_seconds=60)
    assert (reading.preset, reading.camera) == (preset, camera)
    assert (reading.start and reading.start.at) == moment(start, zone)
    assert reading.end_at == moment(end, zone)


def test_every_preset_has_a_row() -> None:
    """Or nobody has said what it should read."""
    tested = {row[0] for row in ROWS}
    assert {preset.name for preset in shipped() if preset.automatic} - tested <= {"mediamtx-epoch"}
    assert len({preset.name for preset in shipped()}) == len(shipped())


def test_a_local_time_beside_an_epoch_tells_the_offset() -> None:
    """Synology writes both: 08:43:21 and 14:43:21Z are six hours apart."""
    key = "Family Room/20170307AM/Family Room20170307-084321-1488897801.mp4"
    start = Naming(BERLIN).read(key, modified_at=LATER).start
    assert (start.offset_seconds, start.quality) == (-6 * 3600, TimeQuality.SURE)
    assert Naming(BERLIN).read("cam1_20261121_014304-0500.mp4", modified_at=LATER).start.offset_seconds == -5 * 3600
    assert Naming(BERLIN).read("1706108297-1706108310.mp4", modified_at=LATER).start.offset_seconds == 3600


# — changes of summer time —


@pytest.mark.parametrize(
    ("modified", "started", "quality"),
    [
        ("2026-10-25T00:31:00", "2026-10-25T00:30:00", "resolved"),
        ("2026-10-25T01:31:00", "2026-10-25T01:30:00", "resolved"),
        ("2026-11-20T01:31:00", "2026-10-25T00:30:00", "guessed"),  # copied later: it speaks for neither
    ],
)
def test_the_hour_that_comes_twice_is_told_apart_by_the_files_time(
    modified: str, started: str, quality: str
) -> None:
    """A minute from 02:30 that was closed at 00:31 UTC is of the first 02:30, and at 01:31 UTC of the second."""
    modified_at = datetime.fromisoformat(modified + "+00:00")
    start = Naming(BERLIN).read("x/2026-10-25/023000.mp4", modified_at=modified_at, duration_seconds=60).start
    assert (start.at, start.quality) == (datetime.fromisoformat(started + "+00:00"), quality)


@pytest.mark.parametrize(("flag", "started"), [("DST", "06:30:00"), ("", "07:30:00")])
def test_a_flag_in_the_name_decides_which_hour_it_was(flag: str, started: str) -> None:
    """Reolink says whether summer time was on: 01:30 in Chicago on the day it ended."""
    key = f"Mp4Record/2026-11-01/RecM01_{flag}20261101_013000_013500_2B14808_32F1DF.mp4"
    start = Naming(CHICAGO).read(key, modified_at=LATER).start
    assert (start.at.isoformat(), start.quality) == (f"2026-11-01T{started}+00:00", TimeQuality.SURE)


@pytest.mark.parametrize(("abbreviation", "started"), [("CDT", "06:30:00"), ("CST", "07:30:00")])
def test_an_abbreviation_of_the_zone_decides_too(abbreviation: str, started: str) -> None:
    """It is ambiguous around the world, but not within one zone."""
    start = Naming(CHICAGO).read(f"FRONT_2026-11-01_01-30-00_{abbreviation}.mp4", modified_at=LATER).start
    assert (start.at.isoformat(), start.quality) == (f"2026-11-01T{started}+00:00", TimeQuality.SURE)


def test_the_hour_that_never_was_is_read_somehow_and_marked() -> None:
    """A camera that does not know of summer time writes 02:30 on the day it begins: 01:30 UTC by its own clock."""
    start = Naming(BERLIN).read("x/2026-03-29/023000.mp4", modified_at=LATER).start
    assert (start.at.isoformat(), start.quality) == ("2026-03-29T01:30:00+00:00", TimeQuality.GUESSED)


def test_kolkata_has_no_such_hours() -> None:
    """Nothing is guessed where nothing changes."""
    start = Naming(KOLKATA).read("x/2026-10-25/023000.mp4", modified_at=LATER).start
    assert (start.quality, start.offset_seconds) == (TimeQuality.SURE, 19800)


# — a name that is written is read back —


def write(tokens: tuple[Token, ...], start: datetime, end: datetime, chance: random.Random) -> str:
    """A name in a pattern's form, as the camera would write it."""
    text = ""
    for token in tokens:
        at = end if token.end else start
        if token.kind == "literal":
            text += token.text
        elif token.kind == "optional":
            flag = token.inside[0].kind == "dst"
            if bool(start.dst()) if flag else chance.random() < 0.5:
                text += write(token.inside, start, end, chance)
        elif token.kind == "s":
            text += str(int(at.timestamp()))
        elif token.kind == "f":
            text += f"{at.microsecond // 1000:03d}"
        elif token.kind[-1] in "YymdHIMSpzZ" and len(token.kind) < 3:
            text += at.strftime("%" + token.kind)
        else:
            text += {
                "camera": "Front Door",
                "channel": "01",
                "duration": str(round(end.timestamp() - start.timestamp())),
                "tags": "motion",
                "dst": "DST",
                "n": "17",
                "hex": "2B14F08",
                "sep": "-",
                "*": "clip_",
                "**": "house/yard",
            }[token.kind]
    return text


@pytest.mark.parametrize("preset", [p for p in shipped() if p.base is not Base.NONE], ids=lambda p: p.name)
def test_what_is_written_is_read_back(preset: Preset) -> None:
    """At random moments, at midnights, leap days and in the hours that come twice, in three zones."""
    chance = random.Random(preset.name)
    special = ["2024-02-29T23:59:58", "2025-12-31T23:59:30", "2025-10-26T00:30:00", "2025-10-26T01:30:00"]
    special += ["2025-11-02T06:30:00", "2025-11-02T07:30:00", "2025-03-30T00:59:59", "2025-03-30T01:00:00"]
    moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in special]
    moments += [
        datetime(2006, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(630_000_000)) for _ in range(40)
    ]
    for zone in ZONES:
        naming = Naming(zone, folders=[Folder(path="", preset=preset.name)])
        shown = UTC if preset.base is Base.UTC else zone
        for text in preset.paths:
            template = Template(text)
            whole = {"S", "s"} & (template.directives | template.end_directives)
            for at in moments:
                began = at if whole else at.replace(second=0)
                length = timedelta(seconds=chance.randrange(1, 50))
                local = began.astimezone(shown)
                name = write(template.tokens, local, (began + length).astimezone(shown), chance)
                suffix = preset.suffixes[0] if preset.suffixes else "mp4"
                reading = naming.read(
                    f"{name}.{suffix}", modified_at=began + length, duration_seconds=length.total_seconds()
                )
                assert reading.start is not None, (name, text)
                assert reading.start.at == began, (name, text)
                assert reading.end_at in {None, began + length}, (name, text)


# — bindings —


def test_a_folder_is_bound_to_a_preset_a_zone_and_a_camera() -> None:
    """The longest path that fits holds; a preset that is not automatic needs it."""
    naming = Naming(
        BERLIN,
        folders=[
            Folder(path="cabin", timezone="America/Chicago", camera="cabin {camera}"),
            Folder(path="cabin/old", timezone="Asia/Kolkata", camera="old"),
            Folder(path="acti", preset="acti"),
        ],
    )
    reading = naming.read("cabin/FrontDoor.20260305_120000.mp4", modified_at=LATER)
    assert (reading.camera, reading.start.at.hour, reading.start.offset_seconds) == ("cabin FrontDoor", 18, -21600)
    assert naming.read("cabin/old/20260305_120000.mp4", modified_at=LATER).camera == "old"
    acti = naming.read("acti/Front_Gate/video_100815_103130_120.raw", modified_at=LATER)
    assert (acti.preset, acti.camera, acti.start.at.isoformat()) == (
        "acti",
        "Front_Gate",
        "2010-08-15T08:31:30.120000+00:00",
    )
    assert naming.read("acti/Camera1/2026-03-05/12-00-00.mp4", modified_at=LATER).preset is None


def test_a_camera_has_a_zone_a_base_and_a_clock_that_is_off() -> None:
    """The correction is taken off what the name says, and what is left must be possible."""
    naming = Naming(
        BERLIN,
        cameras=[
            Camera(name="slow", clock_ahead_seconds=-90),
            Camera(name="utc", base=Base.UTC),
            Camera(name="lost", clock_ahead_seconds=(datetime(2000, 1, 1) - datetime(2026, 1, 1)).total_seconds()),  # noqa: DTZ001
        ],
    )

    def start(key: str) -> str:
        start = naming.read(key, modified_at=LATER).start
        return start.at.isoformat() if start else ""

    assert start("slow/2026-03-05/12-00-00.mp4") == "2026-03-05T11:01:30+00:00"
    assert start("utc/2026-03-05/12-00-00.mp4") == "2026-03-05T12:00:00+00:00"
    assert start("lost/2000-01-05/12-00-00.mp4") == "2026-01-05T11:00:00+00:00"


def test_ones_own_presets_come_first() -> None:
    """Also over the shipped ones."""
    mine = Preset(
        name="mine", paths=("{camera}/%Y-%m-%d/%H-%M-%S",), base=Base.UTC, example="a/2026-03-05/12-00-00.mp4"
    )
    reading = Naming(BERLIN, presets=[mine]).read("a/2026-03-05/12-00-00.mp4", modified_at=LATER)
    assert (reading.preset, reading.start.at.hour) == ("mine", 12)


# — what is refused —


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{camera}{tags}_%Y%m%d%H", "ambiguous: {camera} and {tags} stand side by side"),
        ("{n}{channel}/%Y%m%d%H", "ambiguous: {n} and {channel}"),
        ("{camera}<x>{*}/%Y%m%d%H", "ambiguous: {camera} and {*}"),
        ("%Y%m%d_%I%M%S", "ambiguous: %I has 12 hours"),
        ("%Y%m%d_%H%I%p", "cannot match: two ways"),
        ("%Y%m%d_%Q", "there is no directive %Q"),
        ("{kamera}/%Y", "there is no field {kamera}"),
        ("<%Y", "not closed"),
        ("%Y>", "unexpected '>'"),
        ("{end:%Y", "not closed"),
        ("/a/%Y%m%d%H", "begins at the video root"),
        ("a//%Y%m%d%H", "no empty folder"),
        ("%Y%m%d%H.mp4", "leave out the suffix"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(pattern: str, why: str) -> None:
    """With the reason."""
    with pytest.raises(TemplateError) as refusal:
        Template(pattern)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    ("preset", "why"),
    [
        (Preset(name="a", paths=()), "it has no pattern"),
        (Preset(name="a", paths=("{camera}/%Y%m%d",)), "no start"),
        (Preset(name="a", paths=("{camera}/%Y%m%d%H",), base=Base.EPOCH), "needs %s"),
        (Preset(name="a", paths=("{camera}/%Y%m%d%H",), base=Base.OFFSET), "needs %z"),
        (Preset(name="a", paths=("{camera}/%Y%m%d%H",), example="x.mp4"), "does not match its own example"),
        (Preset(name="motion", paths=("{camera}/%Y%m%d%H",)), "already a preset named 'motion'"),
    ],
)
def test_presets_that_cannot_match_are_refused(preset: Preset, why: str) -> None:
    """So that nobody waits for it."""
    with pytest.raises(NamingError) as refusal:
        Naming(presets=[preset])
    assert why in str(refusal.value)


def test_a_preset_that_another_one_hides_is_refused() -> None:
    """And so is a binding to one that does not exist."""
    preset = Preset(name="one", paths=("{camera}/%Y%m%d%H",))
    with pytest.raises(NamingError, match="'one' before it has the same pattern"):
        Naming(presets=[preset, Preset(name="two", paths=("{camera}/%Y%m%d%H",))])
    with pytest.raises(NamingError, match="no preset 'tow'"):
        Naming(folders=[Folder(path="x", preset="tow")])


@pytest.mark.parametrize(
    ("folder", "field", "why"),
    [
        (Folder(path="x", timezone="Europe/Atlantis"), "timezone", "no IANA zone"),
        (Folder(path="x", base=Base.EPOCH), "base", "needs a preset"),
        (Folder(path="x", preset="motion", base=Base.EPOCH), "base", "needs %s"),
        (Folder(path="x", preset="motion", base=Base.OFFSET), "base", "needs %z"),
    ],
)
def test_bindings_that_cannot_be_met_are_refused(folder: Folder, field: str, why: str) -> None:
    """With the field that is wrong, whose line the settings' refusal then tells."""
    with pytest.raises(NamingError, match=why) as refusal:
        Naming(folders=[folder])
    assert (refusal.value.place, refusal.value.number, refusal.value.field) == ("folders", 0, field)


def test_hostile_names_cost_no_time() -> None:
    """No name makes a pattern try for long: ten of a thousand characters take far below the deadline together."""
    naming = Naming(
        BERLIN, presets=[Preset(name="bad", paths=("{**}/{*}_{camera}_{*}_{tags}_%Y%m%d%H",), role=Role.CLIP)]
    )
    began = time.process_time()
    for unit in ("x", "1", "-", "_", "a/", "2026", "2026-11-21_", "2026-11-21/", "_a_", "0_"):
        assert naming.read((unit * 1024)[:1000] + ".mp4", modified_at=LATER).start is None or unit.startswith(
            "2026"
        )
    assert time.process_time() - began < 5

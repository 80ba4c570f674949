"""The `watcher` command: translates arguments, then calls a verb."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.model.errors import StartError, WatcherError
from watcher.model.version import VERSION
from watcher.storage import modes

if TYPE_CHECKING:  # each command imports only what it needs
    from watcher.services import Services


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exits with 0, or with 1 and one sentence on standard error."""
    args = _parser().parse_args(arguments)
    faulthandler.enable(2)  # standard error: a library that crashes says where, rather than nothing
    try:
        status = args.run(args)
    except WatcherError as reason:
        print(f"watcher: {reason}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as reason:
        if not reason.name or reason.name.startswith("watcher"):
            raise
        extra = "push" if reason.name == "requests" else "server"
        print(f"watcher: {reason.name} is not installed: pip install 'watcher-clips[{extra}]'", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    sys.exit(status or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher", description="Adopts the clips that cameras leave, and serves them."
    )
    parser.add_argument("--version", action="version", version=f"watcher {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: object, help_text: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=help_text, description=help_text)
        parser.set_defaults(run=run)
        if name not in {"config", "push"}:
            parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="data folder (data)")
        return parser

    def serving(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="address (127.0.0.1:8080)"
        )
        parser.add_argument("--log", metavar="DIR", help="log folder; - for standard output")
        parser.add_argument(
            "--user",
            default="",
            metavar="NAME",
            help="whom to become, started as root; what root owns is handed over",
        )

    subparser = command("up", _up, "run nginx, uWSGI and the ingester as one unit")
    serving(subparser)
    subparser.set_defaults(log="log")
    subparser = command("demo", _demo, "let sample cameras leave clips in a folder while it is served")
    serving(subparser)
    subparser.add_argument(
        "--rows", type=int, metavar="N", help="instead: fill a catalog with N clips without files"
    )
    subparser.add_argument("--cameras-only", action="store_true", help=argparse.SUPPRESS)
    subparser = command("ingest", _ingest, "run only the ingester")
    subparser.add_argument("--announce", action="store_true", help=argparse.SUPPRESS)
    subparser.add_argument(
        "--labels", action="store_true", help="only look at clips with a model, beside another ingester"
    )
    command("migrate", _migrate, "bring the catalog to this version's schema")
    command("prepare", _prepare, "make folders, catalog and nginx's settings ready, for containers")
    command("ftp", _ftp, "run only the FTP door")
    subparser = command("scan", _scan, "compare the catalog with the disk once, and repair it")
    subparser.add_argument("--accept-missing", action="store_true", help="mark any number of clips missing")
    subparser.add_argument("--again", action="store_true", help="read every file again, also unchanged ones")
    subparser.add_argument("--accept-root", action="store_true", help="make this folder the catalog's video root")
    subparser.add_argument("--store", metavar="NAME", help="instead: take back and in what lies in a store")
    subparser = command("check", _check, "verify the invariants and explain every file; changes nothing")
    subparser.add_argument("--ignored", action="store_true", help="list each ignored file")
    subparser = command("names", _names, "explain what names tell: camera, start, and which rule reads them")
    subparser.add_argument("paths", nargs="+", metavar="PATH", help="a path below the video root")
    subparser.add_argument("--why", action="store_true", help="say of each other rule why it does not match")
    subparser = command(
        "key", _key, "make, list and end keys, and the sessions and shared links of those who have them"
    )
    verbs = ["create", "list", "revoke", "rotate", "expire", "sessions", "shares", "rotate-links", "audit"]
    subparser.add_argument("verb", choices=verbs)
    subparser.add_argument("name", nargs="?", help="of the key")
    subparser.add_argument("--role", choices=["view", "label", "upload", "admin"], help="what its holder may do")
    subparser.add_argument("--camera", action="append", metavar="CAMERA", help="the only one it is for; or these")
    subparser.add_argument("--expires", metavar="TIME", help="after which it ends: 12h, 90d, 8w, 1y, or never")
    subparser.add_argument("--end", metavar="ID", help="end this session or shared link; all: each of them")
    subparser.add_argument("--end-all", action="store_true", help="with rotate-links: end all links at once")
    subparser = command(
        "retention", _retention, "show what would go now by the rules of retention, and why; or allow it"
    )
    subparser.add_argument("verb", choices=["plan", "allow"], help="allow: what waits for a person's word may go")
    command("sweep", _sweep, "carry out the rules of retention once")
    subparser = command("bin", _bin, "show which clips that went can be had back, and have one back")
    subparser.add_argument("--restore", type=int, metavar="ID", help="have this clip back")
    subparser = command(
        "backup", _backup, "write the catalog, its secret and the settings into one file, also while it runs"
    )
    subparser.add_argument("file", type=Path, metavar="FILE", help="that is not there yet, such as watcher.tar.gz")
    subparser = command("restore", _restore, "fill an empty catalog from a backup")
    subparser.add_argument("file", type=Path, metavar="FILE", help="that `watcher backup` wrote")
    subparser = command("catalog", _catalog, "copy the catalog into an empty one, of either engine, and compare")
    subparser.add_argument("verb", choices=["copy"])
    subparser.add_argument("--to", required=True, metavar="URL", help="as for the setting catalog.url")
    command("doctor", _doctor, "look for what stands in the way, and say what to do about it; changes nothing")
    command("webhooks", _webhooks, "show what webhooks have not been told yet")
    subparser = command("labels", _labels, "have a model look at old clips now, or compare it with people's labels")
    subparser.add_argument("verb", choices=["run", "eval"])
    subparser.add_argument("--again", action="store_true", help="run: also at clips that were looked at before")
    subparser = command("push", _push, "send the clips of a folder to a watcher elsewhere")
    subparser.add_argument("folder", type=Path, metavar="DIR", help="what the camera writes into")
    subparser.add_argument(
        "--to", required=True, metavar="URL", help="the watcher, such as https://cams.example.net"
    )
    subparser.add_argument("--camera", help="whose clips they are; else each first folder is a camera")
    subparser.add_argument("--key-file", type=Path, metavar="FILE", help="with the key; else WATCHER_KEY has it")
    subparser.add_argument("--once", action="store_true", help="send what is there, and end")
    subparser.add_argument("--delete", action="store_true", help="remove what the server has confirmed")
    subparser.add_argument(
        "--rate", type=float, default=0, metavar="KB/S", help="send no faster; 0 is without limit"
    )
    subparser.add_argument("--journal", type=Path, metavar="FILE", help="what was sent (DIR/.watcher-push.db)")
    command("config", _config, "print the settings in force and where each came from")
    return parser


def _up(args: argparse.Namespace) -> None:
    from watcher.ops.up import Unit, up  # noqa: PLC0415 - each command imports only what it needs

    up(Unit(args.data, args.listen, None if args.log == "-" else Path(args.log), user=args.user))


def _demo(args: argparse.Namespace) -> None:
    from watcher.ops import demo, demo_cameras  # noqa: PLC0415

    if args.rows is not None:
        services = _services(args.data)
        demo.fill(services, args.rows)
        print(f"{args.rows:,} clips without files are in the catalog of {args.data}")
        return
    if args.cameras_only:
        demo_cameras.leave_clips(_services(args.data))
        return
    from watcher.ops.up import Unit, up  # noqa: PLC0415

    print(f"Sample cameras write into {args.data / 'video'}; Ctrl-C ends the demo and keeps the clips.", flush=True)
    cameras = '"$WATCHER_PYTHON" -P -m watcher demo --cameras-only --data "$WATCHER_DATA"'
    log = None if args.log == "-" else Path(args.log or args.data / "log")
    up(Unit(args.data, args.listen, log, daemons=(cameras,), user=args.user))


def _ingest(args: argparse.Namespace) -> int:
    from watcher.ingester.standby import ingest, label_only  # noqa: PLC0415
    from watcher.ops.console import announce, begin_logging, hear_nginx  # noqa: PLC0415
    from watcher.ops.tether import end_orphans  # noqa: PLC0415
    from watcher.settings.load import load  # noqa: PLC0415

    console = begin_logging(load().settings.log)
    services = _services(args.data)
    hear_nginx(services.places.run, services.settings.log)
    address = os.environ.get("WATCHER_READY")
    if args.announce and address:
        threading.Thread(target=announce, args=(address, console), daemon=True).start()
    parent = os.getppid()
    try:
        (label_only if args.labels else ingest)(services)
    finally:
        if args.announce and os.getppid() != parent:  # `watcher up` was killed: nobody else is left to do it
            end_orphans(services.places.run)
    return 0


def _bin(args: argparse.Namespace) -> int:
    from watcher.ops.retention import have_back, show_bin  # noqa: PLC0415

    services, out = _services(args.data, existing=True), sys.stdout
    return show_bin(services, out=out) if args.restore is None else have_back(services, args.restore, out=out)


def _migrate(args: argparse.Namespace) -> int:
    _services(args.data)
    print("the catalog is at this version's schema")
    return 0


def _ftp(args: argparse.Namespace) -> int:
    from watcher.ops.console import begin_logging  # noqa: PLC0415

    services = _services(args.data)
    if not services.settings.ftp.listen:
        raise StartError("ftp.listen is not set: say where to listen, such as 0.0.0.0:2121")
    from watcher.ftp import serve  # noqa: PLC0415

    begin_logging(services.settings.log)
    serve(services)
    return 0


def _prepare(args: argparse.Namespace) -> int:
    from watcher.ops.up import prepare  # noqa: PLC0415

    link = prepare(args.data)
    print("folders, catalog and nginx's settings are ready")
    if link is not None:
        print(f"sign in, once: http://HOST/watcher/sign-in?link={link}")
    return 0


def _scan(args: argparse.Namespace) -> int:
    from watcher.ops.check import scan  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    services = _services(args.data, existing=True)
    accept = {"accept_missing": args.accept_missing, "accept_root": args.accept_root, "store": args.store}
    return scan(services, **accept, again=args.again, out=sys.stdout)


def _check(args: argparse.Namespace) -> int:
    from watcher.ops.check import check  # noqa: PLC0415

    return check(_services(args.data, existing=True), list_ignored=args.ignored, out=sys.stdout)


def _names(args: argparse.Namespace) -> int:
    from watcher.ops.names import names  # noqa: PLC0415
    from watcher.settings.load import load  # noqa: PLC0415

    return names(load().settings, args.paths, video=args.data / "video", why=args.why, out=sys.stdout)


def _key(args: argparse.Namespace) -> None:
    from watcher.ops import keys  # noqa: PLC0415

    keys.run(_services(args.data), args, out=sys.stdout)


def _retention(args: argparse.Namespace) -> int:
    from watcher.ops.retention import say_allowed, show  # noqa: PLC0415

    services = _services(args.data, existing=True)
    return (say_allowed if args.verb == "allow" else show)(services, out=sys.stdout)


def _sweep(args: argparse.Namespace) -> int:
    from watcher.ops.retention import run  # noqa: PLC0415

    return run(_services(args.data, existing=True), out=sys.stdout)


def _backup(args: argparse.Namespace) -> int:
    from watcher.ops.backup import backup  # noqa: PLC0415
    from watcher.settings.load import settings_file  # noqa: PLC0415

    services = _services(args.data, existing=True)
    return backup(services, args.file, settings_file=settings_file(os.environ), out=sys.stdout)


def _restore(args: argparse.Namespace) -> int:
    from watcher.ops.backup import restore  # noqa: PLC0415

    return restore(_services(args.data), args.file, out=sys.stdout)


def _catalog(args: argparse.Namespace) -> int:
    from watcher.ops.backup import copy_to  # noqa: PLC0415

    return copy_to(_services(args.data, existing=True), args.to, out=sys.stdout)


def _doctor(args: argparse.Namespace) -> int:
    from watcher.ops.doctor import doctor  # noqa: PLC0415
    from watcher.services import open_services  # noqa: PLC0415
    from watcher.settings.load import load  # noqa: PLC0415

    return doctor(open_services(load().settings, args.data), out=sys.stdout)


def _webhooks(args: argparse.Namespace) -> int:
    from watcher.ingester.webhooks import show  # noqa: PLC0415

    return show(_services(args.data, existing=True), out=sys.stdout)


def _labels(args: argparse.Namespace) -> int:
    from watcher.labels import commands  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return commands.do(args.verb, _services(args.data, existing=True), again=args.again, out=sys.stdout)


def _push(args: argparse.Namespace) -> int:
    from watcher.agent.push import Pushing, push  # noqa: PLC0415

    options = Pushing(
        folder=args.folder,
        url=args.to,
        camera=args.camera,
        journal=args.journal or args.folder / ".watcher-push.db",
        bytes_a_second=args.rate * 1000,
        delete=args.delete,
        once=args.once,
    )
    return push(options, args.key_file)


def _config(_args: argparse.Namespace) -> int:
    from watcher.settings.load import describe, load  # noqa: PLC0415

    rows = describe(load())
    wide = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        shown = value if len(value) < 60 else value[:57] + "…"
        print(f"{name:<{wide}}  {shown:<60}  {source}")
    return 0


def _services(data: Path, *, existing: bool = False) -> Services:
    """Services on a data folder, which is made unless it has to be there already."""
    from watcher.catalog import migrate  # noqa: PLC0415
    from watcher.services import open_services  # noqa: PLC0415
    from watcher.settings.load import load  # noqa: PLC0415

    services = open_services(load().settings, data)
    if existing and not services.places.video.is_dir():
        raise StartError(f"{services.places.video} is not there")
    services.places.make()
    migrate(services.catalog.database.engine, narrow=modes.narrow)
    return services

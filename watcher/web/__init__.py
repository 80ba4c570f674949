"""The HTTP door: routes translate, call the service, and present."""

from flask import Flask

from watcher.services import Services
from watcher.web import fast_path
from watcher.web.api import (
    archive,
    calendar,
    cameras,
    changes,
    clips,
    exports,
    health,
    labels,
    metrics,
    neighbours,
    openapi,
    playlists,
    proxies,
    retention,
    reviews,
    seen,
    sessions,
    shares,
    timeline,
    tus,
    uploads,
)
from watcher.web.http import problems, wire
from watcher.web.http.counters import Counters
from watcher.web.http.routes import declared_of, questions_of
from watcher.web.http.state import EXTENSION, State
from watcher.web.page import app as installed
from watcher.web.page import browse, choice, day, docs, layout, side, sign_in, status


def create_app(services: Services) -> Flask:
    """The application on these services; starts nothing and opens nothing."""
    app = Flask("watcher.web", static_folder=None)
    state = app.extensions[EXTENSION] = State(services)
    app.url_map.converters |= {"key": wire.KeyConverter, "camera": wire.CameraConverter}
    problems.register_errors(app, layout.error_page)
    app.after_request(wire.harden)
    app.before_request(fast_path.note_route)
    app.before_request(wire.preflight)
    app.before_request(wire.refuse_nul)
    app.register_blueprint(clips.bp)
    app.register_blueprint(cameras.bp)
    app.register_blueprint(neighbours.bp)
    app.register_blueprint(proxies.bp)
    app.register_blueprint(playlists.bp)
    app.register_blueprint(exports.bp)
    app.register_blueprint(retention.bp)
    app.register_blueprint(archive.bp)
    app.register_blueprint(changes.bp)
    app.register_blueprint(timeline.bp)
    app.register_blueprint(calendar.bp)
    app.register_blueprint(labels.bp)
    app.register_blueprint(reviews.bp)
    app.register_blueprint(seen.bp)
    app.register_blueprint(uploads.bp)
    app.register_blueprint(tus.bp)
    app.register_blueprint(sign_in.bp)
    app.register_blueprint(sessions.bp)
    app.register_blueprint(shares.bp)
    app.register_blueprint(health.bp)
    app.register_blueprint(metrics.bp)
    app.register_blueprint(browse.bp)
    app.register_blueprint(installed.bp)
    app.register_blueprint(choice.bp)
    app.register_blueprint(day.bp)
    app.register_blueprint(side.bp)
    app.register_blueprint(status.bp)
    app.register_blueprint(openapi.bp)
    app.register_blueprint(docs.bp)
    rules = [(rule.endpoint, declared_of(app, rule.endpoint)) for rule in app.url_map.iter_rules()]
    state.counters = Counters(len(rules))
    app.wsgi_app = fast_path.FastPath(app.wsgi_app, state, rules, questions_of(app), state.counters)  # type: ignore[assignment]
    return app

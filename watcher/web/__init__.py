"""The HTTP door: routes translate, call the service, and present."""

from flask import Flask

from watcher.web import (
    archive,
    browsing,
    changes,
    clips,
    days,
    exports,
    front,
    health,
    labels,
    metrics,
    neighbours,
    openapi,
    overview,
    playlists,
    problems,
    proxies,
    retention,
    reviews,
    sessions,
    shares,
    signing,
    timeline,
    tus,
    uploads,
    wire,
)
from watcher.web.routes import declared_of
from watcher.web.state import EXTENSION, State
from watcher.web.tally import Tally
from watcher.wiring import Services


def create_app(services: Services) -> Flask:
    """The application on these services; starts nothing and opens nothing."""
    app = Flask("watcher.web", static_folder=None)
    state = app.extensions[EXTENSION] = State(services)
    app.url_map.converters["key"] = wire.KeyConverter
    problems.register_errors(app)
    app.after_request(wire.harden)
    app.before_request(front.note_route)
    app.before_request(wire.preflight)
    app.before_request(wire.refuse_nul)
    app.register_blueprint(clips.bp)
    app.register_blueprint(neighbours.bp)
    app.register_blueprint(proxies.bp)
    app.register_blueprint(playlists.bp)
    app.register_blueprint(exports.bp)
    app.register_blueprint(retention.bp)
    app.register_blueprint(archive.bp)
    app.register_blueprint(changes.bp)
    app.register_blueprint(timeline.bp)
    app.register_blueprint(labels.bp)
    app.register_blueprint(reviews.bp)
    app.register_blueprint(uploads.bp)
    app.register_blueprint(tus.bp)
    app.register_blueprint(signing.bp)
    app.register_blueprint(sessions.bp)
    app.register_blueprint(shares.bp)
    app.register_blueprint(health.bp)
    app.register_blueprint(metrics.bp)
    app.register_blueprint(browsing.bp)
    app.register_blueprint(days.bp)
    app.register_blueprint(overview.bp)
    app.register_blueprint(openapi.bp)
    rules = [(rule.endpoint, declared_of(app, rule.endpoint)) for rule in app.url_map.iter_rules()]
    state.tally = Tally(len(rules))
    app.wsgi_app = front.Front(app.wsgi_app, state, rules, state.tally)  # type: ignore[assignment]
    return app

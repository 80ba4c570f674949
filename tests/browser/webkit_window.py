"""A window of WebKitGTK that WebKitWebDriver fills: without bars, so that it is as wide as it is told to be.

Run by the distribution's Python, which has `gi`; the file that is named gets a line for each fault of a page.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

# Its driver says nothing of what pages complain of.
TELL = """
const tell = (words) => webkit.messageHandlers.faults.postMessage(String(words));
addEventListener("error", (event) => tell(event.message ? `error: ${event.message} ${event.filename}:${event.lineno}` : `not loaded: ${event.target.src}`), true);
addEventListener("unhandledrejection", (event) => tell(`unhandled: ${event.reason} ${event.reason?.stack}`));
addEventListener("securitypolicyviolation", (event) => tell(`policy: ${event.violatedDirective} ${event.blockedURI}`));
for (const name of ["error", "warn"]) console[name] = (...words) => tell(`${name}: ${words.join(" ")}`);
"""


class Window:
    """What a session of the driver opens."""

    def __init__(self, faults: Path) -> None:
        self.faults = faults
        self.context = WebKit2.WebContext.new_ephemeral()
        self.context.set_automation_allowed(True)
        self.context.connect(
            "automation-started", lambda _, session: session.connect("create-web-view", self.create)
        )

    def create(self, _session: object) -> object:
        content = WebKit2.UserContentManager()
        content.register_script_message_handler("faults")
        content.connect(
            "script-message-received::faults", lambda _, words: self.tell(words.get_js_value().to_string())
        )
        everywhere, first = WebKit2.UserContentInjectedFrames.ALL_FRAMES, WebKit2.UserScriptInjectionTime.START
        content.add_script(WebKit2.UserScript(TELL, everywhere, first, None, None))
        view = WebKit2.WebView(
            web_context=self.context,
            user_content_manager=content,
            website_policies=WebKit2.WebsitePolicies(autoplay=WebKit2.AutoplayPolicy.ALLOW),
            is_controlled_by_automation=True,
        )
        view.connect("resource-load-started", lambda _, resource, __: resource.connect("finished", self.finished))
        window = Gtk.Window()
        window.add(view)
        window.show_all()
        return view

    def finished(self, resource: object) -> None:
        answer = resource.get_response()
        if answer is not None and answer.get_status_code() >= 400:
            self.tell(f"{answer.get_status_code()}: {resource.get_uri()}")

    def tell(self, words: str) -> None:
        with self.faults.open("a") as file:
            file.write(words.replace("\n", " ") + "\n")


window = Window(Path(sys.argv[1]))
Gtk.main()

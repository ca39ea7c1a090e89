"""examples/queue/game.js in a browser, on a page with a stand-in of the chat widget's JavaScript API."""

from pathlib import Path
from typing import Final

import pytest

from tests.web.conftest import Opens

GAME: Final = (Path(__file__).parents[2] / "examples" / "queue" / "game.js").read_text("utf-8")
# As the page documents it: callbacks by name; `ready` also calls who registers once the widget is there.
# https://platform.text.com/docs/extending-chat-widget/javascript-api
WIDGET: Final = """
<div id="game" hidden>A game</div>
<script>
  var status = STATUS, ready = LOADED, handlers = {ready: [], customer_status_changed: []};
  function emit(name, data) { handlers[name].forEach(function (handler) { handler(data); }); }
  function told() { return {state: {availability: "online"}, customerData: {id: "c", status: status}}; }
  window.LiveChatWidget = {
    on: function (name, handler) { handlers[name].push(handler); if (name === "ready" && ready) handler(told()); }
  };
  function load() { ready = true; emit("ready", told()); }
  function become(now) { status = now; emit("customer_status_changed", {status: now}); }
</script>
<script>GAME</script>
"""


def page_of(status: str, *, loaded: bool) -> str:
    return (
        WIDGET.replace("STATUS", f'"{status}"')
        .replace("LOADED", "true" if loaded else "false")
        .replace("GAME", GAME)
    )


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    ("status", "shown"), [("queued", True), ("browsing", False), ("invited", False), ("chatting", False)]
)
def test_at_the_start_the_game_is_there_for_who_waits_already(
    opens: Opens, status: str, shown: bool, loaded: bool
) -> None:
    page = opens()
    page.set_content(page_of(status, loaded=loaded))
    if not loaded:
        assert page.locator("#game").is_hidden()
        page.evaluate("load()")
    assert page.locator("#game").is_visible() is shown


def test_it_comes_with_the_queue_and_goes_with_the_agent(opens: Opens) -> None:
    page = opens()
    page.set_content(page_of("browsing", loaded=True))
    for status, shown in (("queued", True), ("chatting", False), ("queued", True), ("browsing", False)):
        page.evaluate("status => become(status)", status)
        assert page.locator("#game").is_visible() is shown


def test_the_snippet_is_short_enough_to_copy() -> None:
    assert len(GAME.splitlines()) <= 15

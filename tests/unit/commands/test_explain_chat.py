"""`tagger explain --chat ID`: the newest thread of a chat, asked from a pretend LiveChat on the loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tests.unit.livechat.server import Asked, error, in_a_thread

RULES = "version: 1\nrules: [{id: refund, tag: Refund, any: [refund]}]\n"
EVENTS = [{"id": "e1", "type": "message", "author_id": "c1", "text": "my refund"}]


def thread_of(thread_id: str, **more: Any) -> dict[str, Any]:
    return {"id": thread_id, "active": False, "created_at": "2026-11-01T10:00:00Z", "events": EVENTS} | more


class Desk:
    """LiveChat, with one chat of some threads."""

    def __init__(self) -> None:
        self.url = ""
        self.threads = [thread_of("T2"), thread_of("T1", events=[])]  # newest first

    def answer(self, asked: Asked) -> web.Response:
        if asked.body["chat_id"] != "C1":
            return error("not_found", 404)
        if asked.method == "list_threads":
            return web.json_response({"threads": self.threads[:1], "found_threads": len(self.threads)})
        (thread,) = (each for each in self.threads if each["id"] == asked.body["thread_id"])
        return web.json_response({"id": "C1", "users": [{"id": "c1", "type": "customer"}], "thread": thread})


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    with in_a_thread(desk.answer) as desk.url:
        yield desk


def explain(folder: Path, desk: Desk, chat_id: str) -> Result:
    (folder / "a.yaml").write_text(RULES)
    env = {
        "TAGGER_CONFIG": str(folder),
        "LIVECHAT_API_URL": desk.url,
        "LIVECHAT_ACCESS_TOKEN": "access-token",
    }
    return CliRunner().invoke(main, ["explain", "--chat", chat_id], env=env)


def test_the_newest_thread_is_explained(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C1")
    assert result.exit_code == 0
    title, said, carets = result.output.splitlines()
    assert title.startswith("Chat C1, thread T2: tags: Refund ")
    assert said == "  1 customer  my refund"
    assert carets == "                 ^^^^^^ refund → Refund  [rule refund]"


def test_a_chat_that_livechat_does_not_know_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not_found" in result.stderr
    assert "access-token" not in result.stderr


def test_a_chat_whose_messages_are_withheld_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    desk.threads = [thread_of("T2", restricted_access="older than the plan allows")]
    result = explain(tmp_path, desk, "C1")
    assert (result.exit_code, "because of your plan" in result.stderr) == (2, True)

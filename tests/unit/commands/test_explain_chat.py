"""`tagger explain --chat ID`: a thread of a chat, asked from a pretend LiveChat on the loopback."""

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
        if asked.method == "list_archives":
            return self.archives(*asked.body["filters"]["thread_ids"])
        if asked.body["chat_id"] != "C1":
            return error("not_found", 404)
        if asked.method == "list_threads":
            return web.json_response({"threads": self.threads[:1], "found_threads": len(self.threads)})
        return self.chat(asked.body["thread_id"]) or error("not_found", 404)

    def chat(self, thread_id: str) -> web.Response | None:
        chats = [one for one in self.chats() if one["thread"]["id"] == thread_id]
        return web.json_response(chats[0]) if chats else None

    def chats(self) -> list[dict[str, Any]]:
        users = [{"id": "c1", "type": "customer"}]
        return [{"id": "C1", "users": users, "thread": thread} for thread in self.threads]

    def archives(self, thread_id: str) -> web.Response:
        named = [one for one in self.chats() if one["thread"]["id"] == thread_id]
        chats = [one for one in named if not one["thread"]["active"]]
        return web.json_response({"chats": chats, "found_chats": len(chats)})


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    with in_a_thread(desk.answer) as desk.url:
        yield desk


def explain(folder: Path, desk: Desk, chat_id: str, *more: str) -> Result:
    (folder / "a.yaml").write_text(RULES)
    env = {
        "TAGGER_CONFIG": str(folder),
        "LIVECHAT_API_URL": desk.url,
        "LIVECHAT_ACCESS_TOKEN": "access-token",
    }
    return CliRunner().invoke(main, ["explain", "--chat", chat_id, *more], env=env)


def test_the_newest_thread_is_explained(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C1")
    assert result.exit_code == 0
    title, said, carets = result.output.splitlines()
    assert title.startswith("Chat C1, thread T2: tags: Refund ")
    assert said == "  1 customer  my refund"
    assert carets == "                 ^^^^^^ refund → Refund  [rule refund, a.yaml:2]"


def test_a_chat_that_livechat_does_not_know_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("LiveChat has no chat C2, and no ended thread of this id.")
    assert "access-token" not in result.stderr


def test_a_thread_that_is_named_is_explained(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C1", "--thread", "T1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Chat C1, thread T1: tags: none ")


@pytest.mark.parametrize("asked", [("T2",), ("C2", "--thread", "T2"), ("T2", "--thread", "T2")])
def test_a_threads_id_is_understood_where_a_chats_was_asked_for(
    desk: Desk, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    result = explain(tmp_path, desk, *asked)
    assert (result.exit_code, result.stderr) == (0, "T2 is a thread of chat C1.\n")
    assert result.stdout.startswith("Chat C1, thread T2: tags: Refund ")


def test_how_an_open_thread_is_found_is_said_where_it_was_not(desk: Desk, tmp_path: Path) -> None:
    desk.threads = [thread_of("T3", active=True)]
    result = explain(tmp_path, desk, "T3")
    assert (result.exit_code, "--chat CHAT --thread T3" in result.stderr) == (2, True)


def test_a_thread_that_livechat_does_not_know_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    result = explain(tmp_path, desk, "C1", "--thread", "T9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("LiveChat has no thread T9 in a chat C1")


def test_a_chat_without_threads_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    desk.threads = []
    result = explain(tmp_path, desk, "C1")
    assert (result.exit_code, "Chat C1 has no threads." in result.stderr) == (2, True)


def test_a_chat_whose_messages_are_withheld_is_exit_code_2(desk: Desk, tmp_path: Path) -> None:
    desk.threads = [thread_of("T2", restricted_access="older than the plan allows")]
    result = explain(tmp_path, desk, "C1")
    assert (result.exit_code, "because of your plan" in result.stderr) == (2, True)

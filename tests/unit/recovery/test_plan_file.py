"""The file of a plan: written whole, read back, and checked whole before any of it is applied."""

import errno
import fcntl
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Reason
from tagger.core.records.retag_plan import Head, change_line, head_line, read_change, read_head
from tagger.core.review.retag import Asked, Change
from tagger.recovery import plan_file
from tagger.recovery.plan_file import PlanChangedError, PlanError, checked, written

ASKED: Final = Asked(remove=False, undo=("upset",), rename={"Old": "New"})
HEAD: Final = Head("d814c37ea64b", 1_796_000_000_000, ASKED, "Kafka", 1_795_000_000_000, True)
DAY: Final = "20261130"
WHY: Final = Reason("refund", "Refund", "money back", "T_1", 4, 14)


def change(number: int, **changed: Any) -> Change:
    made = Change(
        ThreadKey("org", f"C{number}", f"T{number}"), 1_795_500_000_000, 3, ("Refund",), ("Upset",), (WHY,)
    )
    return made._replace(**changed)


def a_plan(folder: Path, count: int = 3) -> Path:
    with written(folder, HEAD) as (path, writer):
        for number in range(count):
            writer.add(change(number))
    return path


def test_a_plan_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = a_plan(tmp_path)
    assert path.name == f"retag-d814c37ea64b-{DAY}.ndjson"
    with checked(path) as plan:
        assert (plan.head, plan.chats) == (HEAD, 3)
        assert [*plan.changes()] == [change(number) for number in range(3)]


def test_a_line_begins_with_what_a_person_looks_for() -> None:
    assert [*orjson.loads(change_line(change(1)))][:5] == [
        "organization",
        "chat_id",
        "thread_id",
        "set",
        "remove",
    ]


def test_a_second_plan_of_a_day_does_not_replace_the_first(tmp_path: Path) -> None:
    names = [a_plan(tmp_path, count).name for count in (1, 2)]
    assert names[1] == f"retag-d814c37ea64b-{DAY}-2.ndjson"
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())


def broken_off(folder: Path) -> None:
    with written(folder, HEAD) as (_, writer):
        writer.add(change(1))
        raise KeyboardInterrupt


def test_nothing_is_left_of_a_plan_without_chats_or_of_one_that_was_broken_off(tmp_path: Path) -> None:
    a_plan(tmp_path, 0)
    with pytest.raises(KeyboardInterrupt):
        broken_off(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be written"), written(tmp_path / "missing", HEAD):
        pass


def test_chats_beyond_what_a_plan_may_hold_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_file, "CHATS_MAX", 2)
    with written(tmp_path, HEAD) as (path, writer):
        for number in range(5):
            writer.add(change(number))
    assert (writer.chats, writer.left_out) == (2, 3)
    with checked(path) as plan:
        assert plan.chats == 2


def test_lines_may_be_deleted_and_their_lists_shortened(tmp_path: Path) -> None:
    path = a_plan(tmp_path)
    head, _, second, third = path.read_bytes().splitlines()
    shorter = third.replace(b'"set":["Refund"]', b'"set":[]')
    path.write_bytes(b"\n".join([head, b"", second, b"  ", shorter]))
    with checked(path) as plan:
        assert [*plan.changes()] == [change(1), change(2, set=(), because=())]


def test_a_plan_that_is_changed_while_it_is_applied_says_what_to_do(tmp_path: Path) -> None:
    path = a_plan(tmp_path)
    with checked(path) as plan:
        head, first, *others = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([head, first, b"oops\n", *others]))
        changes = plan.changes()
        assert next(changes) == change(0)
        with pytest.raises(PlanChangedError, match=r"a line now is not JSON.*apply the plan again"):
            next(changes)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BlockingIOError(errno.EAGAIN, "in use"), "is being applied by another process"),
        (OSError(errno.ENOLCK, "No locks available"), "cannot be locked: No locks available"),
    ],
)
def test_only_a_lock_that_is_held_means_that_another_process_applies_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    def flock(*_: object) -> None:
        raise error

    path = a_plan(tmp_path)
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(PlanError, match=told), checked(path):
        pass


MISTAKES: Final = (
    ({"chat_id": 7}, "chat_id must be a text of at most 256 bytes"),
    ({"chat_id": ""}, "chat_id and thread_id must not be empty"),
    ({"thread_id": "T" * 257}, "thread_id must be a text of at most 256 bytes"),
    ({"set": "Refund"}, "set must be a list of at most 200"),
    ({"set": [""]}, "set must hold texts of 1 to 1,024 characters"),
    ({"set": ["Refund", "VIP"]}, "no rule called for VIP: tags to set can be deleted, not added"),
    ({"remove": [7]}, "remove must hold texts of 1 to 1,024 characters"),
    ({"remove": ["Refund"]}, "Refund is both set and removed"),
    ({"remove": ["x"] * 201}, "remove must be a list of at most 200"),
    ({"ended_at": "yesterday"}, "ended_at must be a time (RFC 3339)"),
    ({"messages": -1}, "messages must be a whole number"),
    ({"messages": True}, "messages must be a whole number"),
    ({"because": [7]}, "because must hold objects"),
    ({"because": [{"rule": "r"}]}, "tag must be a text"),
)


@pytest.mark.parametrize(("changed", "mistake"), MISTAKES)
def test_a_line_with_a_mistake_says_which(changed: dict[str, Any], mistake: str) -> None:
    line = orjson.dumps({**orjson.loads(change_line(change(1))), **changed})
    assert read_change(line) == mistake


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (b"oops", "is not JSON: delete whole lines only"),
        (b"[]", "is not a JSON object"),
        (b'{"a": 1}', "organization must be a text of at most 256 bytes"),
    ],
)
def test_a_line_that_is_none_of_a_chat_says_so(line: bytes, mistake: str) -> None:
    assert read_change(line) == mistake


HEADS: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({"kind": "decision"}, "is not the first line of a plan of tagger retag"),
    ({"format": 2}, "format must be 1: this plan is of another version"),
    ({"config": "x"}, "config must be the hash of keyword files"),
    ({"source": None}, "source or from_webhooks is missing"),
    ({"made_at": 7}, "made_at must be a time (RFC 3339)"),
    ({"asked": {}}, "asked must have remove, undo and rename"),
    ({"asked": {"remove": False, "undo": [], "rename": {"a": 7}}}, "rename must map tags to tags"),
)


@pytest.mark.parametrize(("changed", "mistake"), HEADS)
def test_a_first_line_with_a_mistake_says_which(changed: dict[str, Any], mistake: str) -> None:
    assert read_head(orjson.dumps({**orjson.loads(head_line(HEAD)), **changed})) == mistake


def test_all_mistakes_are_told_with_their_lines_and_more_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_file, "MISTAKES_MAX", 2)
    path = a_plan(tmp_path)
    path.write_bytes(path.read_bytes() + b"oops\n" + change_line(change(1)) + b"[]\n")
    with pytest.raises(PlanError) as told, checked(path):
        pass
    assert str(told.value).splitlines() == [
        f"{path}:5: is not JSON: delete whole lines only",
        f"{path}:6: names the same chat as line 3",
        "1 more mistakes are not shown.",
    ]


def test_a_file_that_is_no_plan_and_one_that_is_not_there_are_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello\n")
    for name, said in (("x", ":1: is not JSON"), ("y", "cannot be read: No such file")):
        with pytest.raises(PlanError, match=said), checked(tmp_path / name):
            pass


def test_a_plan_is_open_for_one_only(tmp_path: Path) -> None:
    path = a_plan(tmp_path)
    with checked(path), pytest.raises(PlanError, match="being applied by another process"), checked(path):
        pass
    with checked(path):
        pass

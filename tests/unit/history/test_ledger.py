"""The ledger answers as a plain list of the same decisions would."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.decision import Outcome, Source, Untagged, decision_record
from tagger.core.review.past_chat import Correction, Place
from tagger.history import ledger as ledger_module
from tagger.history.ledger import Ledger
from tagger.history.ledger_file import APPLICATION, LedgerError
from tagger.history.wanted import Wanted

TOPIC: Final = "livechat.decisions"
WEBHOOKS: Final = "livechat.webhooks"


def decided(
    thread: str,
    *tags: str,
    at: int = 1_000,
    settled: int = 2_000,
    offset: int | None = 1,
    outcome: Outcome = "tagged",
    rules: tuple[str, ...] = (),
    organization: str = "org",
) -> bytes:
    because = tuple(Reason(rule, "T", "k", "E", 0, 1) for rule in rules)
    record = decision_record(
        ThreadKey(organization, f"C{thread}", thread),
        Decision(tags, because, (), "0123456789ab"),
        outcome,
        None if offset is None else Source(WEBHOOKS, 0, offset),
        read_from="webhooks",
        messages=1,
        ended_at_ms=at,
        settled_at_ms=settled,
    )
    return orjson.dumps(record)


def retagged(thread: str, *, untagged: str, settled: int) -> bytes:
    record = decision_record(
        ThreadKey("org", f"C{thread}", thread),
        Decision((), (), (), "0123456789ab"),
        "retagged",
        None,
        read_from="webhooks",
        messages=1,
        ended_at_ms=1_000,
        settled_at_ms=settled,
        untagged=Untagged((untagged,), settled),
    )
    return orjson.dumps(record)


def corrected(thread: str, tag: str, change: str, offset: int, organization: str = "org") -> bytes:
    return orjson.dumps(
        {
            "kind": "correction",
            "format": 1,
            "organization": organization,
            "chat_id": f"C{thread}",
            "thread_id": thread,
            "tag": tag,
            "change": change,
            "at": "1970-01-01T00:00:09Z",
            "topic": WEBHOOKS,
            "partition": 0,
            "offset": offset,
        }
    )


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger()
    yield made
    made.close()


def take(ledger: Ledger, *values: bytes | None) -> None:
    ledger.take(TOPIC, 0, values, len(values))


def listed(ledger: Ledger, **wanted: Any) -> list[str]:
    asked = Wanted(**wanted)
    found = [each.thread.thread_id for each in ledger.page(asked, 1_000)]
    assert ledger.count(asked) == len(found)
    return found


def test_what_ended_last_comes_first(ledger: Ledger) -> None:
    take(ledger, decided("A", at=1_000), decided("B", at=3_000), decided("C", at=2_000))
    assert listed(ledger) == ["B", "C", "A"]


def test_each_filter_finds_its_own(ledger: Ledger) -> None:
    take(
        ledger,
        decided("A", "Refund", at=1_000, rules=("refund",)),
        decided("B", "Delay", "Refund", at=2_000, rules=("delay", "refund"), outcome="parked"),
        decided("C", at=3_000, rules=("trial",), outcome="no_match"),
        decided("D", "Delay", at=4_000, rules=("delay",), organization="other"),
    )
    assert listed(ledger, tag="Refund") == ["B", "A"]
    assert listed(ledger, rule="delay") == ["D", "B"]
    assert listed(ledger, rule="trial", untagged=True) == ["C"]
    assert listed(ledger, tag="Refund", rule="delay") == ["B"]
    assert listed(ledger, untagged=True) == ["C"]
    assert listed(ledger, outcome="parked") == ["B"]
    assert listed(ledger, organization="other") == ["D"]
    assert listed(ledger, chat_id="CA") == ["A"]
    assert listed(ledger, since_ms=2_000, until_ms=4_000) == ["C", "B"]
    assert listed(ledger, tag="Refund", since_ms=2_000) == ["B"]
    assert listed(ledger, tag="refund") == []


def test_pages_follow_each_other_without_a_gap_or_a_repeat(ledger: Ledger) -> None:
    take(ledger, *(decided(f"{n:03}", "Refund", at=1_000 + n // 7) for n in range(100)))
    seen: list[str] = []
    page = ledger.page(Wanted(tag="Refund"), 9)
    while page:
        seen += [each.thread.thread_id for each in page]
        page = ledger.page(Wanted(tag="Refund"), 9, page[-1].key)
    assert seen == [f"{n:03}" for n in reversed(range(100))]


def test_a_repeated_record_changes_nothing_and_the_last_one_wins(ledger: Ledger) -> None:
    take(ledger, decided("A", "Refund"), decided("A", "Refund"), decided("A", "Delay"))
    assert [each.tags for each in ledger.decisions_on(ThreadKey("org", "CA", "A"))] == [("Delay",)]
    assert listed(ledger, tag="Refund") == []
    assert listed(ledger, tag="Delay") == ["A"]


def test_of_several_decisions_on_a_thread_the_newest_is_listed_and_all_are_kept(ledger: Ledger) -> None:
    take(
        ledger,
        decided("A", offset=1, settled=1_000),
        decided("A", "Refund", offset=5, settled=3_000, outcome="late"),
        decided("A", "Delay", offset=3, settled=2_000),
        decided("A", "Delay", offset=None, settled=2_500),
        decided("A", "Delay", offset=None, settled=2_600),
    )
    assert listed(ledger, tag="Refund") == ["A"]
    assert listed(ledger, tag="Delay") == listed(ledger, untagged=True) == []
    made = ledger.decisions_on(ThreadKey("org", "CA", "A"))
    assert [(each.settled_at_ms, each.place) for each in made] == [
        (1_000, Place(WEBHOOKS, 0, 1)),
        (2_000, Place(WEBHOOKS, 0, 3)),
        (2_500, None),
        (2_600, None),
        (3_000, Place(WEBHOOKS, 0, 5)),
    ]


def test_corrections_are_joined_by_thread_and_a_repeat_counts_once(ledger: Ledger) -> None:
    take(
        ledger,
        decided("A", "Refund"),
        corrected("A", "Refund", "removed", 7),
        corrected("A", "Refund", "removed", 7),
        corrected("A", "Delay", "added", 8),
        corrected("B", "Delay", "added", 9),
    )
    place = Place(WEBHOOKS, 0, 7)
    expected = (
        Correction("Refund", "removed", 9_000, place),
        Correction("Delay", "added", 9_000, place._replace(offset=8)),
    )
    (only,) = ledger.page(Wanted(), 10)
    assert only.corrections == expected
    chat = ledger.chat(ThreadKey("org", "CA", "A"))
    assert chat is not None
    assert (chat.corrections, chat.conversation, chat.ended_at_ms) == (expected, None, 1_000)
    assert ledger.chat(ThreadKey("org", "CB", "B")) is None
    assert ledger.threads_of("CB") == [ThreadKey("org", "CB", "B")]


def test_two_organizations_may_have_the_same_ids(ledger: Ledger) -> None:
    take(ledger, decided("A", "Refund"), decided("A", "Delay", organization="other"))
    assert ledger.threads_of("CA") == [ThreadKey("org", "CA", "A"), ThreadKey("other", "CA", "A")]
    assert [each.tags for each in ledger.decisions_on(ThreadKey("other", "CA", "A"))] == [("Delay",)]
    assert len(ledger.decisions_on(ThreadKey("", "CA", "A"))) == 2


def test_what_is_not_ours_is_counted_by_reason(ledger: Ledger) -> None:
    take(ledger, None, b"{", b"{}", decided("A"))
    assert ledger.unusable == {"no value": 1, "not a JSON object": 1, "odd organization": 1}
    assert listed(ledger) == ["A"]


def test_beyond_its_limit_decisions_are_counted_and_left_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "DECISIONS_MAX", 2)
    take(ledger, *(decided(name) for name in "ABCD"))
    assert (sorted(listed(ledger)), ledger.left_out) == (["A", "B"], 2)


def test_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger")
    first.take(TOPIC, 0, [decided("A", "Refund")], 5)
    first.take(TOPIC, 2, [decided("B")], 7)
    first.close()
    again = Ledger(tmp_path / "ledger")
    assert again.positions(TOPIC) == {0: 5, 2: 7}
    assert again.positions("another") == {}
    assert sorted(listed(again)) == ["A", "B"]
    again.close()


def test_a_failure_leaves_neither_half_of_the_records_nor_the_position(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.take(TOPIC, 0, [decided("A")], 3)

    def failing() -> Iterator[bytes]:
        yield decided("B", "Refund")
        yield b"{"
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            ledger.take(TOPIC, 0, failing(), 5)
    assert (listed(ledger), ledger.positions(TOPIC)) == (["A"], {0: 3})
    assert (ledger.decisions, ledger.unusable.total()) == (1, 0)
    ledger.take(TOPIC, 0, [decided("B", "Refund")], 5)
    assert listed(ledger, tag="Refund") == ["B"]
    ledger.close()


@pytest.mark.parametrize(
    "delete", [partial(Ledger.delete_before, ended_ms=2_000), partial(Ledger.delete_oldest, limit=2)]
)
def test_what_cannot_be_deleted_stays_whole_and_can_be_deleted_later(
    delete: Callable[[Ledger], int], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.take(
        TOPIC, 0, [decided("A", "Refund"), decided("B", offset=2), corrected("B", "X", "added", 3)], 3
    )
    disk = sqlite3.connect(tmp_path / "ledger", isolation_level=None)
    disk.execute(
        "CREATE TRIGGER full BEFORE DELETE ON corrections BEGIN SELECT RAISE(FAIL, 'disk full'); END"
    )
    for _ in range(2):
        with pytest.raises(sqlite3.Error, match="disk full"):
            delete(ledger)
    assert (listed(ledger, tag="Refund"), listed(ledger), ledger.decisions) == (["A"], ["B", "A"], 2)
    disk.execute("DROP TRIGGER full")
    disk.close()
    assert delete(ledger) == 2
    assert (listed(ledger), ledger.decisions) == ([], 0)
    ledger.close()


def test_a_file_of_another_version_is_rebuilt(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "ledger")
    old.executescript("CREATE TABLE decisions (x); CREATE TABLE other (y); PRAGMA user_version = 99")
    old.execute(f"PRAGMA application_id = {APPLICATION}")
    old.close()
    ledger = Ledger(tmp_path / "ledger")
    assert (listed(ledger), ledger.positions(TOPIC)) == ([], {})
    ledger.close()


def test_a_file_that_is_no_ledger_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"version: 1\n" * 1_000)
    with pytest.raises(LedgerError, match=r"ledger: .* Delete it"):
        Ledger(tmp_path / "ledger")
    with pytest.raises(LedgerError, match=r"unable to open .* may write to"):
        Ledger(tmp_path / "nowhere" / "ledger")


def test_what_is_old_can_be_deleted(ledger: Ledger) -> None:
    take(
        ledger,
        decided("A", "Refund", at=1_000),
        decided("B", "Refund", at=2_000),
        corrected("B", "X", "added", 3),
    )
    assert ledger.delete_before(2_000) == 1
    assert listed(ledger, tag="Refund") == ["B"]
    assert ledger.chat(ThreadKey("org", "CA", "A")) is None


def test_it_agrees_with_a_plain_list_under_any_order_and_repetition(ledger: Ledger) -> None:
    """Seeded: which is the newest on a thread, and what each filter then counts."""
    chance = Random(7)
    newest: dict[str, tuple[int, tuple[str, ...]]] = {}
    for offset in range(600):
        thread, settled = str(chance.randrange(80)), offset * 10
        tags = tuple(sorted(chance.sample(["Refund", "Delay", "Praise"], chance.randrange(3))))
        record = decided(thread, *tags, at=1_000, settled=settled, offset=offset)
        take(ledger, *[record] * chance.choice([1, 1, 2]))
        newest[thread] = (settled, tags)
    for tag in ("Refund", "Delay", "Praise"):
        assert sorted(listed(ledger, tag=tag)) == sorted(t for t, (_, tags) in newest.items() if tag in tags)
    assert sorted(listed(ledger, untagged=True)) == sorted(t for t, (_, tags) in newest.items() if not tags)


def test_corrected_is_what_people_changed_whatever_comes_first(ledger: Ledger) -> None:
    take(
        ledger,
        corrected("A", "Refund", "removed", 7),
        decided("A", "Refund", at=5_000, offset=1),
        decided("B", "Refund", at=4_000, offset=2),
        corrected("B", "Refund", "added", 8),
        decided("C", at=3_000, offset=3),
        corrected("C", "Praise", "added", 9),
        decided("D", "Refund", at=2_000, offset=4),
        corrected("D", "Refund", "removed", 10),
    )
    assert listed(ledger, corrected=True) == ["A", "C", "D"]
    # Our own tag by a late message: what a person seemed to add was ours.
    take(ledger, decided("C", "Praise", at=3_000, settled=9_000, offset=5, outcome="late"))
    assert listed(ledger, corrected=True) == ["A", "D"]
    assert listed(ledger, corrected=True, tag="Refund") == ["A", "D"]
    # What `retag` removed and a person set again is no longer ours.
    again = (corrected("B", "Refund", change, offset) for change, offset in (("removed", 11), ("added", 12)))
    take(ledger, retagged("B", untagged="Refund", settled=6_000), *again)
    assert listed(ledger, corrected=True) == ["A", "D", "B"]


def test_not_set_is_what_calls_for_tags_that_are_not_there(ledger: Ledger) -> None:
    take(
        ledger,
        decided("A", "Refund", at=4_000, outcome="parked", offset=1),
        decided("B", at=3_000, outcome="dry_run", offset=2),
        decided("C", "Refund", at=2_000, outcome="dry_run", offset=3),
        decided("D", "Refund", at=1_000, offset=4),
    )
    assert listed(ledger, not_set=True) == ["A", "C"]
    assert listed(ledger, tagged=True) == ["A", "C", "D"]


def test_a_bounded_look_says_how_far_it_came(ledger: Ledger) -> None:
    take(
        ledger,
        *(decided(f"{n:02}", "Refund", at=1_000 + n, offset=n) for n in range(50)),
        *(decided(f"p{n:02}", at=1_000 + n, offset=100 + n, outcome="parked") for n in range(50)),
        decided("old", "Refund", at=900, offset=200, outcome="parked"),
    )
    asked, seen, before, looks = Wanted(tag="Refund", outcome="parked"), list[str](), None, 0
    while True:
        page = ledger.look(asked, 5, before=before, examined=10)
        seen += [each.thread.thread_id for each in page.rows]
        before, looks = page.looked_to, looks + 1
        if before is None:
            break
    assert (seen, looks) == (["old"], 6)
    assert ledger.count(asked, 10) == 0
    assert ledger.count(Wanted(tag="Refund"), 10) == 10


def test_what_lies_ahead_of_a_place_is_the_nearest_newest_first(ledger: Ledger) -> None:
    take(ledger, *(decided(f"{n:02}", "Refund", at=1_000 + n, offset=n) for n in range(9)))
    place = ledger.page(Wanted(tag="Refund"), 7)[-1].key
    page = ledger.look(Wanted(tag="Refund"), 3, after=place)
    assert [each.thread.thread_id for each in page.rows] == ["05", "04", "03"]
    assert ledger.count(Wanted(tag="Refund"), after=place) == 6


def test_what_came_after_an_id_is_found_by_every_filter(ledger: Ledger) -> None:
    take(ledger, decided("A", "Refund", offset=1), decided("B", at=3_000, offset=2))
    last = ledger.last_id()
    take(
        ledger,
        decided("C", "Refund", at=2_000, offset=3),
        decided("D", "Refund", at=5_000, offset=4),
        decided("E", offset=5),
    )
    came = [each.thread.thread_id for each in ledger.came_after(Wanted(tag="Refund"), last, 10)]
    assert came == ["D", "C"]
    assert [each.thread.thread_id for each in ledger.came_after(Wanted(), last, 1)] == ["D"]


def test_an_id_may_be_of_the_chat_or_of_the_thread(ledger: Ledger) -> None:
    take(ledger, decided("A", offset=1), decided("B", offset=2))
    assert listed(ledger, an_id="CA") == listed(ledger, an_id="A") == ["A"]
    assert listed(ledger, an_id="A", tagged=True) == []


def test_names_are_those_that_something_has(ledger: Ledger) -> None:
    take(
        ledger, decided("A", "Refund", "Delay", rules=("r",), offset=1), decided("B", "Old", at=500, offset=2)
    )
    assert (ledger.names("tag"), ledger.names("rule")) == (["Delay", "Old", "Refund"], ["r"])
    ledger.delete_before(900)
    assert ledger.names("tag") == ["Delay", "Refund"]


def test_deleting_leaves_nothing_behind(ledger: Ledger) -> None:
    take(
        ledger,
        *(decided(f"{n}", "Refund", at=1_000 + n, offset=n, rules=("r",)) for n in range(10)),
        decided("0", "Delay", at=1_000, settled=9_000, offset=50),
        corrected("0", "Delay", "removed", 60),
        corrected("nowhere", "X", "added", 61),
    )
    assert ledger.delete_oldest(3) == 4
    assert [ledger.delete_before(1_006, 2) for _ in range(3)] == [2, 1, 0]
    assert listed(ledger, tag="Refund") == ["9", "8", "7", "6"]
    assert ledger.decisions == 4
    ledger.delete_before(10_000_000)
    for table in ("decisions", "labels", "corrections"):
        assert ledger._db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table

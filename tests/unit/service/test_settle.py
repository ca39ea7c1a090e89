"""What becomes of one thread: which tags are set, what is recorded and parked, and in which order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest
from structlog.testing import capture_logs

from ingest.runtime.kafka import KafkaSettings
from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.partition.protocol import Correction
from tagger.core.records.decision import Source
from tagger.core.rules.parse import RuleSet, parse
from tagger.kafka.producer import Producer
from tagger.livechat.calls.answers import Done, GivenUp
from tagger.livechat.calls.requests import Call
from tagger.livechat.client import WITHDRAWN, Client
from tagger.metrics import Metrics
from tagger.service import settle as settling
from tagger.service.settle import Ended, Settle, partly

RULES: Final = b"""version: 1
rules:
  - {id: a, tag: A, any: [both]}
  - {id: b, tag: B, any: [both]}
"""
THREAD: Final = ThreadKey("org", "CHAT", "THREAD")
SOURCE: Final = Source("webhooks", 3, 7)
REFUSED: Final = GivenUp("the chat, thread or tag does not exist", "not_found", 9)


@dataclass
class World:
    """LiveChat and Kafka, as far as a thread that is settled meets them. `happened` is in order."""

    answers: dict[str, Any] = field(default_factory=dict)  # by tag; set where nothing else is said
    credentials: bool = True
    happened: list[tuple[str, Any]] = field(default_factory=list)
    purposes: set[tuple[bool, str]] = field(default_factory=set)
    records: list[dict[str, Any]] = field(default_factory=list)  # on the topic of decisions
    meanwhile: Callable[[], None] | None = None  # what a person does before each call is sent

    def has_credentials(self, _: str) -> bool:
        return self.credentials

    async def perform(
        self, _: str, call: Call, *, background: bool, purpose: str, withdrawn: Callable[[], bool]
    ) -> Any:
        self.purposes.add((background, purpose))
        if self.meanwhile is not None:
            self.meanwhile()
        if withdrawn():
            return GivenUp("it is not wanted any more", WITHDRAWN, 0)
        answer = self.answers.get(call.body["tag"], Done())
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            await asyncio.Event().wait()  # forever
        self.happened.append(("called", call.body["tag"]))
        return answer

    async def send(self, topic: str, key: bytes, record: dict[str, Any]) -> None:
        assert key == b"org:CHAT"
        self.happened.append((topic, record["tag"] if topic == "parked" else record.get("outcome")))
        if topic == "decisions":
            self.records.append(record)


def settle_in(world: World, *, dry_run: bool = False, **more: Any) -> Settle:
    rules = parse({"a.yaml": RULES})
    assert isinstance(rules, RuleSet)
    decider = Decider.compile(rules)
    client, producer = cast(Client, world), cast(Producer, world)
    topics: Any = {"kafka_decisions_topic": "decisions", "kafka_parked_topic": "parked"}
    return Settle(
        lambda: decider, client, producer, Metrics(), KafkaSettings(**topics), dry_run=dry_run, **more
    )


def ended(tags: frozenset[str] = frozenset(), *, complete: bool = True, **more: Any) -> Ended:
    said = (Said("1", "customer", ("both",)),)
    return Ended(Conversation(THREAD, said, tags=tags, complete=complete), 0, SOURCE, **more)


@pytest.mark.parametrize(
    ("world", "thread", "dry_run", "happened"),
    [
        (World(), ended(), False, [("called", "A"), ("called", "B"), ("decisions", "tagged")]),
        (World(), ended(frozenset({"A", "B"})), False, [("decisions", "tagged")]),
        (
            World(),
            ended(decided=frozenset({"A"}), late=True),
            False,
            [("called", "B"), ("decisions", "late")],
        ),
        (World(), ended(decided=frozenset({"A", "B"}), late=True), False, [("decisions", "tagged")]),
        (
            World(),
            ended(decided=frozenset({"A", "B"}), late=True, parked=True),
            False,
            [("decisions", "parked")],
        ),
        (
            World(),
            ended(late=True, rules=None),
            False,
            [("called", "A"), ("called", "B"), ("decisions", "tagged")],
        ),
        (
            World({"A": REFUSED}),
            ended(),
            False,
            [("called", "A"), ("called", "B"), ("parked", "A"), ("decisions", "parked")],
        ),
        (
            World(),
            ended(frozenset({"A", "B"}), complete=False, missing=partly()),
            False,
            [("parked", None), ("decisions", "partial")],
        ),
        (World(), ended(), True, [("decisions", "dry_run")]),
        (World(credentials=False), ended(), False, [("decisions", "no_credentials")]),
    ],
)
async def test_tags_are_answered_then_what_is_refused_is_parked_then_the_decision_is_recorded(
    world: World, thread: Ended, dry_run: bool, happened: list[tuple[str, Any]]
) -> None:
    decision, outcome = await settle_in(world, dry_run=dry_run).thread(thread, live=True)
    assert world.happened == happened
    assert (decision.tags, outcome) == (("A", "B"), happened[-1][1])


@pytest.mark.parametrize("more", [{}, {"decided": frozenset({"A"}), "late": True}, {"complete": False}])
async def test_a_tag_that_a_person_removed_is_held_back_and_the_decision_says_so(
    more: dict[str, Any],
) -> None:
    world = World()
    decision, _ = await settle_in(world).thread(ended(removed=lambda: ("A",), **more))
    assert world.happened[0] == ("called", "B")
    assert len(world.happened) == 2
    assert decision.tags == ("A", "B")
    assert (world.records[0]["tags"], world.records[0]["held_back"]) == (["A", "B"], ["A"])


async def test_a_tag_that_a_person_removes_while_its_call_waits_is_held_back() -> None:
    removed: list[str] = []
    world = World(meanwhile=lambda: removed.append("B"))
    await settle_in(world).thread(ended(removed=lambda: removed), live=True)
    assert world.happened == [("called", "A"), ("decisions", "tagged")]
    assert world.records[0]["held_back"] == ["B"]


async def test_what_was_set_before_a_person_removed_it_is_not_held_back() -> None:
    removed: list[str] = []
    world = World()
    told: list[str] = []
    settle = settle_in(world)
    await settle.thread(
        ended(removed=lambda: removed if len(world.happened) < 2 else ["A"], sets=told.extend)
    )
    assert told == ["A", "B"]
    assert world.records[0]["held_back"] == []


async def test_a_correction_is_recorded_and_counted() -> None:
    world = World()
    settle = settle_in(world)
    await settle.correct(THREAD, Correction("A", "removed"), SOURCE, 1_500)
    assert world.records == [
        {
            "kind": "correction",
            "format": 1,
            **THREAD._asdict(),
            "tag": "A",
            "change": "removed",
            "at": "1970-01-01T00:00:01.500Z",
            **SOURCE._asdict(),
        }
    ]


async def test_where_livechat_does_not_answer_in_time_nothing_is_recorded_or_parked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "CALL_DEADLINE_S", 0.05)
    world = World({"A": None, "B": REFUSED})
    _, outcome = await settle_in(world).thread(ended(), purpose="reconcile")
    assert (outcome, world.happened) == (None, [("called", "B")])
    assert world.purposes == {(True, "reconcile")}


@pytest.mark.parametrize("live", [True, False])
async def test_a_fault_that_looks_like_a_time_out_is_a_fault(live: bool) -> None:
    world = World({"A": TimeoutError()})
    with pytest.raises(TimeoutError):
        await settle_in(world).thread(ended(), live=live)
    assert ("decisions", "tagged") not in world.happened


async def test_an_organization_without_credentials_is_told_once() -> None:
    settle = settle_in(World(credentials=False))
    with capture_logs() as lines:
        for _ in range(2):
            await settle.thread(ended(), live=True)
    assert [line["event"] for line in lines] == ["no_credentials", "decided", "decided"]


async def test_a_rule_that_held_in_any_thread_is_not_among_those_never_hit() -> None:
    settle = settle_in(World())
    assert settle.rules_never_hit() == 2
    await settle.thread(ended(), purpose="reconcile")
    assert settle.rules_never_hit() == 0


async def test_a_rule_counts_once_a_thread_however_much_comes_late() -> None:
    settle = settle_in(World())
    await settle.thread(ended(), live=True)
    first = frozenset({"a", "b"})
    for rules in (first, None):  # None: another process decided on it before
        await settle.thread(ended(decided=frozenset({"A", "B"}), late=True, rules=rules), live=True)
    assert hits(settle) == {"a": 1, "b": 1}
    await settle.thread(ended(decided=frozenset({"A"}), late=True, rules=frozenset({"a"})), live=True)
    assert hits(settle) == {"a": 1, "b": 2}


def hits(settle: Settle) -> dict[str, float]:
    (family,) = settle._metrics.rule_hits.collect()
    return {each.labels["rule"]: each.value for each in family.samples}


async def test_a_parked_line_names_the_organization_and_the_reason() -> None:
    with capture_logs() as lines:
        await settle_in(World({"A": REFUSED})).thread(ended(), live=True)
    (line,) = (line for line in lines if line["event"] == "parked")
    assert {**THREAD._asdict(), "tag": "A", "reason": REFUSED.reason}.items() <= line.items()


async def test_who_asked_hears_of_the_tags_that_livechat_took_and_of_no_other() -> None:
    heard: list[tuple[str, str]] = []
    settle = settle_in(World({"A": REFUSED}), on_tag=lambda *what: heard.append(what))
    await settle.thread(ended(), live=True)
    assert heard == [("org", "B")]


class Recalling:
    """What people removed is known only once it was looked up."""

    def __init__(self, tag: str) -> None:
        self.looked, self.tags, self._tag = 0, list[str](), tag

    async def look(self) -> None:
        self.looked += 1
        self.tags.append(self._tag)


@pytest.mark.parametrize(
    ("tags", "dry_run", "looked", "called"),
    [
        (frozenset[str](), False, 1, ["B"]),
        (frozenset({"A"}), False, 1, ["B"]),
        (frozenset({"A", "B"}), False, 0, []),
        (frozenset[str](), True, 0, []),
    ],
    ids=["nothing is there", "one is there", "all are there", "dry run"],
)
async def test_what_people_removed_before_is_looked_up_only_if_a_tag_is_to_be_set(
    tags: frozenset[str], dry_run: bool, looked: int, called: list[str]
) -> None:
    world, recalling = World(), Recalling("A")
    settle = settle_in(world, dry_run=dry_run)
    await settle.thread(ended(tags, removed=lambda: recalling.tags, recall=recalling.look), live=True)
    assert (recalling.looked, [tag for what, tag in world.happened if what == "called"]) == (looked, called)

"""Every number of the commands over the past equals a count of the same past that shares nothing with them.

Chats over three keyword sets in force one after another, decided by the real service, with late messages, chats
that were opened again, webhooks and decisions that came twice, and people who set and removed tags.
"""

import asyncio
import csv
import io
import json
import os
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tests.integration.history.seeded_play import Play, disturb, played
from tests.integration.history.seeded_truth import (
    DRAFT,
    INVOICE,
    SETS,
    Rule,
    Thread,
    as_yaml,
    decided,
    held,
    is_said,
)
from tests.kafka.kafka import AnyKafka
from tests.webhooks import AGENT, CUSTOMER, get_chat, message

CHATS: Final = int(os.environ.get("SEEDED_CHATS", "1500"))  # `python -m tests.soak.past` plays 5,000
SEED: Final = 16
SHOWN: Final = 12  # chats that are looked at one by one


@dataclass
class Seeded:
    """A past, and the commands over it."""

    play: Play
    records: list[dict[str, Any]]
    env: dict[str, str]
    folder: Path
    since_ms: int

    def run(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, env=self.env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for line in self.run(*arguments, "--format", "json", code=code).stdout.splitlines()
        ]

    @property
    def ended(self) -> list[Thread]:
        """Threads that ended in the time that is looked at."""
        return [
            one for one in self.play.threads if one.ended_ms is not None and one.ended_ms >= self.since_ms
        ]

    @property
    def since(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.since_ms // 1000))


@pytest.fixture(scope="module")
def seeded(kafka_embedded: AnyKafka, tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    folder = tmp_path_factory.mktemp("seeded")

    async def play() -> Seeded:
        async with played(kafka_embedded, uuid.uuid4().hex[:12], folder, SEED, CHATS) as (play, stage):
            since_ms = play.now_ms // 1000 * 1000 - 7 * 86_400_000
            past = Seeded(play, await play.records(), stage.tagger.settings, folder, since_ms)
        await disturb(stage.bootstrap, stage.names.decisions)
        return past

    past = asyncio.run(play())
    (folder / "draft").mkdir()
    (folder / "draft" / "rules.yaml").write_text(as_yaml(DRAFT))
    with (folder / "chats.ndjson").open("w") as file:
        file.writelines(json.dumps(as_get_chat(thread)) + "\n" for thread in past.ended if thread.is_whole)
    return past


def as_get_chat(thread: Thread) -> dict[str, Any]:
    """A thread as LiveChat gives it, with the tags that people set."""
    assert thread.ended_ms is not None
    events = [
        message(
            f"{thread.id}_{number}",
            text,
            CUSTOMER if author == "customer" else AGENT,
            created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(thread.ended_ms // 1000)),
        )
        for number, (author, text) in enumerate(thread.said)
    ]
    return get_chat(thread.id, events=events, chat=thread.chat, tags=sorted(people_set(thread)))


def people_set(thread: Thread) -> set[str]:
    return {tag for tag, change in thread.last_words.items() if change == "added"}


def test_the_service_decided_and_recorded_what_was_to_be(seeded: Seeded) -> None:
    """Else nothing below would mean anything."""
    made: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    for record in seeded.records:
        if record["kind"] == "decision":
            place = record["topic"], record["partition"], record["offset"]
            made[record["thread_id"]][place] = record
    for thread in seeded.play.threads:
        found = made[thread.id]
        assert found.keys() == {one.place for one in thread.decisions}
        for one in thread.decisions:
            record = found[one.place]
            because = {(each["rule"], each["tag"], each["keyword"]) for each in record["because"]}
            assert (record["tags"], because, record["config"]) == (one.tags, one.reasons, one.config)
            assert record["outcome"] == one.outcome
    assert len(seeded.play.threads) >= CHATS
    assert {one.config for thread in seeded.ended for one in thread.decisions} == set(seeded.play.hashes)
    assert max(len(thread.decisions) for thread in seeded.ended) == 3
    assert any(len({one.config for one in thread.decisions}) == 2 for thread in seeded.ended)
    assert {tag for thread in seeded.ended for tag in thread.last_words} >= {INVOICE, "Refund", "Late"}


def last_rules(thread: Thread) -> set[str]:
    return {rule for rule, _, _ in thread.decisions[-1].reasons}


WHICH: Final[list[tuple[tuple[str, ...], Callable[[Thread], bool]]]] = [
    ((), lambda _: True),
    (("--tag", "Refund"), lambda one: "Refund" in one.decisions[-1].tags),
    (("--tag", "Late"), lambda one: "Late" in one.decisions[-1].tags),
    (("--rule", "upset"), lambda one: "upset" in last_rules(one)),
    (
        ("--tag", "Delay", "--rule", "refund"),
        lambda one: "Delay" in one.decisions[-1].tags and "refund" in last_rules(one),
    ),
    (("--untagged",), lambda one: not one.decisions[-1].tags),
    (
        ("--untagged", "--rule", "parcel"),
        lambda one: not one.decisions[-1].tags and "parcel" in last_rules(one),
    ),
    (("--organization", "other"), lambda one: one.organization == "other"),
    *(
        (("--outcome", outcome), lambda one, outcome=outcome: one.decisions[-1].outcome == outcome)
        for outcome in ("tagged", "no_match", "late", "late_conflict", "parked", "no_credentials")
    ),
    (("--tag", INVOICE), lambda _: False),
]


@pytest.mark.parametrize(("options", "wanted"), WHICH, ids=[" ".join(options) for options, _ in WHICH])
def test_decisions_list(seeded: Seeded, options: tuple[str, ...], wanted: Callable[[Thread], bool]) -> None:
    expected = {one.id: one for one in seeded.ended if wanted(one)}
    arguments = ("decisions", "list", *options, "--since", seeded.since)
    found = seeded.json(*arguments, "--most", "100000")
    assert [one["thread_id"] for one in found] == list(dict.fromkeys(one["thread_id"] for one in found))
    assert {one["thread_id"] for one in found} == expected.keys()
    for one in found:
        thread = expected[one["thread_id"]]
        assert (one["tags"], one["config"]) == (thread.decisions[-1].tags, thread.decisions[-1].config)
        assert one["rules"] == sorted(last_rules(thread))
        assert {each["tag"]: each["change"] for each in one["corrections"]} == thread.last_words
    shown = min(3, len(expected))
    left = len(expected) - shown
    left_out = f"; {left:,} older {'one' if left == 1 else 'ones'} not shown (--most)" if left else ""
    number = f"{len(expected):,} chat{'' if len(expected) == 1 else 's'}"
    lines = seeded.run(*arguments, "--most", "3").stdout.splitlines()
    assert (len(lines), lines[-1].replace(".000Z", "Z")) == (
        shown + 1,
        f"{number} since {seeded.since}{left_out}.",
    )


def test_decisions_show(seeded: Seeded) -> None:
    late = [one for one in seeded.ended if len(one.decisions) > 1][: SHOWN // 2]
    for thread in late + [one for one in seeded.ended if one.last_words][: SHOWN - len(late)]:
        tags, reasons = decided(SETS[-1], thread.said, is_whole=thread.is_whole)
        then = thread.decisions[-1].tags
        (shown,) = seeded.json(
            "decisions", "show", thread.chat, "--thread", thread.id, code=int(tags != then)
        )
        assert [(one["tags"], one["config"]) for one in shown["decisions"]] == [
            (one.tags, one.config) for one in thread.decisions
        ]
        because = {(one["rule"], one["tag"], one["keyword"]) for one in shown["today"]["because"]}
        assert (shown["today"]["tags"], because) == (tags, reasons)
        assert (set(shown["gained"]), set(shown["lost"])) == (set(tags) - set(then), set(then) - set(tags))
        assert {each["tag"]: each["change"] for each in shown["corrections"]} == thread.last_words


@dataclass
class Row:
    """What `tagger stats` says of a rule or keyword."""

    chats: int = 0
    only_this: int = 0
    last_ms: int = 0

    def note(self, thread: Thread, *, alone: bool) -> None:
        self.chats, self.only_this = self.chats + 1, self.only_this + alone
        self.last_ms = max(self.last_ms, thread.ended_ms or 0)


def counted_by_rule(
    rules: Sequence[Rule], chats: Iterable[tuple[Thread, set[tuple[str, str, str]]]]
) -> tuple[dict[tuple[str, str], Row], dict[tuple[str, str, str], Row]]:
    by_rule = {(rule["id"], rule["tag"]): Row() for rule in rules}
    written = [
        (rule, keyword) for rule in rules for keyword in (*rule.get("any", ()), *chain(*rule.get("all", ())))
    ]
    by_keyword = {(rule["id"], rule["tag"], keyword): Row() for rule, keyword in written}
    trial = {rule["id"] for rule in rules if rule.get("dry_run")}
    for thread, reasons in chats:
        for rule, tag in {(rule, tag) for rule, tag, _ in reasons}:
            others = {id for id, its, _ in reasons if its == tag and id != rule}
            alone = not others if rule in trial else not others - trial
            by_rule.setdefault((rule, tag), Row()).note(thread, alone=alone)
        for rule, tag, keyword in reasons:
            alone = sum(each[:2] == (rule, tag) for each in reasons) == 1
            by_keyword.setdefault((rule, tag, keyword), Row()).note(thread, alone=alone)
    return by_rule, by_keyword


def check_rows(lines: list[dict[str, Any]], by_rule: dict[Any, Row], by_keyword: dict[Any, Row]) -> None:
    for kind, names, rows in (
        ("rule", ("rule", "tag"), by_rule),
        ("keyword", ("rule", "tag", "keyword"), by_keyword),
    ):
        found = {tuple(one[name] for name in names): one for one in lines if one["kind"] == kind}
        assert found.keys() == rows.keys()
        for key, row in rows.items():
            assert (found[key]["chats"], found[key]["only_this"]) == (row.chats, row.only_this), key
            assert milliseconds(found[key]["last_match"]) == row.last_ms, key


def milliseconds(text: str | None) -> int:
    if text is None:
        return 0
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return int(
        time.mktime(time.strptime(seconds + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone
    ) * 1000 + int(fraction)


def test_stats(seeded: Seeded) -> None:
    lines = seeded.json("stats", "--since", seeded.since)
    chats = [(thread, set().union(*(one.reasons for one in thread.decisions))) for thread in seeded.ended]
    by_rule, by_keyword = counted_by_rule(SETS[-1], chats)
    check_rows(lines, by_rule, by_keyword)
    for one in lines:
        if one["kind"] == "rule":
            rule, tag = one["rule"], one["tag"]
            called = {
                thread.id for thread, reasons in chats if any(each[:2] == (rule, tag) for each in reasons)
            }
            last = {thread.id: thread.last_words.get(tag) for thread in seeded.ended}
            ours = {thread.id for thread in seeded.ended if tag in thread.tags}
            assert one["removed"] == sum(last[id] == "removed" for id in called & ours)
            assert one["added"] == sum(change == "added" for id, change in last.items() if id not in called)
            current = next((each for each in SETS[-1] if (each["id"], each["tag"]) == (rule, tag)), None)
            assert (one["in_files"], one["on_trial"]) == (
                current is not None,
                bool(current and current.get("dry_run")),
            )
    (summary,) = (one for one in lines if one["kind"] == "summary")
    untagged = sum(not thread.tags for thread in seeded.ended)
    assert (summary["chats"], summary["untagged"], summary["undecided"]) == (len(seeded.ended), untagged, 0)
    by_csv = list(
        csv.DictReader(io.StringIO(seeded.run("stats", "--since", seeded.since, "--format", "csv").stdout))
    )
    assert [
        (row["rule"], row["keyword"], row["tag"], int(row["chats"]), int(row["only_this"])) for row in by_csv
    ] == [
        (one["rule"], one.get("keyword", ""), one["tag"], one["chats"], one["only_this"])
        for one in lines
        if one["kind"] != "summary"
    ]
    text = seeded.run("stats", "--since", seeded.since, "--format", "markdown").stdout
    share = f"{100 * untagged / len(seeded.ended):.1f} %"
    assert f"{len(seeded.ended):,} chats since" in text
    assert f"{untagged:,} ({share}) without a tag" in text
    for (rule, tag), row in by_rule.items():
        name = next(one for one in table(text) if one[0].split(" (")[0] == rule and one[1] == tag)
        assert name[2:4] == [f"{row.chats:,}", f"{100 * row.chats / len(seeded.ended):.1f} %"]
    never = [row[0] for row in table(text) if row[-1] == "never" or "never" in row]
    assert "summer sale" in never


def table(text: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def check_backtest(
    seeded: Seeded,
    lines: list[dict[str, Any]],
    old: Sequence[Rule],
    new: Sequence[Rule],
    threads: Sequence[Thread],
) -> None:
    before, after = ({one.id: decided(rules, one.said) for one in threads} for rules in (old, new))
    tags = {rule["tag"] for rule in (*old, *new) if not rule.get("dry_run")}
    found = {one["tag"]: one for one in lines if one["kind"] == "tag"}
    assert found.keys() == tags
    for tag in tags:
        had, has = ({id for id, (on, _) in sets.items() if tag in on} for sets in (before, after))
        one = found[tag]
        assert (one["before"], one["after"], one["gained"], one["lost"]) == (
            len(had), len(has), len(has - had), len(had - has),
        )  # fmt: skip
        assert one["share"] == round(len(has) / len(threads), 4)
        causes = Counter(
            (way, rule["id"], keyword)
            for way, ids, rules in (("gained", has - had, new), ("lost", had - has, old))
            for thread in threads
            if thread.id in ids
            for rule in rules
            if rule["tag"] == tag and not rule.get("dry_run")
            for keyword in held(rule, thread.said)
        )
        assert {
            (each["change"], each["rule"], each["keyword"]): each["chats"] for each in one["causes"]
        } == causes
    (summary,) = (one for one in lines if one["kind"] == "summary")
    assert (summary["chats"], summary["untagged_before"], summary["untagged_after"], summary["changed"]) == (
        len(threads),
        sum(not on for on, _ in before.values()),
        sum(not on for on, _ in after.values()),
        sum(before[id][0] != after[id][0] for id in before),
    )


@pytest.mark.parametrize("against", [2, 0])
def test_backtest(seeded: Seeded, against: int) -> None:
    old = [] if against == len(SETS) - 1 else ["--against", seeded.play.hashes[against]]
    arguments = ["backtest", str(seeded.folder / "draft"), *old, "--since", seeded.since]
    lines = seeded.json(*arguments, "--sample", "4")
    whole = [one for one in seeded.ended if one.is_whole]
    check_backtest(seeded, lines, SETS[against], DRAFT, whole)
    (summary,) = (one for one in lines if one["kind"] == "summary")
    assert (summary["old"], summary["incomplete"]) == (
        seeded.play.hashes[against],
        len(seeded.ended) - len(whole),
    )
    ends = {one.id: one.ended_ms for one in whole}
    for change in ("gained", "lost"):
        for tag in {rule["tag"] for rule in DRAFT}:
            shown = [
                one
                for one in lines
                if (one["kind"], one.get("tag"), one.get("change")) == ("chat", tag, change)
            ]
            changed = [
                one.ended_ms or 0
                for one in whole
                if (tag in decided(DRAFT, one.said)[0], tag in decided(SETS[against], one.said)[0])
                == (change == "gained", change == "lost")
            ]
            assert [ends[one["thread_id"]] for one in shown] == sorted(changed, reverse=True)[:4]
    text = seeded.run(*arguments).stdout
    still_open = sum(one.ended_ms is None for one in seeded.play.threads)
    assert f"Not repeated: {len(seeded.ended) - len(whole):,} chats whose beginning is missing." in text
    assert f"Not ended yet: {still_open} chats." in text


def test_backtest_and_stats_of_a_file(seeded: Seeded) -> None:
    file, config = str(seeded.folder / "chats.ndjson"), str(seeded.folder / "config")
    whole = [one for one in seeded.ended if one.is_whole]
    arguments = ("backtest", str(seeded.folder / "draft"), "--against", config, "--file", file)
    check_backtest(seeded, seeded.json(*arguments), SETS[-1], DRAFT, whole)
    lines = seeded.json("stats", "--config", config, "--file", file)
    made = {one.id: decided(SETS[-1], one.said) for one in whole}
    ends = [(one, made[one.id][1]) for one in whole]
    for one in whole:  # a file has seconds
        one.ended_ms = (one.ended_ms or 0) // 1000 * 1000
    check_rows(lines, *counted_by_rule(SETS[-1], ends))
    compared = {one["tag"]: one for one in lines if one["kind"] == "tag"}
    for tag, figures in compared.items():
        calls = {id for id, (tags, _) in made.items() if tag in tags}
        there = {thread.id for thread in whole if tag in people_set(thread)}
        assert (figures["decided"], figures["on_chats"], figures["both"]) == (
            len(calls),
            len(there),
            len(calls & there),
        )
    assert compared.keys() == {tag for tags, _ in made.values() for tag in tags}.union(
        *map(people_set, whole)
    )


def says(thread: Thread, keyword: str) -> bool:
    """Of a chat whose beginning is missing, nobody knows who the customer is."""
    texts = [text for author, text in thread.said if author == "customer" and thread.is_whole]
    return any(is_said(keyword, text) for text in texts)


def test_suggest(seeded: Seeded) -> None:
    lines = seeded.json("suggest", "--all", "--weak", "--since", seeded.since)
    assert {one["tag"] for one in lines} >= {INVOICE}
    for one in lines:
        keywords = [*one["phrases"], *(keyword for group in one["all"] for keyword in group)]
        assert bool(one["phrases"]) != bool(one["all"])
        people = [each for each in seeded.ended if one["tag"] in people_set(each)]
        ours = [
            each.id
            for each in seeded.ended
            if one["tag"] in each.tags and each.last_words.get(one["tag"]) != "removed"
        ]
        known = {*(each.id for each in people), *ours}
        others = [each for each in seeded.ended if each.id not in known]
        for name, threads in (("with", people), ("without", others)):
            assert one[f"of_{name}"] == len(threads), one
            assert one[f"{name}_tag"] == sum(
                all(says(each, word) for word in keywords) for each in threads
            ), one
    proposed = {phrase for one in lines for phrase in one["phrases"]}
    assert proposed & {"invoice", "the invoice", "vat", "vat number"}, proposed


def test_suggest_untagged(seeded: Seeded) -> None:
    has = {
        one.id: {*people_set(one), *(tag for tag in one.tags if one.last_words.get(tag) != "removed")}
        for one in seeded.ended
    }
    lines = seeded.json("suggest", "--untagged", "--since", seeded.since, "--most", "5")
    for one in lines:
        found = [each for each in seeded.ended if any(says(each, phrase) for phrase in one["phrases"])]
        untagged = sum(not has[each.id] for each in found)
        assert (one["untagged"], one["tagged"]) == (untagged, len(found) - untagged)
    text = seeded.run("suggest", "--untagged", "--since", seeded.since).stdout
    assert f"Of {sum(not tags for tags in has.values()):,} chats without a tag" in text

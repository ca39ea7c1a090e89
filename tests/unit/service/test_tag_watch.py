"""Tags that LiveChat will refuse are told beforehand, each once, and hold nothing up."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.calls.answers import Answer, Done, Permanent, Transient
from tagger.livechat.calls.requests import Call
from tagger.metrics import Metrics
from tagger.service import tag_watch
from tagger.service.tag_watch import LOGGED_MAX, TagWatch
from tests.deadline import DEADLINE_S

NOT_NOW = Transient("LiveChat failed inside", "internal")


@dataclass
class LiveChat:
    """Lists these tags, or answers something else."""

    answer: Answer
    asked: list[str] = field(default_factory=list)

    async def ask(self, organization: str, call: Call, *, background: bool = False) -> Answer:
        assert (call.method, background) == ("list_tags", True)
        self.asked.append(organization)
        return self.answer


def listed(*names: str) -> Done:
    return Done([{"name": name, "group_ids": [0]} for name in names])


def keywords_for(folder: Path, *tags: str, dry_run: bool = False) -> Keywords:
    rules = "".join(
        f"  - {{id: r{n}, tag: {tag}, any: [w{n}], dry_run: {str(dry_run).lower()}}}\n"
        for n, tag in enumerate(tags)
    )
    (folder / "rules.yaml").write_text(f"version: 1\nrules:\n{rules}", "utf-8")
    keywords = Keywords(folder, "%[a-z]+%")
    assert keywords.origin == "files"
    return keywords


async def told(watch: TagWatch) -> list[str]:
    """The reasons of the lines that one look writes."""
    with capture_logs() as lines:
        await watch.look()
    return [line["reason"] for line in lines if line["event"] == "tag_doubtful"]


def watch_over(keywords: Keywords, livechat: LiveChat) -> TagWatch:
    return TagWatch(keywords, ForAll(Fixed(lambda: "t")), livechat, Metrics())


def doubtful(watch: TagWatch, kind: str) -> float:
    return float(watch._metrics.tags_doubtful.labels(kind=kind)._value.get())


async def test_a_tag_that_is_missing_or_in_another_case_is_told_once_and_counted_until_it_is_made(
    tmp_path: Path,
) -> None:
    livechat = LiveChat(listed("Fine", "refund"))
    watch = watch_over(keywords_for(tmp_path, "Fine", "Refund", "New"), livechat)
    assert await told(watch) == [
        "LiveChat has no tag 'New'",
        "LiveChat has 'refund', not 'Refund': its tags are case-sensitive",
    ]
    assert (doubtful(watch, "missing"), doubtful(watch, "other_case"), doubtful(watch, "groups")) == (1, 1, 0)
    assert await told(watch) == []
    livechat.answer = listed("Fine", "Refund", "New")
    assert await told(watch) == []
    assert (doubtful(watch, "missing"), doubtful(watch, "other_case")) == (0, 0)


@pytest.mark.parametrize("answer", [NOT_NOW, Permanent("the token lacks the scope", "authorization")])
async def test_an_answer_that_does_not_come_changes_nothing(
    tmp_path: Path, answer: Transient | Permanent
) -> None:
    livechat = LiveChat(listed())
    watch = watch_over(keywords_for(tmp_path, "New"), livechat)
    assert len(await told(watch)) == 1
    livechat.answer = answer
    assert await told(watch) == []
    assert doubtful(watch, "missing") == 1


async def test_a_rule_that_is_tried_out_may_name_a_tag_that_is_not_there_yet(tmp_path: Path) -> None:
    assert await told(watch_over(keywords_for(tmp_path, "New", dry_run=True), LiveChat(listed()))) == []


async def test_a_look_writes_no_more_lines_than_the_limit_and_counts_all(tmp_path: Path) -> None:
    many = [f"T{number}" for number in range(LOGGED_MAX + 20)]
    watch = watch_over(keywords_for(tmp_path, *many), LiveChat(listed()))
    assert len(await told(watch)) == LOGGED_MAX
    assert doubtful(watch, "missing") == LOGGED_MAX + 20


async def test_a_member_that_no_longer_looks_counts_nothing_and_tells_again_when_its_turn_comes_back(
    tmp_path: Path,
) -> None:
    watch = watch_over(keywords_for(tmp_path, "New"), LiveChat(listed()))
    assert len(await told(watch)) == 1
    watch.forget()
    assert doubtful(watch, "missing") == 0
    assert len(await told(watch)) == 1


async def test_the_watch_looks_where_it_is_its_turn_and_forgets_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_watch, "LOOK_S", 0.001)
    livechat = LiveChat(listed())
    keywords, turn = keywords_for(tmp_path, "New"), iter([True, True, False])
    watch = watch_over(keywords, livechat)
    watching = asyncio.create_task(watch.run(lambda: next(turn)))
    with pytest.raises(RuntimeError):  # the turns are over
        await asyncio.wait_for(watching, DEADLINE_S)
    assert (len(livechat.asked), doubtful(watch, "missing")) == (1, 0)


async def test_a_tag_that_livechat_takes_is_missing_no_longer(tmp_path: Path) -> None:
    watch = watch_over(keywords_for(tmp_path, "New", "Refund"), LiveChat(listed("refund")))
    await told(watch)
    watch.was_set("any", "Other")
    assert (doubtful(watch, "missing"), doubtful(watch, "other_case")) == (1, 1)
    watch.was_set("any", "New")
    assert (doubtful(watch, "missing"), doubtful(watch, "other_case")) == (0, 1)
    watch.was_set("any", "Refund")
    assert (doubtful(watch, "missing"), doubtful(watch, "other_case")) == (0, 0)


async def test_a_tag_that_was_taken_on_one_thread_may_be_refused_on_those_of_other_groups(
    tmp_path: Path,
) -> None:
    livechat = LiveChat(Done([{"name": "Refund", "group_ids": [3]}]))
    watch = watch_over(keywords_for(tmp_path, "Refund"), livechat)
    await told(watch)
    watch.was_set("any", "Refund")
    assert doubtful(watch, "groups") == 1


async def test_where_livechat_does_not_answer_tags_that_no_rule_sets_any_more_are_forgotten(
    tmp_path: Path,
) -> None:
    livechat = LiveChat(listed())
    keywords = keywords_for(tmp_path, "New", "Old")
    watch = watch_over(keywords, livechat)
    assert len(await told(watch)) == 2
    livechat.answer = NOT_NOW
    keywords.decider = keywords_for(tmp_path, "New").decider
    assert await told(watch) == []
    assert doubtful(watch, "missing") == 1


@pytest.mark.parametrize(
    ("answer", "looks"),
    [(listed(), 4), (NOT_NOW, 4), (listed("New"), 1), (Done([{"name": "New", "group_ids": [3]}]), 1)],
)
async def test_only_where_a_tag_is_missing_or_nobody_answered_is_asked_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, looks: int
) -> None:
    monkeypatch.setattr(tag_watch, "LOOK_S", 0.0)
    monkeypatch.setattr(tag_watch, "AGAIN_S", 0.0)
    livechat, turn = LiveChat(answer), iter([True] * 4)
    watch = watch_over(keywords_for(tmp_path, "New"), livechat)
    watching = asyncio.create_task(watch.run(lambda: next(turn)))
    with pytest.raises(RuntimeError):  # the turns are over
        await asyncio.wait_for(watching, DEADLINE_S)
    assert len(livechat.asked) == looks


async def test_a_change_of_the_keyword_files_is_looked_at_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_watch, "LOOK_S", 0.0)
    livechat, keywords = LiveChat(listed("Fine")), keywords_for(tmp_path, "New")
    watch = watch_over(keywords, livechat)

    def is_mine() -> bool:
        if len(livechat.asked) == 2:
            raise RuntimeError
        if livechat.asked:
            keywords.decider = keywords_for(tmp_path, "Fine").decider
        return True

    with pytest.raises(RuntimeError):
        await asyncio.wait_for(watch.run(is_mine), DEADLINE_S)
    assert doubtful(watch, "missing") == 0

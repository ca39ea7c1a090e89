"""The addresses of a chat. Its words come by POST only: they cost a call, and no answer that holds them may be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from aiohttp import web

from tagger.core.conversation import ThreadKey
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.matching.decide import Decision
from tagger.core.review.difference import rules_by_id
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import Rule
from tagger.history.ledger_view import LedgerView
from tagger.history.stored_sets import StoredSet
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.web import data
from tagger.web.chat import tables
from tagger.web.chat.changed import ChangedRule, changed
from tagger.web.chat.decided import decide
from tagger.web.chat.refs import numbered, refs
from tagger.web.chat.told import FoundRow, Sets, Today, told
from tagger.web.chat.words import Words, words_of
from tagger.web.chats.asked import chat_href
from tagger.web.form import fields_of
from tagger.web.frame import PAGE, Page, shown
from tagger.web.keywords.counting import COUNTING
from tagger.web.past import Past, trouble_of
from tagger.web.refusals import Unknown, Wrong
from tagger.web.times import DAY_MS, moment, span
from tagger.web.try_it.answer import Answer, answer, passages
from tagger.web.try_it.chat import NO_CREDENTIALS

THREADS_MAX: Final = 50  # of a chat that are linked
DECISIONS_SHOWN: Final = 20  # of a thread
# Where LiveChat's agent app shows an ended thread.
ARCHIVES: Final = "https://my.livechatinc.com/archives/"

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger knows of a thread, and of the others of its chat."""

    chat: PastChat
    threads: tuple[ThreadKey, ...]
    organizations: int
    hears_of_people: bool


class _Decided(NamedTuple):
    """The set of then, or why it cannot be had; and what is decided today."""

    then: StoredSet | str
    stored: StoredSet | None
    sets: Sets
    today: Today | None


@routes.get("/chats/chat")
async def page_of(request: web.Request) -> web.Response:
    """A chat without its words."""
    known = await _known(request, request.query)
    return await _shown(request, known, None, "")


@routes.get("/chats/chat.json")
async def as_data(request: web.Request) -> web.Response:
    """A chat for programs."""
    known = await _known(request, request.query)
    decided = await _decided(request, known.chat, None)
    return data.as_json(tables.as_json(known.chat, decided.today))


@routes.get("/chats/chat.csv")
async def as_table(request: web.Request) -> web.Response:
    """What was found in a chat, for spreadsheets."""
    known = await _known(request, request.query)
    decided = await _decided(request, known.chat, None)
    rows = told(known.chat, decided.sets, decided.today, there=None, hears_of_people=False).found
    return data.as_csv("chat.csv", tables.COLUMNS, map(tables.csv_row, rows))


@routes.post("/chats/words")
async def with_words(request: web.Request) -> web.Response:
    """A chat with its words."""
    page, known = request.config_dict[PAGE], await _known(request, await fields_of(request))
    if page.livechat is None:
        return await _shown(request, known, None, NO_CREDENTIALS)
    words = await words_of(page.livechat, known.chat.thread)
    if isinstance(words, str):
        return await _shown(request, known, None, words)
    return await _shown(request, known, words, "")


async def _known(request: web.Request, fields: Mapping[str, str]) -> _Known:
    """The thread that an address or a form names; the newest one of a chat where it names none."""
    chat_id, thread_id, organization = (fields.get(name, "") for name in ("chat", "thread", "organization"))
    longest = max(len(one.encode("utf-8", "replace")) for one in (chat_id, thread_id, organization))
    if not chat_id or longest > ID_BYTES_MAX:
        raise Wrong("This address names no chat. Choose one under Chats.")
    past = request.config_dict[PAGE].past
    found = await past.answered(partial(_find, chat_id, thread_id, organization))
    if found is None:
        raise Unknown(_why_unknown(past))
    return found


def _why_unknown(past: Past) -> str:
    filling = past.filling
    if filling.trouble is not None:
        return f"No decision on this chat has been read. {trouble_of(filling)}"
    if filling.progress is not None:
        return "Decisions are still being read from Kafka. Reload this page in a moment."
    days = filling.kept_ms // DAY_MS if filling.kept_ms else 0
    kept = f", or it ended more than {days:,} days ago: older decisions are deleted" if days else ""
    return f"There is no decision on this chat: it has not ended yet{kept}. Try it explains a chat by its id."


def _find(chat_id: str, thread_id: str, organization: str, view: LedgerView) -> _Known | None:
    threads = [one for one in view.threads_of(chat_id) if organization in {"", one.organization}]
    here = next((one for one in threads if thread_id in {"", one.thread_id}), None)
    chat = view.chat(here) if here else None
    if chat is None:
        return None
    organizations = len(view.names("organization"))
    return _Known(chat, tuple(threads[:THREADS_MAX]), organizations, view.has_corrections())


async def _shown(request: web.Request, known: _Known, words: Words | None, problem: str) -> web.Response:
    page: Page = request.config_dict[PAGE]
    decided = await _decided(request, known.chat, words)
    # Large keyword files and long chats take a while to compare.
    context = await page.computed(partial(_context, known, decided, words, page.keywords.files))
    cannot = "" if page.livechat else NO_CREDENTIALS
    status = 502 if problem and page.livechat else 200
    return shown(request, "chat.html", {**context, "problem": problem, "cannot": cannot}, status=status)


def _context(
    known: _Known, decided: _Decided, words: Words | None, files: Mapping[str, bytes]
) -> dict[str, object]:
    """What the template shows. CPU only."""
    chat, thread, first = known.chat, known.chat.thread, known.chat.decisions[0]
    then, stored, sets, today = decided
    organization = thread.organization if known.organizations > 1 else ""
    href = partial(chat_href, thread.chat_id, thread.thread_id, organization)
    there = words.tags if words else None
    found = told(chat, sets, today, there=there, hears_of_people=known.hears_of_people)
    return {
        "chat": chat,
        "thread": thread,
        "organization": organization,
        "ended": moment(chat.ended_at_ms),
        "took": span(first.settled_at_ms - first.ended_at_ms),
        "link": f"{ARCHIVES}{thread.thread_id}" if _is_plain(thread.thread_id) else "",
        "told": found,
        "today": today,
        "hears_of_people": known.hears_of_people,
        "then_problem": then if isinstance(then, str) else "",
        "then_of": moment(stored.in_force_at_ms) if stored and stored.in_force_at_ms else "",
        "earlier": [
            _earlier(made.settled_at_ms, made.tags) for made in chat.decisions[:-1][-DECISIONS_SHOWN:]
        ],
        "others": [
            (one.thread_id, chat_href(one.chat_id, one.thread_id, organization))
            for one in known.threads
            if one != thread
        ],
        "here_again": href(),
        "as_json": href(".json"),
        "as_csv": href(".csv"),
        "changed": _changed(sets.then, stored, today, files),
        "words": words,
        **_words_context(words, today, found.found),
    }


def _words_context(words: Words | None, today: Today | None, found: Sequence[FoundRow]) -> dict[str, object]:
    if words is None:
        return {"passages": (), "near": (), "near_left_out": 0}
    if today is None:
        empty = answer(words.conversation, Decision((), (), (), ""), ())
        return {"passages": list(passages(words.conversation, empty)), "near": (), "near_left_out": 0}
    explained: Answer = answer(words.conversation, today.decision, tuple(today.rules.values()))
    ends = refs(found, explained.near, words.conversation)
    return {
        "passages": list(numbered(passages(words.conversation, explained), ends)),
        "near": explained.near,
        "near_left_out": explained.left_out,
    }


def _earlier(settled_at_ms: int, tags: tuple[str, ...]) -> tuple[str, str]:
    return moment(settled_at_ms), ", ".join(tags) or "no tag"


def _is_plain(an_id: str) -> bool:
    """Whether an id can stand in LiveChat's address."""
    return an_id.isascii() and an_id.isalnum()


async def _decided(request: web.Request, chat: PastChat, words: Words | None) -> _Decided:
    page, counting = request.config_dict[PAGE], request.config_dict[COUNTING]
    then = await _set_of(page, chat.decisions[-1].config)
    stored = then if isinstance(then, StoredSet) else None
    before = rules_by_id(stored.rules.rules) if stored else {}
    rules = page.keywords.rules
    counted = counting.known(rules.hash) if rules else None
    ages = counted.ages.since_ms if counted and counted.ages else {}
    sets = Sets(before, rules_by_id(rules.rules) if rules else {}, ages)
    return _Decided(then, stored, sets, await _today(page, chat, stored, words))


async def _set_of(page: Page, config: str) -> StoredSet | str:
    """The set that decided; or in words why it cannot be had. That in force is at hand, also while Kafka is away."""
    current = page.keywords.rules
    if current is not None and current.hash == config:
        return StoredSet(current, page.keywords.files, None)
    if isinstance(page.past.filling.trouble, NO_KAFKA) and config not in page.past.sets.times():
        return "Kafka does not answer"
    try:
        return await page.past.sets.get(config)
    except TopicMissingError as error:
        return f"Kafka has no topic {error}"
    except NO_KAFKA:
        return "Kafka does not answer"


async def _today(page: Page, chat: PastChat, then: StoredSet | None, words: Words | None) -> Today | None:
    if (decider := page.keywords.decider) is None:
        return None
    if words is None:
        return await page.remembered.today(page.past, chat, then, decider)
    return await page.computed(partial(decide, words.conversation, chat, then, decider))


def _changed(
    before: Mapping[str, Rule], then: StoredSet | None, today: Today | None, files: Mapping[str, bytes]
) -> list[ChangedRule]:
    """The lines that matter: of rules by which a tag came or went."""
    if then is None or today is None or not today.changes:
        return []
    tags = {change.tag for change in today.changes}
    rules = {rule.id for rule in [*today.rules.values(), *before.values()] if rule.tag in tags}
    return changed(rules, before, then.files, today.rules, files)

"""The addresses of "Try it". Texts come by POST only, and no answer with words of a chat may be stored."""

from dataclasses import dataclass, replace
from functools import partial

import orjson
from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.explain import as_json
from tagger.web.form import fields_of
from tagger.web.frame import PAGE, shown
from tagger.web.in_force import NOTHING_IN_FORCE
from tagger.web.marks import Piece
from tagger.web.refusals import Busy
from tagger.web.times import day_of
from tagger.web.try_it.answer import Answer, answer, in_text, passages
from tagger.web.try_it.chat import NO_CREDENTIALS, fetch
from tagger.web.try_it.question import Question, conversation_of, examples, groups_of, read

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class _Explained:
    """A conversation, what is decided on it, and what is shown of that."""

    conversation: Conversation
    decision: Decision
    answer: Answer
    pieces: tuple[Piece, ...] = ()  # of a text, marked


@routes.get("/")
async def empty(request: web.Request) -> web.Response:
    """The empty form; with `?example=2`, an example of the keyword files in it."""
    decider = request.config_dict[PAGE].keywords.decider
    number, known = request.query.get("example", ""), examples(decider.rules) if decider else ()
    if number.isascii() and number.isdecimal() and 0 < int(number[:3]) <= len(known):
        return await _shown(request, "try.html", Question(known[int(number[:3]) - 1]))
    return await _shown(request, "try.html", Question(""))


@routes.post("/")
async def tried(request: web.Request) -> web.Response:
    """The form with its answer, for browsers without script."""
    return await _shown(request, "try.html", read(await fields_of(request)))


@routes.post("/parts/try")
async def part(request: web.Request) -> web.Response:
    """What changes of the screen while somebody types."""
    return await _shown(request, "try_parts.html", read(await fields_of(request)))


@routes.post("/try.json")
async def as_data(request: web.Request) -> web.Response:
    """The answer for programs, in the shape of `tagger explain --format json`."""
    question = read(await fields_of(request))
    explained = await _of_text(request, question) if isinstance(question, Question) else question
    if isinstance(explained, str):
        problem = orjson.dumps({"problem": explained})
        return web.Response(status=422, body=problem, content_type="application/json")
    data = as_json(explained.conversation, explained.decision)
    return web.Response(body=orjson.dumps(data), content_type="application/json")


@routes.post("/chat")
async def by_id(request: web.Request) -> web.Response:
    """A chat of LiveChat, explained."""
    fields = await fields_of(request)
    explained = await _of_chat(request, fields.get("chat", "").strip(), fields.get("organization"))
    if isinstance(explained, str):
        problem = {"title": "LiveChat did not give this chat", "text": explained}
        return shown(request, "problem.html", problem, status=502)
    conversation = explained.conversation
    context = {
        "thread": conversation.thread,
        "answer": explained.answer,
        "passages": list(passages(conversation, explained.answer)),
        "complete": conversation.complete,
    }
    return shown(request, "try_chat.html", context)


async def _shown(request: web.Request, template: str, question: Question | str) -> web.Response:
    """A template of this screen, with the form as it was sent and the answer to it."""
    page = request.config_dict[PAGE]
    decider = page.keywords.decider
    rules = decider.rules if decider else ()
    asked = Question("") if isinstance(question, str) else question
    explained = await _of_text(request, asked) if asked.text.strip() else None
    problem = next((each for each in (question, explained) if isinstance(each, str)), None)
    told = explained if isinstance(explained, _Explained) else None
    context = {
        "question": asked,
        "problem": problem,
        "answer": told.answer if told else None,
        "pieces": told.pieces if told else (Piece(asked.text),),
        "groups": groups_of(rules),
        "day": asked.day or day_of(now_ms()),
        "examples": examples(rules),
        "organizations": page.livechat[1].organizations() if page.livechat else [],
        "no_chats": None if page.livechat else NO_CREDENTIALS,
    }
    return shown(request, template, context)


async def _of_text(request: web.Request, question: Question) -> _Explained | str:
    page = request.config_dict[PAGE]
    if (decider := page.keywords.decider) is None:
        return NOTHING_IN_FORCE
    at_ms = question.decided_at_ms(now_ms())
    try:
        return await page.computed(partial(_explain_text, decider, question, at_ms))
    except Busy as busy:
        return busy.why


async def _of_chat(request: web.Request, chat_id: str, organization: str | None) -> _Explained | str:
    page = request.config_dict[PAGE]
    if (decider := page.keywords.decider) is None:
        return NOTHING_IN_FORCE
    if page.livechat is None:
        return NO_CREDENTIALS
    fetched = await fetch(page.livechat, chat_id, organization)
    if isinstance(fetched, str):
        return fetched
    conversation, began_ms = fetched
    return await page.computed(partial(_explain, decider, conversation, began_ms or now_ms()))


def _explain(decider: Decider, conversation: Conversation, at_ms: int) -> _Explained:
    decision = decider.decide(conversation, at_ms, explain=True)
    return _Explained(conversation, decision, answer(conversation, decision, decider.rules))


def _explain_text(decider: Decider, question: Question, at_ms: int) -> _Explained:
    conversation, heard = conversation_of(question, decider.rules)
    explained = _explain(decider, conversation, at_ms)
    starts = [one.start for one in heard]
    return replace(explained, pieces=in_text(question.text, starts, explained.answer))

"""What has to hold of every history, whatever LiveChat did."""

from collections import Counter
from typing import Final

from tests.simulation.calls.history import History, play
from tests.simulation.calls.setting import ITEMS, Chat, Setting, Trouble
from tests.simulation.calls.world import Request

# From a good chat's end to its tags, where only others are bad: two calls one after the other, each behind a probe.
PROMPT_S: Final = 20.0
MANY: Final = 3  # chats answered 429 for ever that a lane takes for a limit
RECOVERY_S: Final = 45.0  # after a trouble of the lane: probes and back-off of 10 s each, and the backlog
# Where all calls that write are refused one asks once a minute; a limit leaves a backlog of minutes; and a call that
# failed fifteen times in a quiet lane, where no circuit opens, is tried once a minute: requests are billed.
SLOW_RECOVERY_S: Final = 75.0
SLOW_KINDS, LONG_S = ("read_only", "limit"), 60.0
# What failed itself has every eighth turn only, and these come seconds apart where a limit seems to block all.
LIKE_A_LIMIT_AFTER_S: Final = 300.0
# In the stories that a promise is about: a good chat after others that are bad, and before any has succeeded; a
# rush, ten seconds after its storm. Chats that are answered 429 for ever look like a limit until they are singled out
# among others that pass.
AT_ONCE_S, FIRST_S, LIKE_A_LIMIT_S = 2.0, 20.0, 40.0
# A lane that seems limited makes a call every four seconds at its slowest. Each call that is answered 429 for ever costs
# one such turn before anything can tell it from a limit. After that a call refused again shows something only where
# another passed meanwhile, so it costs two; ten of these tell, even where half of all calls are refused.
TURN_S, TELLING = 4.0, 10
BACK_S, BACKLOG_GONE_S, IN_A_RUSH_S = 10.0, 22.0, 5.0  # of a storm or a limit; of a block of all calls
HOPELESS_S: Final = 1_000.0  # until bad chats among more than a lane can do are known to be
WHOLE_S: Final = 840.0  # an organization out for less than this, and a probe, is not given up
TRIES, TRIES_APART_S = 25, 30.0  # calls of a bad chat: so many, and then so far apart, for each tag
ALONE_S: Final = 1_000.0  # from the first failure until work of an organization that is out alone is given up
# Calls a second while everything fails; and for each tag of a chat that failed before: the circuit does not know
# it for an outage, and it is tried again as before.
OUTAGE_CALLS_A_S, OUTAGE_CALLS_OF_BAD_A_S = 2.0, 0.35
IN_FLIGHT_MAX: Final = 32


class Violation(Exception):
    """A property that does not hold."""


def fails(setting: Setting) -> str | None:
    """What a history violates; None: nothing."""
    try:
        check(play(setting))
    except Exception as error:
        return repr(error)
    return None


def check(history: History) -> None:
    _all_are_settled(history)
    _good_chats_are_prompt(history)
    _stories_keep_their_promise(history)
    _nothing_is_parked_without_evidence(history)
    _who_is_out_alone_is_parked(history)
    _calls_are_bounded(history)
    _what_a_person_removed_stays_removed(history)
    if history.setting.one_for_all and history.lanes > 1:
        raise Violation(f"{history.lanes} lanes for one credential")


def _is_good(history: History, chat: Chat) -> bool:
    return chat.bad is None and history.setting.bad_tag not in chat.tags


def _like_a_limit(history: History) -> bool:
    return sum(chat.bad == "too_many_requests" for chat in history.setting.chats) > MANY


def _lane(history: History, organization: str) -> str:
    return "" if history.setting.one_for_all else organization


def _troubles(history: History, organization: str) -> list[Trouble]:
    """Those that hit the lane of this organization."""
    return [
        one
        for one in history.setting.troubles
        if one.organization in {None, organization} or history.setting.one_for_all
    ]


def _all_are_settled(history: History) -> None:
    """Those whose calls can succeed; the others where successes beside them show that they cannot."""
    late = [
        chat.id
        for chat in history.setting.chats
        if chat.id not in history.settled
        and (history.setting.steady or _is_good(history, chat))
        and not (
            chat.bad == "too_many_requests" and _like_a_limit(history)
        )  # these take as long as they take
    ]
    if late:
        raise Violation(f"never settled: {late}")


def _good_chats_are_prompt(history: History) -> None:
    """A lane that has set a tag before knows LiveChat in order, so many bad chats are no outage to it."""
    parked = {record["chat_id"] for _, topic, record in history.topics.records if topic == "p"}
    first: dict[str, float] = {}
    for (name, _), at in history.livechat.tags.items():
        lane = _lane(history, history.livechat.chats[name].organization)
        first[lane] = min(first.get(lane, at), at)
    if sum(chat.spoiled_after_s is not None for chat in history.setting.chats) > 1:
        return  # those that could tell bad chats from an outage may be bad themselves
    like_a_limit = _like_a_limit(history)
    for chat in history.setting.chats:
        known = first.get(_lane(history, chat.organization))
        if not _is_good(history, chat) or chat.id in parked or known is None:
            continue
        due, patience = max(chat.at, known + 10.0), PROMPT_S
        if like_a_limit:
            patience += _told_apart_s(history, chat.organization, due, history.settled[chat.id])
        for trouble in sorted(_troubles(history, chat.organization), key=lambda one: one.begin):
            slow = trouble.kind in SLOW_KINDS or trouble.end - trouble.begin > LONG_S
            recovery_s = SLOW_RECOVERY_S if slow else RECOVERY_S
            if like_a_limit:
                recovery_s = LIKE_A_LIMIT_AFTER_S
            if trouble.begin <= due + patience and trouble.end + recovery_s > due:
                due, patience = max(due, trouble.end), recovery_s
        if history.settled[chat.id] > due + patience:
            late_s = history.settled[chat.id] - due
            raise Violation(f"{chat.id} of {chat.organization} was settled {late_s:.0f} s after it was due")


def _told_apart_s(history: History, organization: str, begin: float, end: float) -> float:
    """What telling calls that are answered 429 for ever from a limit may have cost between two times."""
    lane, tried = _lane(history, organization), set[tuple[object, ...]]()
    first = again = 0
    for one in history.livechat.requests:
        if _lane(history, one.organization) != lane or one.error_type != "too_many_requests":
            continue
        call = (one.call.method, one.call.body.get("chat_id"), one.call.body.get("tag"))
        if begin <= one.at < end:
            first += call not in tried
            again += call in tried
        tried.add(call)
    return TURN_S * (first + 2 * min(again, TELLING))


def _stories_keep_their_promise(history: History) -> None:
    setting = history.setting
    good = [chat for chat in setting.chats if chat.bad is None]
    if setting.story == "strangers":
        like_a_limit = any(chat.bad == "too_many_requests" for chat in setting.chats)
        late = LIKE_A_LIMIT_S if like_a_limit else AT_ONCE_S
        slow = [
            chat.id
            for number, chat in enumerate(sorted(good, key=lambda chat: chat.at))
            if history.settled[chat.id] > chat.at + max(late, FIRST_S * (number == 0))
        ]
    elif setting.story == "rush":
        (storm,) = setting.troubles
        back_s = BACK_S if storm.share < 1 else BACKLOG_GONE_S
        slow = [
            chat.id
            for chat in good
            if chat.at > storm.end + back_s and history.settled[chat.id] > chat.at + IN_A_RUSH_S
        ]
    elif setting.story == "overload":  # though there is always a call that was never tried
        slow = [chat.id for chat in setting.chats if chat.bad and history.settled[chat.id] > HOPELESS_S]
    else:
        return
    if slow:
        raise Violation(f"{setting.story}: {len(slow)} chats waited, {slow[0]} first")


def _nothing_is_parked_without_evidence(history: History) -> None:
    refused = Counter[str]()
    for at, topic, record in history.topics.records:
        if topic != "p":
            continue
        chat, error_type = history.livechat.chats[record["chat_id"]], record["error_type"]
        troubles = _troubles(history, chat.organization)
        bad_tag = record["tag"] is not None and record["tag"] == history.setting.bad_tag
        its_own = chat.bad == error_type or (bad_tag and error_type == "internal")
        if error_type == "not_found" and not its_own:
            raise Violation(f"{chat.id} was not gone")
        if error_type in ITEMS or error_type == "authorization":
            refused[_lane(history, chat.organization)] += not its_own
            if not its_own and not any(one.kind == "read_only" for one in troubles):
                raise Violation(f"{chat.id} was parked as {error_type}")
            if error_type == "not_found" and at < chat.at + 60:
                raise Violation(f"{chat.id} was believed gone after {at - chat.at:.0f} s")
        elif error_type == "organization_unavailable":
            _was_out_alone(history, chat, at)
        elif error_type != "incomplete":
            if chat.bad is None and not bad_tag:
                raise Violation(f"the good {chat.id} was parked as {error_type}")
            if at < chat.at + 600:
                raise Violation(f"{chat.id} was given up after {at - chat.at:.0f} s")
    for lane, count in refused.items():
        if count > 49 * sum(one.kind == "read_only" for one in history.setting.troubles):
            raise Violation(f"{count} chats of {lane!r} were parked though the token was to blame")


def _was_out_alone(history: History, chat: Chat, at: float) -> None:
    """Whether this organization was out for long enough, and another one was served meanwhile."""
    its_own = [
        one for one in history.livechat.requests if one.organization == chat.organization and one.at <= at
    ]
    served = max((one.at for one in its_own if one.error_type is None), default=0.0)
    written = max((one.at for one in its_own if one.error_type is None and _writes(one)), default=0.0)
    # A chat that is read says nothing of tags that are refused.
    begin = min(
        (one.at for one in its_own if one.at > (written if _writes(one) else served)), default=chat.at
    )
    if any(one.kind == "no_token" for one in _troubles(history, chat.organization)):
        begin = written  # without a token no request goes out
    others = [
        one
        for one in history.livechat.requests
        if one.organization != chat.organization and one.error_type is None and begin <= one.at <= at
    ]
    if at - begin < WHOLE_S:
        raise Violation(f"{chat.organization} was given up after {at - begin:.0f} s")
    if not others:
        raise Violation(f"{chat.organization} was given up, and nobody else was served")


def _who_is_out_alone_is_parked(history: History) -> None:
    """Though nobody else may have traffic; and not for ever does its work wait."""
    setting = history.setting
    if setting.one_for_all or len(setting.organizations) < 2 or len(setting.troubles) != 1:
        return
    (out,) = setting.troubles
    if not all(_is_good(history, chat) for chat in setting.chats if chat.organization != out.organization):
        return  # where the others have bad chats only, nothing tells one that is out
    if out.kind not in {"revoked", "no_token"} or out.end - out.begin < 1_300:
        return
    ends = [
        chat.at for chat in setting.chats if out.begin < chat.at and chat.organization == out.organization
    ]
    given_up = {record["chat_id"] for at, topic, record in history.topics.records if topic == "p"}
    for chat in setting.chats:
        is_its = chat.organization == out.organization and out.begin < chat.at < out.begin + 200
        if is_its and (chat.id not in given_up or history.settled[chat.id] > min(ends) + ALONE_S):
            raise Violation(f"{chat.id} waits for {chat.organization}, which is out alone")


def _writes(request: Request) -> bool:
    return request.call.method == "tag_thread"


def _calls_are_bounded(history: History) -> None:
    livechat = history.livechat
    if livechat.most_in_flight > IN_FLIGHT_MAX:
        raise Violation(f"{livechat.most_in_flight} calls in flight")
    calls = Counter(one.call.body["chat_id"] for one in livechat.requests if "chat_id" in one.call.body)
    for name, count in calls.items():
        chat = livechat.chats[name]
        troubled_s = sum(one.end - one.begin + RECOVERY_S for one in _troubles(history, chat.organization))
        lived_s = history.settled.get(name, history.ended) - chat.at
        apart_s = (
            4.0 if chat.bad == "timeout" else TRIES_APART_S
        )  # what LiveChat does not answer it does not bill
        bound = (TRIES + lived_s / apart_s) * (len(chat.tags) + 1) + troubled_s * (len(chat.tags) + 1)
        probes = len(livechat.requests) if _is_good(history, chat) else 0  # a good one is asked for others
        if count > bound + probes:
            raise Violation(f"{count} calls for {name}")
    for trouble in history.setting.troubles:
        begin, seconds = trouble.begin + 30, trouble.end - trouble.begin - 30
        if trouble.kind != "outage" or seconds < 60:
            continue
        bad = Counter[str]()
        for chat in history.setting.chats:
            if not _is_good(history, chat):
                bad[_lane(history, chat.organization)] += len(chat.tags)
        during = Counter(one.organization for one in livechat.requests if begin <= one.at < trouble.end)
        for organization, count in during.items():
            most = OUTAGE_CALLS_A_S + OUTAGE_CALLS_OF_BAD_A_S * bad[_lane(history, organization)]
            if count > most * seconds:
                raise Violation(f"{count} calls of {organization} in an outage of {seconds:.0f} s")


def _what_a_person_removed_stays_removed(history: History) -> None:
    if any(one.kind in {"hiccups", "outage"} for one in history.setting.troubles):
        return  # a tag whose answer was lost is set again, whoever removed it meanwhile
    again = [
        (name, tag)
        for name, tag in history.livechat.set_again
        if history.settled.get(name, 0) < history.livechat.now()
        and history.livechat.tags[name, tag] < history.settled.get(name, 0)
    ]
    if again:
        raise Violation(f"set again after a person removed it: {again[0]}")

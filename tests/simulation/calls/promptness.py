"""How long good chats may take beside bad ones, and after LiveChat misbehaved."""

from typing import Final

from tests.simulation.calls.history import History, Violation
from tests.simulation.calls.setting import ITEMS, Trouble

# From a good chat's end to its tags, where only others are bad: two calls one after the other, each behind a probe.
PROMPT_S: Final = 20.0
RECOVERY_S: Final = 45.0  # after a trouble of the lane: probes and back-off of 10 s each, and the backlog
# Where all calls that write are refused one asks once a minute; a limit leaves a backlog of minutes; and a call that
# failed fifteen times in a quiet lane, where no circuit opens, is tried once a minute: requests are billed.
SLOW_RECOVERY_S: Final = 75.0
SLOW_KINDS, LONG_S = ("read_only", "limit"), 60.0
# Where no witness is left, the calls held ask in their order, and go on as soon as one is refused for itself: that is
# looked for each second, and a call takes up to 0.15 s.
HELD_S: Final = 1.2
# What failed itself has every eighth turn only, and these come seconds apart where a limit seems to block all.
LIKE_A_LIMIT_AFTER_S: Final = 300.0
# In the stories that a promise is about: a good chat after others that are bad, and before any has succeeded; a
# rush, ten seconds after its storm. Chats that are answered 429 forever look like a limit until they are singled out
# among others that pass.
AT_ONCE_S, FIRST_S, LIKE_A_LIMIT_S = 2.0, 20.0, 40.0
# A lane that seems limited makes a call every four seconds at its slowest. Each call that is answered 429 forever costs
# one such turn before anything can tell it from a limit. After that a call refused again shows something only where
# another passed meanwhile, so it costs two; ten of these tell, even where half of all calls are refused.
TURN_S, TELLING = 4.0, 10
# After a storm or a limit; after a block of all calls, be it for the time that LiveChat asked for where it refused
# several in a row.
BACK_S, BACKLOG_GONE_S, IN_A_RUSH_S, IN_A_ROW = 10.0, 22.0, 5.0, 3
HOPELESS_S: Final = 1_000.0  # until bad chats among more than a lane can do are known to be


def good_chats_are_prompt(history: History) -> None:
    """A lane that has set a tag before knows LiveChat in order, so many bad chats are no outage to it."""
    parked = {record["chat_id"] for _, topic, record in history.topics.records if topic == "p"}
    first: dict[str, float] = {}
    for (name, _), at in history.livechat.tags.items():
        lane = history.lane(history.livechat.chats[name].organization)
        first[lane] = min(first.get(lane, at), at)
    if sum(chat.spoiled_after_s is not None for chat in history.setting.chats) > 1:
        return  # those that could tell bad chats from an outage may be bad themselves
    like_a_limit = history.like_a_limit
    for chat in history.setting.chats:
        known = first.get(history.lane(chat.organization))
        if not history.is_good(chat) or chat.id in parked or known is None:
            continue
        due, patience = max(chat.at, known + 10.0), PROMPT_S
        if like_a_limit:
            patience += _told_apart_s(history, chat.organization, due, history.settled[chat.id])
        for trouble in sorted(history.troubles(chat.organization), key=lambda one: one.begin):
            slow = trouble.kind in SLOW_KINDS or trouble.end - trouble.begin > LONG_S
            recovery_s = SLOW_RECOVERY_S if slow else RECOVERY_S
            if trouble.kind == "read_only":
                settled = history.settled[chat.id]
                recovery_s += HELD_S * _refused(history, chat.organization, trouble.end, settled)
            if like_a_limit:
                recovery_s = LIKE_A_LIMIT_AFTER_S
            if trouble.begin <= due + patience and trouble.end + recovery_s > due:
                due, patience = max(due, trouble.end), recovery_s
        if history.settled[chat.id] > due + patience:
            late_s = history.settled[chat.id] - due
            raise Violation(f"{chat.id} of {chat.organization} was settled {late_s:.0f} s after it was due")


def _refused(history: History, organization: str, begin: float, end: float) -> int:
    """Tags that were refused for themselves between two times."""
    lane = history.lane(organization)
    return len(
        {
            (one.call.body["chat_id"], one.call.body["tag"])
            for one in history.livechat.requests
            if history.lane(one.organization) == lane
            and one.writes
            and one.error_type in ITEMS
            and begin <= one.at < end
        }
    )


def _told_apart_s(history: History, organization: str, begin: float, end: float) -> float:
    """What telling calls that are answered 429 forever from a limit may have cost between two times."""
    lane, tried = history.lane(organization), set[tuple[object, ...]]()
    first = again = 0
    for one in history.livechat.requests:
        if history.lane(one.organization) != lane or one.error_type != "too_many_requests":
            continue
        call = (one.call.method, one.call.body.get("chat_id"), one.call.body.get("tag"))
        if begin <= one.at < end:
            first += call not in tried
            again += call in tried
        tried.add(call)
    return TURN_S * (first + 2 * min(again, TELLING))


def stories_keep_their_promise(history: History) -> None:
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
        back_s = BACKLOG_GONE_S if storm.share >= 1 or _stood_still(history, storm) else BACK_S
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


def _stood_still(history: History, storm: Trouble) -> bool:
    """Whether several calls in a row were answered 429, and none was made for the time that LiveChat asked for."""
    in_a_row, last = 0, 0.0
    for one in history.livechat.requests:
        if storm.retry_after_s and in_a_row >= IN_A_ROW and one.at - last >= storm.retry_after_s:
            return True
        in_a_row, last = in_a_row + 1 if one.error_type == "too_many_requests" else 0, one.at
    return False

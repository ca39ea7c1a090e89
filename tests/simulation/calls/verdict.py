"""What has to hold of every history, whatever LiveChat did."""

from collections import Counter
from typing import Final

from tests.simulation.calls.history import History, Violation, play
from tests.simulation.calls.promptness import RECOVERY_S, good_chats_are_prompt, stories_keep_their_promise
from tests.simulation.calls.setting import ITEMS, Chat, Setting

WHOLE_S: Final = 840.0  # an organization out for less than this, and a probe, is not given up
TRIES, TRIES_APART_S = 25, 30.0  # calls of a bad chat: so many, and then so far apart, for each tag
ALONE_S: Final = 1_000.0  # from the first failure until work of an organization that is out alone is given up
# Calls a second while everything fails; and for each tag of a chat that failed before: the circuit does not know
# it for an outage, and it is tried again as before.
OUTAGE_CALLS_A_S, OUTAGE_CALLS_OF_BAD_A_S = 2.0, 0.35
IN_FLIGHT_MAX: Final = 32


def fails(setting: Setting) -> str | None:
    """What a history violates; None: nothing."""
    try:
        check(play(setting))
    except Exception as error:
        return repr(error)
    return None


def check(history: History) -> None:
    _all_are_settled(history)
    good_chats_are_prompt(history)
    stories_keep_their_promise(history)
    _nothing_is_parked_without_evidence(history)
    _who_is_out_alone_is_parked(history)
    _calls_are_bounded(history)
    _what_a_person_removed_stays_removed(history)
    if history.setting.one_for_all and history.lanes > 1:
        raise Violation(f"{history.lanes} lanes for one credential")


def _all_are_settled(history: History) -> None:
    """Those whose calls can succeed; the others where successes beside them show that they cannot."""
    late = [
        chat.id
        for chat in history.setting.chats
        if chat.id not in history.settled
        and (history.setting.steady or history.is_good(chat))
        and not (chat.bad == "too_many_requests" and history.like_a_limit)  # these take as long as they take
    ]
    if late:
        raise Violation(f"never settled: {late}")


def _nothing_is_parked_without_evidence(history: History) -> None:
    refused = Counter[str]()
    for at, topic, record in history.topics.records:
        if topic != "p":
            continue
        chat, error_type = history.livechat.chats[record["chat_id"]], record["error_type"]
        troubles = history.troubles(chat.organization)
        bad_tag = record["tag"] is not None and record["tag"] == history.setting.bad_tag
        its_own = chat.bad == error_type or (bad_tag and error_type == "internal")
        if error_type == "not_found" and not its_own:
            raise Violation(f"{chat.id} was not gone")
        if error_type in ITEMS or error_type == "authorization":
            refused[history.lane(chat.organization)] += not its_own
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
    heard = [one for one in its_own if one.error_type is None and one.answered_at <= at]
    served = max((one.at for one in heard), default=0.0)
    written = max((one.at for one in heard if one.writes), default=0.0)
    # A chat that is read says nothing of tags that are refused.
    begin = min((one.at for one in its_own if one.at > (written if one.writes else served)), default=chat.at)
    if any(one.kind == "no_token" for one in history.troubles(chat.organization)):
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
    """Even if nobody else has traffic: its work does not wait indefinitely."""
    setting = history.setting
    if setting.one_for_all or len(setting.organizations) < 2 or len(setting.troubles) != 1:
        return
    (out,) = setting.troubles
    if not all(history.is_good(chat) for chat in setting.chats if chat.organization != out.organization):
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


def _calls_are_bounded(history: History) -> None:
    livechat = history.livechat
    if livechat.most_in_flight > IN_FLIGHT_MAX:
        raise Violation(f"{livechat.most_in_flight} calls in flight")
    calls = Counter(one.call.body["chat_id"] for one in livechat.requests if "chat_id" in one.call.body)
    for name, count in calls.items():
        chat = livechat.chats[name]
        troubled_s = sum(one.end - one.begin + RECOVERY_S for one in history.troubles(chat.organization))
        lived_s = history.settled.get(name, history.ended) - chat.at
        apart_s = (
            4.0 if chat.bad == "timeout" else TRIES_APART_S
        )  # what LiveChat does not answer it does not bill
        bound = (TRIES + lived_s / apart_s) * (len(chat.tags) + 1) + troubled_s * (len(chat.tags) + 1)
        probes = len(livechat.requests) if history.is_good(chat) else 0  # a good one is asked for others
        if count > bound + probes:
            raise Violation(f"{count} calls for {name}")
    for trouble in history.setting.troubles:
        begin, seconds = trouble.begin + 30, trouble.end - trouble.begin - 30
        if trouble.kind != "outage" or seconds < 60:
            continue
        bad = Counter[str]()
        for chat in history.setting.chats:
            if not history.is_good(chat):
                bad[history.lane(chat.organization)] += len(chat.tags)
        during = Counter(one.organization for one in livechat.requests if begin <= one.at < trouble.end)
        for organization, count in during.items():
            most = OUTAGE_CALLS_A_S + OUTAGE_CALLS_OF_BAD_A_S * bad[history.lane(organization)]
            if count > most * seconds:
                raise Violation(f"{count} calls of {organization} in an outage of {seconds:.0f} s")


def _was_seen(history: History, name: str, tag: str, at: float) -> bool:
    """Whether the last that was read of the chat before this time was read while it carried the tag.

    Between that and the call that sets it LiveChat may be slow, and takes no condition with a call.
    """
    livechat = history.livechat
    first = livechat.tags[name, tag]
    reads = [
        one.at
        for one in livechat.requests
        if one.call.method == "get_chat" and one.call.body["chat_id"] == name and one.answered_at <= at
    ]
    return bool(reads) and first <= reads[-1] <= first + (livechat.chats[name].removed_after_s or 0.0)


def _what_a_person_removed_stays_removed(history: History) -> None:
    if any(one.kind in {"hiccups", "outage"} for one in history.setting.troubles):
        return  # a tag whose answer was lost is set again, even if a person removed it meanwhile
    again = [
        (name, tag)
        for name, tag, at in history.livechat.set_again
        if history.settled.get(name, 0) < history.livechat.now()
        and history.livechat.tags[name, tag] < history.settled.get(name, 0)
        and not _was_seen(history, name, tag, at)
    ]
    if again:
        raise Violation(f"set again after a person removed it: {again[0]}")

"""The story of a thread: sent, stored, read, decided, called. Ids, times and tags; no word of a chat."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.world import World


def story(world: "World", thread: str) -> str:
    """A line for everything that is known, in these five chapters; times in seconds from the world's begin."""
    lines = (*_sent(world, thread), *_stored(world, thread), *_told(world, thread), *_called(world, thread))
    return "\n".join((_title(world, thread), *lines))


def _title(world: "World", thread: str) -> str:
    played = world.stage.player.played.get(thread)
    if played is None:
        return f"thread {thread}, which nobody played"
    calls_for, has = sorted(played.expected), sorted(played.thread.tags)
    return f"thread {thread} of chat {played.thread.chat.id}: calls for {calls_for}, has {has}"


def _sent(world: "World", thread: str) -> Iterator[str]:
    for one in world.entrance.sent.get(thread, ()):
        to = f"ingest {one.ingest + 1}" if one.ingest >= 0 else "nobody"
        yield f"  sent     {one.at - world.began:+8.2f}  {one.webhook} to {to}: {one.status or 'no answer'}"


def _stored(world: "World", thread: str) -> Iterator[str]:
    stored = sorted(world.truth.stored.get(thread, ()), key=lambda one: one.at)
    for one in stored:
        yield f"  stored   {one.at - world.began_at:+8.2f}  {one.webhook} at {one.partition}/{one.offset}"
    for partition in {one.partition for one in stored}:
        last = max(one.offset for one in stored if one.partition == partition)
        passed = next((at for at, by in world.truth.looks if by.get(partition, -1) > last), None)
        if passed is None:
            yield f"  read              the committed offset of {partition} has not passed {last}"
        else:
            yield f"  read     {passed - world.began_at:+8.2f}  the committed offset of {partition} was seen above {last}"


def _told(world: "World", thread: str) -> Iterator[str]:
    for told in world.truth.told.get(thread, ()):
        value = told.value
        if told.parked:
            what = f"parked: {value.get('tag')} because of {value.get('error_type')}"
        else:
            seen = f"{value.get('messages')} messages of {value.get('source')}"
            end = f"{value.get('partition')}/{value.get('offset')}"
            what = f"{value.get('outcome')}: {value.get('tags')} by {seen}, end at {end}"
        yield f"  decided  {told.at - world.began_at:+8.2f}  {what}"


def _called(world: "World", thread: str) -> Iterator[str]:
    for call in list(world.stage.livechat.calls):
        if call.thread_id == thread:
            yield f"  called   {call.at - world.began:+8.2f}  {call.method} {call.tag or ''}: {call.outcome}"

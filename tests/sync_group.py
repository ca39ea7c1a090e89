"""Lets several members of a consumer group share the embedded broker. A real broker needs no such help.

librdkafka's mock cluster moves a group on as soon as its leader has synced, and refuses a follower that syncs
later. So the leader is held back a little, in every process that may become one: call `install` there, or run
`python -m tests.sync_group run` in place of `tagger run`.
"""

import asyncio
from typing import Any, Final

from aiokafka.consumer.group_coordinator import GroupCoordinator

HELD_BACK_S: Final = 0.15  # followers on the loopback sync within a few milliseconds

_perform_assignment = GroupCoordinator._perform_assignment


async def _perform_assignment_late(self: GroupCoordinator, response: Any) -> Any:
    assignment = await _perform_assignment(self, response)
    if len(response.members) > 1:
        await asyncio.sleep(HELD_BACK_S)
    return assignment


def install() -> None:
    """From now on consumers of this process wait before they sync as leaders."""
    GroupCoordinator._perform_assignment = _perform_assignment_late


if __name__ == "__main__":
    from tagger.__main__ import main

    install()
    main()

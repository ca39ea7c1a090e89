"""Taggers of one group, as processes that come and go while a stage plays."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import Final, Self

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S
from tests.freeze import freeze

FROZEN_S: Final = 9.0  # the session is 6 s: the group goes on without it


class Crowd:
    """An async context manager; the stage's own tagger is the first member, and the stage ends it."""

    def __init__(self, stage: Stage) -> None:
        self.members = [stage.tagger]
        self._stage = stage
        self._made = 1
        self._ends = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def join(self) -> Service:
        """One more member; returns when it is ready."""
        self._made += 1
        port = self._ends.enter_context(reserved_port())
        log = self._stage.folder / f"tagger-{self._made}.log"
        settings = {**self._stage.tagger.settings, "TAGGER_ADMIN_PORT": str(port)}
        member = Service("tagger", ("run",), settings, port, log)
        self._ends.push_async_callback(member.stop)
        self.members.append(member)
        await member.start(DEADLINE_S)
        return member

    async def leave(self, member: Service) -> int | None:
        """SIGTERM; its exit code."""
        self.members.remove(member)
        return await member.stop()

    @staticmethod
    async def kill(member: Service) -> None:
        """kill -9, and a new process in its place."""
        await member.kill()
        await member.start(DEADLINE_S)

    @staticmethod
    async def restart(member: Service) -> int | None:
        """SIGTERM, and a new process in its place; the exit code of the old one."""
        code = await member.stop()
        await member.start(DEADLINE_S)
        return code

    @staticmethod
    async def freeze(member: Service) -> None:
        """It stands still for longer than its session, and then goes on as if nothing had been."""
        assert member.pid is not None, "it was started"
        freeze(member.pid)
        try:
            await asyncio.sleep(FROZEN_S)
        finally:
            os.kill(member.pid, signal.SIGCONT)

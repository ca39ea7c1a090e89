"""What happens: the clock of the services is an hour off, either way, or jumps by an hour while chats are open.
What must hold: T C L N M Q; no open chat expires because of it, so LiveChat need not be asked for any.
Measured: the wall clock that Python tells both processes is moved; the simulated LiveChat counts `get_chat`.
"""

from pathlib import Path

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.planted import Clock, planted

HOUR_S = 3600.0


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param((HOUR_S, 0.0), id="ahead, and back"),
        pytest.param((-HOUR_S, 0.0), id="behind, and ahead", marks=pytest.mark.long),
        pytest.param((HOUR_S, -HOUR_S, HOUR_S, 0.0), id="to and fro", marks=pytest.mark.long),
    ],
)
async def test_no_chat_expires_and_each_gets_its_tags(
    world: MakeWorld, tmp_path: Path, jumps: tuple[float, ...]
) -> None:
    clock = Clock(tmp_path / "clock")
    async with world(settings=planted(clock=clock.file)) as w:
        async with w.chats():
            for ahead_s in jumps:
                await w.tagged(10)
                clock.jump(ahead_s)
                w.proof.did(f"the clock was {ahead_s / HOUR_S:+g} h off")
            await w.taggers[0].kill()  # what it has to read again has all of these times
            await w.taggers[0].start()
            await w.tagged(10)
        await w.everything_holds()
        assert not any(call.method == "get_chat" for call in w.stage.livechat.calls)

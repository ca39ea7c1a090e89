"""What can befall LiveChat as a whole: each begins, lasts as long as one likes, and is over."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.stage.stage import Stage


class Outage(NamedTuple):
    """`during` keeps it up; the tagger's metrics call it `error_type`."""

    during: Callable[[Stage], AbstractAsyncContextManager[None]]
    error_type: str


@asynccontextmanager
async def all_503(stage: Stage) -> AsyncIterator[None]:
    stage.livechat.faults.append(Fault("service_unavailable"))
    yield
    stage.livechat.faults.clear()


@asynccontextmanager
async def answers_lost(stage: Stage) -> AsyncIterator[None]:
    """What is asked for is done, and the connection cut before the answer."""
    stage.livechat.faults.append(Fault("lost"))
    yield
    stage.livechat.faults.clear()


@asynccontextmanager
async def nobody_listens(stage: Stage) -> AsyncIterator[None]:
    """Connections are refused, as when the network or the name of LiveChat's host is gone."""
    await stage.livechat.listener.close()
    yield
    await stage.livechat.listener.open()


@asynccontextmanager
async def refresh_fails(stage: Stage) -> AsyncIterator[None]:
    """The access tokens expire, and the accounts server gives no new ones. For a stage with `oauth`."""
    stage.livechat.faults.append(Fault("internal", method="token"))
    stage.livechat.access.expire()
    yield
    stage.livechat.faults.clear()


OUTAGES: Final = {
    "all_503": Outage(all_503, "service_unavailable"),
    "answers_lost": Outage(answers_lost, "network"),
    "nobody_listens": Outage(nobody_listens, "network"),
    "refresh_fails": Outage(refresh_fails, "token_refresh"),
}

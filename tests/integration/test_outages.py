"""LiveChat away in every way we know: nothing is parked, lag shows the wait, and then every tag is set.

As long as in life: `make soak-outages`.
"""

from functools import partial
from pathlib import Path
from typing import Final

import orjson
import pytest

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.integration.outages import OUTAGES
from tests.integration.watch import everything_on, figures, finished, highest
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

CHATS: Final = 30
LASTS_S: Final = 3.0  # until the oldest chat has waited so long the outage goes on
TAG: Final = "Refund"


# Two organizations whose access tokens have to be refreshed.
two_organizations = partial(a_stage, versions=("3.6", "3.3"), oauth=True)


async def parked(stage: Stage) -> list[tuple[str, str]]:
    """(thread, tag) of everything on the topic."""
    records = map(orjson.loads, await everything_on(stage.bootstrap, stage.names.parked))
    return sorted((record["thread_id"], record["tag"]) for record in records)


async def everything_is_right(stage: Stage) -> None:
    result = await stage.settled(DEADLINE_S)
    assert (result.missing, result.wrong) == ((), ())
    assert result.set == result.expected > 0
    await until(lambda: finished(stage))
    assert await parked(stage) == []


@pytest.mark.parametrize("kind", OUTAGES)
async def test_an_outage_costs_lag_while_it_lasts_and_nothing_else(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, kind: str
) -> None:
    outage = OUTAGES[kind]
    async with two_organizations(kafka_embedded, unique, tmp_path) as stage:
        await stage.play(visits(1, 10))
        await everything_is_right(stage)

        async def waits_for_it() -> bool:
            shown = await figures(stage.tagger)
            assert shown["tagger_parked_total"] == 0
            failing = await figures(stage.tagger, error_type=outage.error_type)
            return (
                failing["tagger_livechat_failing_organizations"] > 0
                and shown["tagger_lag_records"] > 0
                and await highest(stage.tagger, "tagger_oldest_unsettled_age_seconds") >= LASTS_S
            )

        async with outage.during(stage):
            await stage.play(visits(2, CHATS))
            await until(waits_for_it)
            assert await parked(stage) == []
        await everything_is_right(stage)


async def test_a_token_that_expires_in_the_middle_is_refreshed_once_however_many_calls_it_fails(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with two_organizations(kafka_embedded, unique, tmp_path) as stage:
        livechat = stage.livechat
        livechat.faults.append(Fault(method="tag_thread", delay_s=2.0))  # so that many are under way
        await stage.play(visits(3, 2 * CHATS))

        async def many_are_under_way() -> bool:
            return all(livechat.in_flight[organization.id] > 1 for organization in stage.organizations)

        await until(many_are_under_way)
        assert stage.expected_vs_set().missing
        refreshed = livechat.token_requests
        livechat.access.expire()
        await everything_is_right(stage)
        refused = sum(call.outcome == "authentication" for call in livechat.calls)
        assert refused > livechat.token_requests - refreshed == len(stage.organizations)


async def test_a_token_that_is_about_to_expire_is_refreshed_before_a_call_is_refused(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with two_organizations(kafka_embedded, unique, tmp_path) as stage:
        stage.livechat.access.token_life_s = 61.0  # it is refreshed a minute before, so after a second
        await stage.play(visits(4, CHATS), 6.0)
        await everything_is_right(stage)
        assert stage.livechat.token_requests > len(stage.organizations)
        assert {call.outcome for call in stage.livechat.calls} == {"ok"}


async def test_a_tag_that_was_deleted_parks_its_own_chats_only_and_the_offset_moves_on(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with two_organizations(kafka_embedded, unique, tmp_path) as stage:
        for organization in stage.organizations:
            del organization.tags[TAG.lower()]
        await stage.play(visits(5, 2 * CHATS))
        await until(lambda: finished(stage))
        result = stage.expected_vs_set()
        called_for = {
            one.thread.id for one in stage.player.played.values() if TAG in one.conversation.expected
        }
        assert await parked(stage) == sorted((thread, TAG) for thread in called_for) == sorted(result.missing)
        assert result.wrong == ()
        assert result.set > len(called_for) > 0

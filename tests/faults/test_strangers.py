"""No chat and no organization holds up the others. How fast they are served meanwhile: `make soak-strangers`."""

from pathlib import Path
from typing import Final

from tagger.simulator.livechat.faults import Fault
from tests.deadline import until
from tests.faults.strangers import in_one_line, missing, play_some, tagged_visits, tried
from tests.integration.watch import figures
from tests.kafka.kafka import AnyKafka

PER_S: Final = 20.0
STANDING_MIN: Final = 1_000  # chats of the organization that is out: more than may be worked on at a time


async def test_chats_that_always_fail_hold_up_no_other(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_one_line(kafka_embedded, unique, tmp_path) as stage:
        (organization,) = stage.organizations
        bad = await play_some(stage, tagged_visits(1, 8), organization, PER_S, poisoned=True)
        await until(lambda: tried(stage, bad))
        good = await play_some(stage, tagged_visits(2, 40), organization, PER_S)
        await until(lambda: not missing(good))
        assert len(missing(bad)) == len(bad)  # and they fail still
        assert (await figures(stage.tagger))["tagger_parked_total"] == 0


async def test_calls_refused_at_random_leave_nothing_behind(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_one_line(kafka_embedded, unique, tmp_path) as stage:
        (organization,) = stage.organizations
        stage.livechat.faults.append(Fault("too_many_requests", share=0.2))
        played = await play_some(stage, tagged_visits(3, 100), organization, PER_S)
        await until(lambda: not missing(played))  # while one call in five is refused still


async def test_an_organization_whose_token_is_dead_holds_up_no_other(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_one_line(kafka_embedded, unique, tmp_path, versions=("3.6", "3.6")) as stage:
        alive, dead = stage.organizations
        stage.livechat.access.revoke(dead.id)
        stage.player.pause_s = 0.0
        standing = await play_some(stage, tagged_visits(4, STANDING_MIN + 100), dead, 500.0)
        await stage.livechat.sent(90.0)

        async def they_wait() -> bool:
            shown = await figures(stage.tagger)
            return shown["tagger_unsettled_threads"] >= len(standing)

        await until(they_wait)
        played = await play_some(stage, tagged_visits(5, 40), alive, PER_S)
        await until(lambda: not missing(played))
        assert len(missing(standing)) == len(standing)

"""The strip's lag comes from the committed offsets, and never from a guess."""

from tagger.web.progress import Progress
from tagger.web.strip import Fact, Notice


def nowhere() -> dict[str, str]:
    return {"bootstrap_servers": "127.0.0.1:9"}


async def test_nothing_is_said_before_the_first_look_and_unknown_where_kafka_is_away() -> None:
    progress = Progress(nowhere, "livechat.webhooks", "tagger")
    assert progress.facts() == []
    await progress.look()
    assert progress.facts() == [Fact("off", "Whether chats are waiting is unknown")]


def test_a_dry_run_is_said_at_once() -> None:
    (shown,) = Progress(nowhere, "livechat.webhooks", "tagger-dry-run", dry_run=True).facts()
    assert isinstance(shown, Notice)
    assert shown.lead == "This is a dry run."

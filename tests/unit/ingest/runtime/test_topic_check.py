"""What is wrong with a topic comes with what to do; hidden settings are not a problem."""

import pytest

from ingest.runtime.topic_check import Wanted, decisions, keywords, parked, problems, webhooks

RIGHT = {"cleanup.policy": "delete", "max.message.bytes": "1048588"}
COMPACTED = {**RIGHT, "cleanup.policy": "compact"}


@pytest.mark.parametrize(
    ("want", "config", "kinds"),
    [
        (webhooks("t"), RIGHT, []),
        (decisions("t"), RIGHT, []),
        (parked("t"), RIGHT, []),
        (keywords("t"), COMPACTED, []),
        (webhooks("t"), COMPACTED, ["compacted"]),
        (webhooks("t"), {"cleanup.policy": "delete,compact"}, ["compacted"]),
        (parked("t"), COMPACTED, ["compacted"]),
        (keywords("t"), RIGHT, ["not_compacted"]),
        (keywords("t"), {"cleanup.policy": "compact,delete"}, []),
        (webhooks("t"), {**RIGHT, "max.message.bytes": "262144"}, ["too_small"]),
        (decisions("t"), {**RIGHT, "max.message.bytes": "262144"}, ["too_small"]),
        (parked("t"), {**RIGHT, "max.message.bytes": "262144"}, []),
        (webhooks("t"), {**COMPACTED, "max.message.bytes": "1"}, ["compacted", "too_small"]),
        (webhooks("t"), {}, []),  # not shown to us
    ],
)
def test_a_topic_is_compared_with_what_we_write(
    want: Wanted, config: dict[str, str], kinds: list[str]
) -> None:
    found = problems([want], {"t", "other"}, {"t": config})
    assert [problem.kind for problem in found] == kinds
    assert all("t" in problem.text and ":" in problem.text for problem in found)


def test_a_topic_that_is_gone_is_reported_and_the_others_are_checked() -> None:
    found = problems([webhooks("w"), parked("p")], {"p"}, {"p": COMPACTED})
    assert [(problem.topic, problem.kind) for problem in found] == [("w", "missing"), ("p", "compacted")]

"""Which webhooks to register and to remove, given those that LiveChat lists; and the samples."""

from typing import Any

import orjson
import pytest

from ingest.topic import CHAT_ACTIONS, STORED_ACTIONS
from tagger.core.threads import fact_reader
from tagger.core.threads.facts import Ignored
from tagger.livechat.calls.requests import WebhookKind
from tagger.livechat.sample_webhooks import CHAT_PREFIX, is_sample, sample_organization, samples, secret_check
from tagger.livechat.webhooks import (
    ACTIONS,
    CORRECTIONS,
    OURS,
    SECRET_CHARS_MAX,
    URL_CHARS_MAX,
    Plan,
    Registration,
    addresses,
    described,
    description,
    registrations,
    to_register,
    to_remove,
    to_rotate,
)

HERE = "https://chats.example.com/webhooks/livechat"
ELSEWHERE = "https://other.example.com/hook"
NEW, OLD = "new-secret", "old-secret"


def registered(*actions: str, url: str = HERE, secret: str | None = NEW, **fields: Any) -> list[Registration]:
    said = description(secret) if secret else "made by hand"
    return [Registration(f"{action} {secret} {url}", action, url, said, **fields) for action in actions]


def test_the_three_actions_that_tagging_needs_are_registered() -> None:
    assert frozenset(ACTIONS) == CHAT_ACTIONS
    assert to_register([], HERE, NEW) == Plan(register=ACTIONS)


def test_what_people_correct_is_registered_if_it_is_asked_for() -> None:
    assert frozenset(ACTIONS + CORRECTIONS) == STORED_ACTIONS
    assert to_register([], HERE, NEW, corrections=True) == Plan(register=ACTIONS + CORRECTIONS)
    assert to_register(registered(*ACTIONS), HERE, NEW, corrections=True) == Plan(register=CORRECTIONS)
    assert to_register(registered(*ACTIONS, *CORRECTIONS), HERE, NEW) == Plan()


def test_what_people_correct_is_not_missing_but_optional() -> None:
    (found,) = addresses(registered(*ACTIONS, "thread_tagged"))
    assert (found.missing, found.optional) == ((), ("thread_untagged",))


def test_registering_again_changes_nothing() -> None:
    assert to_register(registered(*ACTIONS), HERE, NEW) == Plan()


def test_bot_webhooks_are_registered_once_and_are_told_from_those_of_the_license() -> None:
    assert to_register([], HERE, NEW, kind="bot") == Plan(register=ACTIONS, kind="bot")
    there = registered(*ACTIONS, kind="bot")
    assert to_register(there, HERE, NEW, kind="bot") == Plan(kind="bot")
    (found,) = addresses(there)
    assert (found.missing, found.bot) == ((), True)
    assert f"bot webhooks: LiveChat sends them to {HERE} only while the bot is online" in described([found])


@pytest.mark.parametrize(("first", "second"), [("bot", "license"), ("license", "bot")])
def test_nothing_is_registered_that_would_be_sent_twice(first: WebhookKind, second: WebhookKind) -> None:
    plan = to_register(registered(*ACTIONS, kind=first), HERE, NEW, kind=second)
    assert plan.register == ()
    assert len(plan.problems) == 3
    assert all(f"as a {first} webhook" in problem and "twice" in problem for problem in plan.problems)


def test_a_rotated_bot_webhook_stays_one() -> None:
    plan = to_rotate(registered(*ACTIONS, secret=OLD, kind="bot"), HERE, NEW)
    assert (plan.register, plan.kind, len(plan.remove)) == (ACTIONS, "bot", 3)


def test_only_what_lacks_is_registered() -> None:
    there = registered("incoming_chat") + registered("incoming_event", url=ELSEWHERE)
    assert to_register(there, HERE, NEW) == Plan(register=("chat_deactivated", "incoming_event"))


def test_a_filtered_registration_does_not_count_as_one() -> None:
    there = registered("incoming_event", whole=False) + registered("incoming_chat", "chat_deactivated")
    assert to_register(there, HERE, NEW) == Plan(register=("incoming_event",))
    assert [one.missing for one in addresses(there)] == [("incoming_event",)]


@pytest.mark.parametrize("secret", [OLD, None])
def test_another_secret_at_the_address_is_a_matter_of_rotation(secret: str | None) -> None:
    plan = to_register(registered(*ACTIONS, secret=secret), HERE, NEW)
    assert len(plan.problems) == 3
    assert all("rotate-secret" in problem for problem in plan.problems)
    assert plan.register == ()


def test_livechats_limit_of_three_is_explained_before_anything_is_done() -> None:
    full = [one for number in range(3) for one in registered("incoming_event", url=f"{ELSEWHERE}/{number}")]
    plan = to_register(full, HERE, NEW)
    assert plan.register == ()
    (problem,) = plan.problems
    assert "LiveChat allows 3 registrations" in problem
    assert f"{ELSEWHERE}/2" in problem


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        (HERE + "x" * URL_CHARS_MAX, NEW, "500 characters"),
        (HERE, "x" * (SECRET_CHARS_MAX + 1), "255 characters"),
    ],
)
def test_what_livechat_would_refuse_is_not_sent(url: str, secret: str, said: str) -> None:
    for plan in (to_register([], url, secret), to_rotate(registered(*ACTIONS, url=url), url, secret)):
        assert plan.register == ()
        assert said in plan.problems[0]


def test_a_rotation_registers_the_new_beside_the_old_and_then_removes_the_old() -> None:
    old = registered(*ACTIONS, secret=OLD)
    assert to_rotate(old, HERE, NEW) == Plan(register=ACTIONS, remove=tuple(old))


def test_a_rotation_keeps_the_optional_actions_that_are_registered() -> None:
    old = registered(*ACTIONS, "thread_untagged", secret=OLD)
    plan = to_rotate(old, HERE, NEW)
    assert plan == Plan(register=(*ACTIONS, "thread_untagged"), remove=tuple(old))


def test_a_rotation_that_was_interrupted_goes_on() -> None:
    old, half = registered(*ACTIONS, secret=OLD), registered("incoming_chat")
    plan = to_rotate(old + half, HERE, NEW)
    assert plan == Plan(register=("chat_deactivated", "incoming_event"), remove=tuple(old))
    assert to_rotate(registered(*ACTIONS) + old[:1], HERE, NEW) == Plan(remove=tuple(old[:1]))
    assert to_rotate(registered(*ACTIONS), HERE, NEW) == Plan()


def test_a_rotation_leaves_other_addresses_alone() -> None:
    elsewhere = registered(*ACTIONS, url=ELSEWHERE, secret=OLD)
    assert to_rotate(registered(*ACTIONS) + elsewhere, HERE, NEW) == Plan()


def test_a_rotation_without_room_beside_the_old_is_refused_whole() -> None:
    full = registered(*ACTIONS, secret=OLD)
    full += registered("incoming_chat", url=ELSEWHERE) + registered("incoming_chat", url=ELSEWHERE + "/2")
    plan = to_rotate(full, HERE, NEW)
    assert (plan.register, plan.remove) == ((), ())
    assert len(plan.problems) == 1


def test_nothing_registered_is_nothing_to_rotate() -> None:
    assert "tagger webhooks register" in to_rotate([], HERE, NEW).problems[0]


@pytest.mark.parametrize(
    ("url", "count"), [(HERE, 3), (ELSEWHERE, 1), (None, 4), ("https://no.example.com", 0)]
)
def test_removal_is_by_address_or_of_all(url: str | None, count: int) -> None:
    there = registered(*ACTIONS) + registered("incoming_chat", url=ELSEWHERE)
    assert len(to_remove(there, url).remove) == count


ALL_THREE = "chat_deactivated, incoming_chat, incoming_event"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], ["nothing is registered; to register the webhooks: tagger webhooks register URL"]),
        (registered(*ACTIONS), [f"{ALL_THREE} are sent to {HERE}"]),
        (
            registered("incoming_chat"),
            [
                f"incoming_chat is sent to {HERE}, but not chat_deactivated, incoming_event; "
                f"to register the rest: tagger webhooks register {HERE}"
            ],
        ),
        (
            registered("incoming_chat", url=ELSEWHERE) + registered(*ACTIONS),
            [
                f"{ALL_THREE} are sent to {HERE}",
                f"incoming_chat is sent to {ELSEWHERE}, too; if that is an old address: "
                f"tagger webhooks unregister {ELSEWHERE}",
            ],
        ),
        (
            registered(*ACTIONS) + registered("incoming_chat", secret=OLD),
            [
                f"{ALL_THREE} are sent to {HERE}",
                "incoming_chat: registered there more than once, so each comes as often; to finish replacing the secret: "
                f"tagger webhooks rotate-secret {HERE}",
            ],
        ),
    ],
)
def test_every_address_is_named_with_what_is_sent_there_and_what_to_do(
    there: list[Registration], said: list[str]
) -> None:
    assert [line for line in described(addresses(there)) if "which is optional" not in line] == said


def test_actions_that_go_to_two_addresses_reach_neither_of_them_wholly() -> None:
    there = registered("incoming_chat", "incoming_event") + registered("chat_deactivated", url=ELSEWHERE)
    found = addresses(there)
    assert [(one.url, one.missing) for one in found] == [
        (HERE, ("chat_deactivated",)),
        (ELSEWHERE, ("incoming_chat", "incoming_event")),
    ]


@pytest.mark.parametrize(
    ("accepted", "pretended"), [(None, "tagger-sample"), ("", "tagger-sample"), (" a , b", "a"), ("a", "a")]
)
def test_samples_are_of_an_organization_that_ingest_accepts(accepted: str | None, pretended: str) -> None:
    organization = sample_organization(accepted)
    sent = [*samples("s", "ab12", 0, organization), secret_check("s", organization)]
    assert {one["organization_id"] for one in sent} == {pretended}


@pytest.mark.parametrize(
    ("key", "is_one"),
    [(b"org:tagger-sample-ab12", True), (b"tagger-sample:C", False), (b"org:C", False), (None, False)],
)
def test_samples_are_known_by_their_chat(key: bytes | None, is_one: bool) -> None:
    assert is_sample(key) is is_one


def test_livechats_list_is_read_as_documented() -> None:
    listed = [
        {
            "id": "pqi8oasdjahuakndw9nsad9na",
            "url": "http://myservice.com/webhooks",
            "description": "Test webhook",
            "action": "chat_deactivated",
            "filters": {"chat_presence": {"my_bots": True}},
            "owner_client_id": "asXdesldiAJSq9padj",
            "type": "license",
        },
        {"id": "2", "url": HERE, "action": "incoming_chat", "type": "license", "filters": {}},
        {"id": "3", "url": HERE, "action": "incoming_chat", "type": "bot", "description": None},
    ]
    assert registrations(listed) == [
        Registration(
            "pqi8oasdjahuakndw9nsad9na",
            "chat_deactivated",
            "http://myservice.com/webhooks",
            "Test webhook",
            whole=False,
        ),
        Registration("2", "incoming_chat", HERE),
        Registration("3", "incoming_chat", HERE, kind="bot"),
    ]


def test_a_description_tells_secrets_apart_and_holds_none() -> None:
    assert description(NEW) == description(NEW)
    assert description(NEW) != description(OLD)
    assert description(NEW).startswith(OURS)
    assert NEW not in description(NEW)


def test_samples_are_webhooks_of_one_chat_that_the_tagger_ignores() -> None:
    sent = samples("s", "ab12", 1_764_000_000_000)
    assert {one["action"] for one in sent} == CHAT_ACTIONS
    assert CHAT_PREFIX == fact_reader.SAMPLE_PREFIX
    for one in sent:
        chat_id = one["payload"].get("chat_id") or one["payload"]["chat"]["id"]
        assert chat_id == f"{CHAT_PREFIX}ab12"
        value = orjson.dumps({name: field for name, field in one.items() if name != "secret_key"})
        assert fact_reader.read(f"{one['organization_id']}:{chat_id}".encode(), value) == Ignored("sample")


def test_the_check_of_a_secret_is_of_an_action_that_is_not_stored() -> None:
    assert secret_check("s")["action"] not in STORED_ACTIONS
    assert secret_check("s")["secret_key"] == "s"

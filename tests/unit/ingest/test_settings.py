"""The webhook secrets: several, none of them empty, following their file."""

from pathlib import Path

import pytest

from ingest.runtime.settings import SecretFile, read_settings
from ingest.settings import IngestSettings, WebhookSecrets, split_secrets


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("one", (b"one",)),
        ("one,two", (b"one", b"two")),
        (" one , two ", (b"one", b"two")),
        ("one\ntwo\n", (b"one", b"two")),
        ("one,\ntwo", (b"one", b"two")),
        ("ünï,x", ("ünï".encode(), b"x")),
        ("one,", (b"one", b"")),
        ("", (b"",)),
    ],
)
def test_secrets_are_separated_by_commas_or_lines(text: str, secrets: tuple[bytes, ...]) -> None:
    assert split_secrets(text) == secrets


@pytest.mark.parametrize("value", [None, "", ",", "one,", " , one", "one,,two"])
def test_without_a_secret_or_with_an_empty_one_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("LIVECHAT_WEBHOOK_SECRETS", value)
    problems = read_settings(IngestSettings)
    assert isinstance(problems, list)
    assert [problem.split(":")[0] for problem in problems] == ["LIVECHAT_WEBHOOK_SECRETS"]


def test_secrets_follow_their_file_except_to_an_empty_one(tmp_path: Path) -> None:
    now, path = 0.0, tmp_path / "secrets"
    path.write_text("one")
    secrets = WebhookSecrets(SecretFile(path, "one", lambda: now))
    seen = []
    for content in ("one,two", "two,", "three"):
        path.write_text(content)
        now += 1.0
        seen.append(secrets())
    assert seen == [(b"one", b"two"), (b"one", b"two"), (b"three",)]


def test_every_option_has_a_doc_and_a_fixed_name() -> None:
    described = IngestSettings.describe()
    assert all(doc for _, _, doc in described)
    assert {name for name, _, _ in described} >= {
        *("INGEST_HOST", "INGEST_PORT", "INGEST_ADMIN_HOST", "INGEST_ADMIN_PORT"),
        *("INGEST_SPOOL_DIR", "INGEST_SPOOL_BYTES_MAX", "LIVECHAT_WEBHOOK_SECRETS"),
        *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_WEBHOOKS_TOPIC", "LOG_LEVEL", "LOG_FORMAT"),
    }
    assert {name: default for name, default, _ in described}["INGEST_SPOOL_BYTES_MAX"] == str(2**30)

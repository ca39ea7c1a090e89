"""What `tagger reconcile` says when it cannot begin; what it does is in `tests/unit/recovery/test_reconcile.py`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.commands import reconcile
from tagger.simulator.stage.broker import EmbeddedBroker

RULES = "version: 1\nrules:\n  - {id: r, tag: Refund, any: [refund], tests: [absent: hello]}\n"
HOURS = ("--since", "2h")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"livechat.webhooks": 2}) as running:
        yield running


def run(broker: EmbeddedBroker, folder: Path, *arguments: str, **settings: str) -> Result:
    (folder / "rules.yaml").write_text(RULES)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "LIVECHAT_API_URL": "http://127.0.0.1:1",
        "LIVECHAT_ACCESS_TOKEN": "access-token",
        "TAGGER_CONFIG": str(folder),
        **settings,
    }
    result = CliRunner().invoke(reconcile.command, list(arguments), env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "access-token" not in result.output
    return result


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        ([], {}, "Missing option '--since'"),
        (["--since", "yesterday"], {}, "yesterday is neither an age"),
        (["--since", "1h", "--until", "2h"], {}, "--since must be earlier than --until"),
        (HOURS, {}, "--create --topic livechat.decisions"),
        (HOURS, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "check KAFKA_BOOTSTRAP_SERVERS"),
        (HOURS, {"LIVECHAT_ACCESS_TOKEN": ""}, "set exactly one kind of credentials"),
        (HOURS, {"TAGGER_CONFIG": "no/such/folder"}, "Nothing was done"),
    ],
)
def test_what_is_missing_is_reported(
    broker: EmbeddedBroker, tmp_path: Path, arguments: list[str], settings: dict[str, str], says: str
) -> None:
    result = run(broker, tmp_path, *arguments, **settings)
    assert result.exit_code == 2
    assert says in result.stderr


def test_help_comes_with_examples() -> None:
    result = CliRunner().invoke(reconcile.command, ["--help"])
    assert result.exit_code == 0
    assert "tagger reconcile --since 2h --dry-run" in result.output

"""README.md tells the truth: its tables follow from the code, its pages exist, its examples run."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ingest.app import PHRASES
from tagger.__main__ import SUMMARIES, main
from tagger.core.rules.parse import RuleSet, parse
from tests.docs.readme import README, with_tables

TEXT = README.read_text("utf-8")
ROOT = README.parent


def test_the_settings_tables_are_current() -> None:
    """`python -m tests.docs.readme` rewrites them."""
    assert with_tables(TEXT) == TEXT


@pytest.mark.parametrize("command", sorted(SUMMARIES))
def test_every_command_has_a_row_and_help(command: str) -> None:
    assert f"| `tagger {command}` |" in TEXT
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0
    assert "Example" in shown.output or command == "schema"


@pytest.mark.parametrize("status", sorted(PHRASES))
def test_every_answer_has_a_row(status: int) -> None:
    assert re.search(rf"^\| [^|]*\b{status}\b", TEXT, re.MULTILINE)


def test_the_keyword_file_is_one() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example
    rules = parse({"README.md": example[1].encode()})
    assert isinstance(rules, RuleSet)
    assert [rule.tag for rule in rules.rules] == ["Refund"]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)", TEXT))))
def test_every_page_it_links_to_exists(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z./-]+)", TEXT))))
def test_every_make_target_it_names_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def test_the_compose_file_uses_the_secrets_it_tells_to_make() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    for secret in compose["secrets"].values():
        assert str(Path(secret["file"])) in TEXT

"""`tagger schema`: the JSON Schema of keyword files."""

from pathlib import Path

from click.testing import CliRunner

from tagger.__main__ import main


def test_it_prints_the_file_that_is_kept_in_config() -> None:
    kept = (Path(__file__).parents[3] / "config" / "schema.json").read_text("utf-8")
    assert CliRunner().invoke(main, ["schema"]).output == kept

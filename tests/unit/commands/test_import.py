"""`tagger import`: what is printed where, and the exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main


def imported(folder: Path, content: bytes | str, *options: str) -> Result:
    (folder / "words.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return CliRunner().invoke(main, ["import", str(folder / "words.txt"), *options])


def test_the_file_goes_to_stdout_and_what_was_recognised_to_stderr(tmp_path: Path) -> None:
    result = imported(tmp_path, "refund\nmoney back\nRefund\n", "--tag", "Refund")
    assert result.exit_code == 0
    assert result.stderr == "words.txt: a column of keywords; 2 keywords in 1 rule; 1 duplicate left out.\n"
    (tmp_path / "a.yaml").write_text(result.stdout)
    assert "No errors" in CliRunner().invoke(main, ["check", str(tmp_path / "a.yaml")]).output
    assert CliRunner().invoke(main, ["test", str(tmp_path / "a.yaml")]).output == "1 test passed.\n"


def test_what_is_not_taken_over_is_exit_code_1(tmp_path: Path) -> None:
    result = imported(tmp_path, "refund\nre*fund\n", "--tag", "Refund")
    assert result.exit_code == 1
    assert "#   line 2: re*fund (a star is allowed only at the ends of a keyword)\n" in result.stdout
    assert "; 1 not taken over: see the comments at the top.\n" in result.stderr


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (
            "refund\n", [], "words.txt: this looks like a column of keywords; it does not say which tag the chats get. "
            'Give one: --tag "Refund".\n',
        ),
        (b"PK\x03\x04", ["--tag", "T"], "words.txt: the file is a document of a word processor or a spreadsheet"),
        ("refund\n".encode("utf-16"), ["--tag", "T"], "words.txt: the file is saved as UTF-16. Save it as UTF-8."),
        (b"caf\xe9\n", ["--tag", "T"], "words.txt: this character is not valid UTF-8"),
        ("\n", ["--tag", "T"], "words.txt: there are no keywords in it."),
        (b"x\n" * (4 << 20) + b"x", ["--tag", "T"], "words.txt: the file is larger than 8 MiB"),
        ("".join(f"{n:x}\n" for n in range(100_001)), ["--tag", "T"], "more than 100,000 keywords"),
    ],
    ids=["no tag", "spreadsheet", "UTF-16", "Latin-1", "empty", "too large", "too many"],
)  # fmt: skip
def test_what_cannot_be_imported_is_exit_code_2(
    tmp_path: Path, content: bytes | str, options: list[str], says: str
) -> None:
    result = imported(tmp_path, content, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_dash_is_standard_input() -> None:
    result = CliRunner().invoke(main, ["import", "-", "--tag", "T"], input="refund\n")
    assert result.exit_code == 0
    assert "# Imported from standard input: a column of keywords.\n" in result.stdout


def test_a_byte_order_mark_and_other_line_ends_are_fine(tmp_path: Path) -> None:
    result = imported(tmp_path, "\ufeffrefund\r\nlate\rlost\n", "--tag", "T")
    assert result.stdout.count("      - ") == 4
    assert "\r" not in result.stdout


def test_a_file_that_is_not_there_is_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["import", "no/such/file"]).exit_code == 2

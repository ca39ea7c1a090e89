"""A log that contains a secret is found, whichever secret it is."""

from pathlib import Path

import pytest

from tagger.simulator.stage.leaks import LeakError, check_logs, leaks
from tagger.simulator.stage.stage import Stage

SECRETS = {"webhook secret": ["hush"], "token or code": ["dal:one", "two"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", []),
        (b'{"event":"started"}\n', []),
        (b'{"event":"refused","secret":"hush"}\n', ["webhook secret"]),
        (b"Traceback\n  headers={'Authorization': 'Bearer dal:one'}\n", ["token or code"]),
        (b"\xff\xfe two hush", ["webhook secret", "token or code"]),
    ],
)
def test_the_kinds_of_secrets_in_a_text_are_found(text: bytes, found: list[str]) -> None:
    assert leaks(text, SECRETS) == found


def test_every_log_of_a_folder_is_searched_and_what_is_found_is_named_without_the_secret(
    tmp_path: Path,
) -> None:
    (tmp_path / "ingest.log").write_text("nothing\n")
    check_logs(tmp_path, SECRETS)
    (tmp_path / "tagger-2.log").write_text("token two\n")
    with pytest.raises(LeakError, match=r"^tagger-2\.log contains: token or code$"):
        check_logs(tmp_path, SECRETS)


async def test_a_play_fails_at_its_end_if_a_log_contains_a_token(tmp_path: Path) -> None:
    stage = Stage(tmp_path, versions=("3.6",), oauth=True)
    await stage.__aenter__()
    kinds = stage.secrets()
    with stage.tagger.log.open("a") as log:
        log.write(kinds["token or code"][0])
    with pytest.raises(LeakError, match=r"^tagger\.log contains: token or code$"):
        await stage.__aexit__(None, None, None)
    assert all(kinds.values())

"""AsyncAPI's own parser reads deploy/asyncapi.yaml, and finds what is planted."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deadline import DEADLINE_S

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "deploy" / "asyncapi.yaml"
CHECK: Final = ROOT / ".venv" / "asyncapi" / "check.mjs"
NEEDED: Final = "AsyncAPI's parser is missing: apt-get install nodejs npm, then make test-deploy"


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None or not CHECK.exists():
        if os.environ.get("CI"):
            pytest.fail(NEEDED, pytrace=False)
        pytest.skip(NEEDED)
    return found


def checked(node: str, page: Path) -> tuple[int, str]:
    done = subprocess.run(
        [node, str(CHECK), str(page)], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_document_is_valid(node: str) -> None:
    assert checked(node, PAGE) == (0, "")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("channels", "parked", "messages", "parked"), {"$ref": "#/components/messages/nowhere"}),
        (("components", "messages", "decisions", "payload", "anyOf"), "decision"),
        (("operations", "parkItem", "action"), "publish"),
    ],
)
def test_a_planted_mistake_is_found(node: str, tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    document = yaml.safe_load(PAGE.read_text("utf-8"))
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    page = tmp_path / "asyncapi.yaml"
    page.write_text(yaml.safe_dump(document), "utf-8")
    code, said = checked(node, page)
    assert code == 1
    assert path[0] in said or path[1] in said

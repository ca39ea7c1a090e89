"""`tagger web` as a process, and Debian's chromium that uses it as a person would.

Without chromium and Playwright these tests fail where `CI` is set, and are skipped elsewhere. The folder of the run
keeps a screenshot of each test's end; `WEB_SCREENSHOTS` names another folder.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S

TOKEN: Final = "a-token-for-the-browser"
NEEDED: Final = "make test-web: needs chromium on the PATH (apt-get install chromium) and Playwright"
FOLDER: Final = os.environ.get("WEB_SCREENSHOTS")
# Rules and texts in five languages, with overlaps, near misses and a rule that is stopped.
RULES: Final = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, reembolso, "*erstattung", zwrot, 返金, استرداد المبلغ]
    tests: [match: "I want a refund", absent: "refundable"]
  - {id: login, tag: Login problem, any: [password reset, "can't log in"]}
  - {id: mail, tag: E-mail missing, any: [reset link]}
  - {id: cancel, tag: Cancellation, any: [cancel my plan], none: [changed my mind]}
  - {id: wrong, tag: Wrong item, any: [استبدال]}
"""


@dataclass(frozen=True)
class Served:
    """A page that is served, and the keyword file that it reads."""

    url: str
    rules: Path

    @property
    def entrance(self) -> str:
        """Its address with the token."""
        return f"{self.url}?token={TOKEN}"


@contextmanager
def serving(folder: Path, secrets: tuple[str, ...], **settings: str) -> Iterator[Served]:
    """`tagger web` on keyword files of the test's own; it ends with 0, and its log has no word of a chat."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "rules.yaml").write_text(RULES, "utf-8")
    given = {"TAGGER_CONFIG": str(config), "WEB_TOKEN": TOKEN, "WEB_PORT": "0", "LOG_LEVEL": "debug"}
    with (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tagger", "web"],
            env=environment_for({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", **given, **settings}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address
            yield Served(address[0], config / "rules.yaml")
            process.send_signal(signal.SIGTERM)
            process.stdout.close()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()  # where a test failed
            process.wait(DEADLINE_S)
            process.stdout.close()
    logged = (folder / "web.log").read_text("utf-8")
    for secret in (TOKEN, *secrets):
        assert secret not in logged


@pytest.fixture
def settings() -> dict[str, str]:
    """What `served` is given beside its own; where tests need Kafka, they name it here."""
    return {}


@pytest.fixture
def served(tmp_path: Path, settings: dict[str, str]) -> Iterator[Served]:
    """`tagger web`, without Kafka unless `settings` name one."""
    with serving(tmp_path, ("refund",), **settings) as page:
        yield page


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's chromium."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail(NEEDED)
        pytest.skip(NEEDED)
    with sync_playwright() as playwright:
        # Without its sandbox where this is root, as in a container: it opens no page but ours.
        launched = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=os.getuid() != 0)
        try:
            yield launched
        finally:
            launched.close()


Opens = Callable[..., Any]


@pytest.fixture
def opens(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opens]:
    """Opens a window: `opens(width=360, color_scheme="dark")`. None may log an error; each is kept as a picture."""
    contexts, complaints = list[Any](), list[str]()
    folder = Path(FOLDER) if FOLDER else tmp_path

    def opened(width: int = 1280, expected: tuple[str, ...] = (), **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(DEADLINE_S * 1000)
        page = context.new_page()

        def complain(text: str) -> None:
            if not any(one in text for one in expected):
                complaints.append(text)

        page.on(
            "console",
            lambda message: complain(message.text) if message.type in {"error", "warning"} else None,
        )
        page.on("pageerror", lambda error: complain(str(error)))
        contexts.append(context)
        return page

    yield opened
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:80]
    try:
        for number, context in enumerate(contexts):
            for page in context.pages:
                page.screenshot(path=folder / f"{name}-{number}.png", full_page=True)
    finally:
        for context in contexts:
            context.close()
    assert complaints == []

"""`tagger demo` as people start it: with right tags, with wrong ones, unable to start, and stopped."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner

from tagger.commands.demo import command
from tests.deadline import DEADLINE_S, wait_until
from tests.kafka.kafka import Kafka

DEMO = (sys.executable, "-m", "tagger", "demo")
PROCESSES = 3  # `ingest`, `tagger run`, `tagger web`
PAGE = re.compile(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def browser() -> urllib.request.OpenerDirector:
    """Keeps cookies."""
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor())


@pytest.fixture
def keyword_file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


@pytest.fixture
def endless() -> Iterator[subprocess.Popen[str]]:
    """A demo that would play for hours; killed if a test leaves it running."""
    process = subprocess.Popen(
        [*DEMO, "--chats", "100000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    for pid in (*children(process.pid), process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended by now
            found += [int(child) for child in task.read_text().split()]
    return found


def runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_help_has_examples() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for option in ("--chats", "--rate", "--seed", "--config", "--kafka", "--keep-running"):
        assert option in shown
    assert "tagger demo --chats 1000 --rate 50" in shown


def test_a_play_shows_every_chat_with_its_words_and_ends_with_figures() -> None:
    done = demo("--chats", "20", "--rate", "20", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^✓ ", done.stdout, re.MULTILINE)) == 20
    assert re.search(r"✓ Refund .*\[.+\]", done.stdout)
    assert re.search(r"webhooks +(\d+) sent, \1 stored", done.stdout)
    assert re.search(r"tags +(\d+) set, \1 expected, 0 missing, 0 wrong", done.stdout)
    assert re.search(r"consumer lag +0 records", done.stdout)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout  # no colours where nobody sees them


def test_other_keyword_files_are_used_and_their_tags_checked(keyword_file: Path) -> None:
    keyword_file.write_text(
        "version: 1\nrules:\n  - id: hello\n    tag: Greeting\n    any: [hi, hello, hey]\n"
    )
    done = demo("--chats", "12", "--rate", "20", "--config", str(keyword_file.parent))
    assert done.returncode == 1
    assert "✗ Greeting" in done.stdout
    assert "wrong: Greeting on thread" in done.stdout
    assert "missing: " in done.stdout


def test_wrong_keyword_files_are_reported_before_anything_is_started(keyword_file: Path) -> None:
    keyword_file.write_text("version: 1\nrules:\n  - id: refund\n    tag: Refund\n")
    done = demo("--config", str(keyword_file.parent))
    assert done.returncode == 2
    assert "rules.yaml:3" in done.stderr
    assert "Nothing was started" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


async def test_a_kafka_of_the_user_is_played_on_and_left_as_it_was(kafka_real: Kafka) -> None:
    done = await asyncio.to_thread(demo, "--chats", "12", "--rate", "20", "--kafka", kafka_real.bootstrap)
    assert done.returncode == 0, done.stdout + done.stderr
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_real.bootstrap)
    await admin.start()
    topics = await admin.list_topics()
    await admin.close()
    assert not [topic for topic in topics if topic.startswith("livechat-tagger-demo")]


def test_a_kafka_that_is_not_there_is_reported_in_one_line() -> None:
    done = demo("--kafka", "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc")
def test_ctrl_c_ends_the_demo_and_everything_it_started(endless: subprocess.Popen[str]) -> None:
    assert endless.stdout is not None
    next(line for line in endless.stdout if line.startswith("✓"))
    started = children(endless.pid)
    assert len(started) == PROCESSES
    endless.send_signal(signal.SIGINT)
    endless.send_signal(signal.SIGINT)  # impatience cuts nothing short
    assert endless.wait(DEADLINE_S) == 130
    assert not any(runs(pid) for pid in started)
    assert "nothing is left running" in endless.stdout.read()


def test_kept_running_it_shows_its_addresses_and_ends_well_by_ctrl_c() -> None:
    process = subprocess.Popen(
        [*DEMO, "--chats", "3", "--rate", "20", "--keep-running"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pages, played_on = [], False
    for line in process.stdout:  # ends with the process, at the latest
        if line.startswith("Open http"):
            continue
        if page := re.search(r"http://127\.0\.0\.1:\d+/\S+", line):
            with browser().open(page[0], timeout=DEADLINE_S) as answer:
                pages.append(answer.status)
        elif pages and line.startswith("✓"):
            played_on = True
            process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 0
    assert played_on
    assert pages == [200] * 5  # the page, and two of each service
    process.stdout.close()


def test_the_page_is_served_from_the_first_line_on_and_the_demo_ends_well_while_somebody_looks() -> None:
    process = subprocess.Popen([*DEMO, "--chats", "8", "--rate", "20"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    page = next(found[0] for line in process.stdout if (found := PAGE.search(line)))
    window = browser()
    with window.open(page, timeout=DEADLINE_S) as tried:
        assert b"Try it" in tried.read()
    with window.open(page.partition("?")[0] + "chats/live", timeout=DEADLINE_S) as looking:
        assert looking.readline().startswith(b"retry:")
        rest = process.stdout.read()
        assert process.wait(DEADLINE_S) == 0
        assert b"data: " in looking.read()
    process.stdout.close()
    assert "0 missing, 0 wrong" in rest


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc")
def test_sigterm_during_the_start_leaves_nothing_running(endless: subprocess.Popen[str]) -> None:
    wait_until(lambda: len(children(endless.pid)) == PROCESSES)
    started = children(endless.pid)
    endless.send_signal(signal.SIGTERM)
    assert endless.wait(DEADLINE_S) == 130, endless.stdout and endless.stdout.read()
    assert not any(runs(pid) for pid in started)

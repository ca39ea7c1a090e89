"""What tests of more than one folder share: Kafka, real and embedded, and names of their own.

Promises that no test sees the caller's settings. A test that needs a real Kafka fails where none is to be had
and `CI` is set; elsewhere it is skipped, and the last line of the run counts what was skipped.
"""

import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
import structlog
from hypothesis import settings

import ingest.runtime.kafka_connections  # noqa: F401  # the clients that tests make themselves close what they open, too
from tests import contracts
from tests.kafka.broker import Broker, start
from tests.kafka.cluster import Cluster
from tests.kafka.cluster import start as cluster_of_three
from tests.kafka.jars import KafkaMissingError
from tests.kafka.kafka import AnyKafka, Kafka
from tests.kafka.shared import Shared
from tests.left_open import Open, collected_since, open_files
from tests.spread import spread

OUR_SETTINGS: Final = ("KAFKA_", "INGEST_", "TAGGER_", "LIVECHAT_", "LOG_", "OTEL_", "WEB_")
NAMED_KAFKA: Final = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
NOT_RUN: Final = "no real Kafka: "  # begins the reason of every skip that is counted at the end
HOW_TO_GET: Final = "Install Java 17 or newer and Maven, or name a broker in KAFKA_BOOTSTRAP_SERVERS."
OPEN_BEFORE: Final = pytest.StashKey[Open]()
TESTS: Final = Path(__file__).parent
LONG: Final = frozenset(
    {
        "deploy",
        "examples",
        "faults",
        "integration",
        "kafka",
        "simulation",
        "test_compose.py",
        "test_packages.py",
    }
)
# The tests of each share what takes long to make.
ONE_FOR_ALL: Final = frozenset({"test_canary.py", "test_packages.py", "test_rights.py"})
NEED_REAL_KAFKA: Final = frozenset({"kafka_real", "kafka_own", "kafka_guarded", "kafka_cluster", "world"})
# Tests start some hundred Pythons. Without compiled modules each takes a second of CPU more, and some machines
# forbid them, to keep images small. Here, so that the workers of a parallel run hear of it, too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Ctrl-C is part of what tests try. Whoever started them in the background of a shell may have had it ignored, which
# every process of theirs would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile(
    "any machine", deadline=None
)  # a busy one takes longer than Hypothesis allows an example
settings.load_profile("any machine")
contracts.watch()  # from here on, a record of a wrong shape fails the test that made it
# Name → password. The first may do everything; what the others may is set by a test.
USERS: Final = {name: f"{name}-password" for name in ("admin", "ingest", "tagger", "operator", "nobody")}


@pytest.fixture(scope="session", autouse=True)
def _settings_of_nobody() -> None:
    """The caller's own settings reach no test."""
    for name in [name for name in os.environ if name.startswith(OUR_SETTINGS)]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _logs_of_nobody() -> Iterator[None]:
    """How one test has logs written is no business of the next."""
    yield
    structlog.reset_defaults()
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)  # commands that tests call in-process silence it


@pytest.fixture(scope="session")
def kafka_real(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Kafka:
    """A real Kafka for all tests: the one that KAFKA_BOOTSTRAP_SERVERS names, or else one of our own."""
    if NAMED_KAFKA:
        return Kafka(NAMED_KAFKA)
    folder = tmp_path_factory.getbasetemp()  # with workers, each has one in the same folder
    shared = Shared(folder.parent if workers_of(request.config) > 1 else folder)
    request.config.add_cleanup(
        shared.close
    )  # not a test's tear-down: who began it waits for the other workers
    try:
        return Kafka(shared.bootstrap())
    except KafkaMissingError as missing:
        _do_not_run(str(missing))


@pytest.fixture
def kafka_own() -> Iterator[Broker]:
    """A real Kafka for one test, which may kill and restart it."""
    with _started() as broker:
        yield broker


@pytest.fixture(scope="module")
def kafka_guarded() -> Iterator[Broker]:
    """A real Kafka that asks who one is: USERS, by SASL PLAIN."""
    with _started(USERS) as broker:
        yield broker


@pytest.fixture
def kafka_cluster() -> Iterator[Cluster]:
    """Three brokers of one Kafka for one test, which may freeze and kill them."""
    try:
        cluster = cluster_of_three()
    except KafkaMissingError as missing:
        _do_not_run(str(missing))
    with cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_embedded() -> Iterator[AnyKafka]:
    """The embedded broker, one for all tests."""
    from tagger.simulator.stage.broker import EmbeddedBroker

    with EmbeddedBroker({}) as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real_kafka)])
def kafka(request: pytest.FixtureRequest) -> AnyKafka:
    """Both brokers, one after the other."""
    broker: AnyKafka = request.getfixturevalue(f"kafka_{request.param}")
    return broker


@pytest.fixture
def unique() -> str:
    """A word that no other test has, to name topics and groups with."""
    return uuid.uuid4().hex[:12]


def _started(users: Mapping[str, str] | None = None) -> Broker:
    try:
        return start(users=users)
    except KafkaMissingError as missing:
        _do_not_run(str(missing))


def _do_not_run(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{NOT_RUN}{why}. {HOW_TO_GET}", pytrace=False)
    pytest.skip(f"{NOT_RUN}{why}")


def workers_of(config: pytest.Config) -> int:
    """How many processes run tests."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    return int(given.get("workercount", 1))


def unit_of(item: pytest.Item) -> str | None:
    """What has to stay together with a test that takes long; None for a short one."""
    path = item.path.relative_to(TESTS)
    if path.parts[0] not in LONG:
        return None
    return str(path) if path.name in ONE_FOR_ALL else item.nodeid


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (workers := workers_of(config)) > 1:
        items[:] = spread(items, workers, unit_of)
    for item in items:
        if NEED_REAL_KAFKA & set(getattr(item, "fixturenames", ())):
            item.add_marker("real_kafka")
        parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        gap = item.get_closest_marker("embedded_gap")
        if gap is not None and parameters.get("kafka") == "embedded":
            item.add_marker(pytest.mark.xfail(strict=True, reason=gap.args[0]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[OPEN_BEFORE] = open_files()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """What a test leaves open for the garbage collector fails this test, and no later one."""
    yield
    left = collected_since(item.stash[OPEN_BEFORE])
    assert not left, f"left open: {', '.join(left)}"


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the terminal's own, so that this is the last line
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    result = yield
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        skipped = [report for report in terminal.stats.get("skipped", []) if NOT_RUN in str(report.longrepr)]
        if skipped:
            terminal.write_line(
                f"{len(skipped)} tests did not run because there is no real Kafka. {HOW_TO_GET}"
            )
    return result

"""Which way imports point, read from the syntax trees of `ingest` and `tagger`: ten rules, each a test.

Every rule is tried on planted violations first, so that none of them passes because it sees nothing.
"""

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
OURS: Final = ("ingest", "tagger")

# What reaches a clock, chance, files, the network, threads, logs or a terminal: pure code cannot have it.
OUTSIDE_WORLD: Final = frozenset(
    [
        *(
            "asyncio",
            "concurrent",
            "multiprocessing",
            "select",
            "selectors",
            "signal",
            "subprocess",
            "threading",
        ),
        *(
            "aiohttp",
            "aiokafka",
            "confluent_kafka",
            "http.client",
            "http.server",
            "socket",
            "socketserver",
            "ssl",
        ),
        *("fileinput", "glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile", "watchfiles"),
        *("click", "getpass", "logging", "prometheus_client", "pydantic_settings", "rich", "structlog"),
        *("random", "secrets", "time", "urllib.request", "uvloop"),
    ]
)
CLOCKS: Final = frozenset({"now", "today", "utcnow"})  # of datetime and date
PATH_WRITES: Final = frozenset(
    {
        "write_text",
        "write_bytes",
        "mkdir",
        "touch",
        "chmod",
        "unlink",
        "rmdir",
        "rename",
        "symlink_to",
        "hardlink_to",
    }
)
OS_WRITES: Final = frozenset(
    {
        "open",
        "write",
        "mkdir",
        "makedirs",
        "chmod",
        "remove",
        "unlink",
        "rmdir",
        "rename",
        "replace",
        "symlink",
        "link",
    }
)

PURE_OUTSIDE_CORE: Final = (
    "ingest.delivery",
    "ingest.topic",
    "ingest.runtime.topic_check",
    "tagger.livechat.calls.answers",
    "tagger.livechat.calls.requests",
    "tagger.livechat.pacing.circuit",
    "tagger.livechat.pacing.giving_up",
    "tagger.livechat.pacing.pace",
    "tagger.livechat.pacing.refusals",
    "tagger.web.access",
    "tagger.web.change.checked",
    "tagger.web.change.editor",
    "tagger.web.change.opening",
    "tagger.web.change.outcome",
    "tagger.web.change.part",
    "tagger.web.change.pasted",
    "tagger.web.change.question",
    "tagger.web.change.screen",
    "tagger.web.chat.changed",
    "tagger.web.chat.refs",
    "tagger.web.chat.tables",
    "tagger.web.chat.told",
    "tagger.web.chats.asked",
    "tagger.web.chats.rows",
    "tagger.web.chats.tables",
    "tagger.web.keywords.ages",
    "tagger.web.keywords.asked",
    "tagger.web.keywords.data",
    "tagger.web.keywords.plots",
    "tagger.web.keywords.screen",
    "tagger.web.keywords.tests",
    "tagger.web.marks",
    "tagger.web.source",
    "tagger.web.strip",
    "tagger.web.times",
    "tagger.web.try_it.answer",
    "tagger.web.try_it.question",
    "tagger.web.try_it.stops",
    "tagger.web.typed",
)
# What `ingest` and `tagger` have in common.
SHARED: Final = ("ingest.runtime", "ingest.topic")
SPEAK_KAFKA: Final = (
    "ingest.producer",
    "ingest.runtime.kafka_client",  # what producers of both services share
    "ingest.runtime.kafka_connections",  # what all clients share
    "ingest.runtime.partitioner",  # its hash of a key
    "ingest.runtime.topic_settings",
    "ingest.runtime.topic_watch",  # in both services, too
    "tagger.commands",  # the demo's and the set-up's own looks at topics
    "tagger.kafka",
)
# Commands; and what reads their settings, where they cannot start without.
END_PROCESSES: Final = (
    "ingest.__main__",
    "ingest.runtime.exit",
    "ingest.runtime.settings",
    "tagger.__main__",
    "tagger.commands",
)
CLOSES_CONNECTIONS: Final = "ingest.runtime.kafka_connections"
KAFKA_CLIENTS: Final = ("AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer")
ARE_HTTP_CLIENTS: Final = (
    "tagger.livechat.transport",
    "tagger.livechat.authorization.tokens",
    "tagger.simulator.livechat",
)
# What only commands share.
OF_COMMANDS: Final = (
    "tagger.commands.backtest_report",
    "tagger.commands.chat_input",
    "tagger.commands.compared_set",
    "tagger.commands.decisions_show",
    "tagger.commands.explain_then",
    "tagger.commands.explained",
    "tagger.commands.fixing",
    "tagger.commands.history_options",
    "tagger.commands.history_reading",
    "tagger.commands.keyword_options",
    "tagger.commands.listed_decisions",
    "tagger.commands.on_kafka",
    "tagger.commands.progress",
    "tagger.commands.retag_apply",
    "tagger.commands.retag_report",
    "tagger.commands.setup",
    "tagger.commands.stats_report",
    "tagger.commands.tables",
    "tagger.commands.text_argument",
    "tagger.commands.transcript",
    "tagger.commands.webhook_registry",
    "tagger.commands.webhooks_rotation",
)
READ_ENVIRONMENT: Final = (
    "ingest.runtime.settings",
    "tagger.simulator.stage.service",  # hands it on to the services that it starts, without our settings in it
)
# Who may write a file at all. Only one of them writes keyword files, on a person's word.
MAY_WRITE_FILES: Final = (
    "ingest.spool",  # webhooks while Kafka is away
    "tagger.history.kept_ledger",  # the ledger, in the folder that a person names
    "tagger.commands.demo",  # its own copy of the rules, in a temporary folder
    "tagger.commands.login",  # the credentials file
    "tagger.keyword_files.write",  # for `tagger check --fix --write`, and nothing else
    "tagger.recovery.plan_file",  # plans of `tagger retag`, where a person runs it
    "tagger.livechat.authorization.credentials_file",  # the same file: refresh tokens change
    "tagger.simulator.stage.service",  # the logs of the services that it starts
    "tagger.simulator.stage.stage",  # made-up credentials, in a temporary folder
)


@dataclass(frozen=True)
class Module:
    """One file. `imports` is (dotted name, line); of ours always a module, of others as deep as is named."""

    name: str
    tree: ast.Module
    imports: tuple[tuple[str, int], ...]
    is_init: bool


Violations = Iterator[tuple[int, str]]
Rule = Callable[[Module], Violations]


def read(sources: dict[str, str]) -> list[Module]:
    """Modules of a tree given as path → source."""
    trees = {path: ast.parse(source, path) for path, source in sources.items()}
    names = {path: path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in sources}
    known = set(names.values())
    return [
        Module(
            names[path], tree, tuple(imports(tree, names[path], path, known)), path.endswith("__init__.py")
        )
        for path, tree in trees.items()
    ]


def imports(tree: ast.Module, name: str, path: str, known: Collection[str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if path.endswith("__init__.py") else name.split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield (full if full in known or not within(full, OURS) else origin, node.lineno)


def within(name: str, packages: Collection[str] | str) -> bool:
    """Whether a dotted name is one of these or is inside one of them."""
    packages = (packages,) if isinstance(packages, str) else packages
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def importing(
    module: Module, forbidden: Collection[str] | str, but: Collection[str] | str = ()
) -> Violations:
    for name, line in module.imports:
        if within(name, forbidden) and not within(name, but):
            yield line, f"imports {name}"


def reaching_out(module: Module, but: Collection[str] | str = ()) -> Violations:
    """What pure code cannot do."""
    yield from importing(module, OUTSIDE_WORLD, but)
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(ast.Name("open" | "print" | "input" as called)):
                yield node.lineno, f"calls {called}()"
            case ast.Call(ast.Attribute(ast.Name("datetime" | "date"), called)) if called in CLOCKS:
                yield node.lineno, f"reads the clock by {called}()"


def rule_1(module: Module) -> Violations:
    """`ingest` never imports `tagger`."""
    if within(module.name, "ingest"):
        yield from importing(module, "tagger")


def rule_2(module: Module) -> Violations:
    """`tagger` imports from `ingest` only what every service shares; `commands.demo` may compose `ingest.app`."""
    if within(module.name, "tagger"):
        composed = ["ingest.app"] if module.name == "tagger.commands.demo" else []
        yield from importing(module, "ingest", but=[*SHARED, *composed])


def rule_3(module: Module) -> Violations:
    """`tagger.core` reaches nothing outside, of ours only `ingest.topic`; `__init__` files import nothing."""
    if within(module.name, "tagger.core"):
        yield from reaching_out(module)
        yield from importing(module, OURS, but=["tagger.core", "ingest.topic"])
    if module.is_init:
        for node in module.tree.body:
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                yield node.lineno, "holds more than a docstring"


def rule_4(module: Module) -> Violations:
    """`core` and `livechat` do not know each other."""
    if within(module.name, "tagger.core"):
        yield from importing(module, "tagger.livechat")
    if within(module.name, "tagger.livechat"):
        yield from importing(module, "tagger.core")


def rule_5(module: Module) -> Violations:
    """The pure files outside `core` do no I/O; chance, as an argument, has a type."""
    if module.name in PURE_OUTSIDE_CORE:
        yield from reaching_out(module, but="random.Random")


def rule_6(module: Module) -> Violations:
    """Each library of the outside world is known in the few places that are made for it; commands end processes."""
    if not within(module.name, SPEAK_KAFKA):
        yield from importing(module, "aiokafka")
    if module.name != CLOSES_CONNECTIONS:
        yield from importing(module, "aiokafka.client.AIOKafkaClient")
    if CLOSES_CONNECTIONS not in {module.name, *(name for name, _ in module.imports)}:
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(ast.Name(called)) if called in KAFKA_CLIENTS:
                    yield node.lineno, f"makes an {called} whose connections stay open where it is cancelled"
    if not within(module.name, ARE_HTTP_CLIENTS):
        yield from importing(module, "aiohttp", but=["aiohttp.web", "aiohttp.abc"])
    if module.name != "ingest.runtime.traces":
        yield from importing(module, "opentelemetry")
    if module.name != "tagger.core.matching.automaton":
        yield from importing(module, "ahocorasick")
    if not within(module.name, "tagger.simulator.stage"):
        yield from importing(module, "confluent_kafka")
    if not within(module.name, END_PROCESSES):
        yield from importing(module, "ingest.runtime.exit")
        for node in ast.walk(module.tree):
            match node:
                case ast.Name("SystemExit") | ast.Attribute(ast.Name("sys" | "os"), "exit" | "_exit"):
                    yield node.lineno, "ends the process"


def rule_7(module: Module) -> Violations:
    """Only `commands.demo` imports `simulator`, only `commands.web` the page; nobody imports `commands`; they share
    a little."""
    if not within(module.name, ["tagger.web", "tagger.commands.web"]):
        yield from importing(module, "tagger.web")
    if not within(module.name, ["tagger.simulator", "tagger.commands.demo"]):
        yield from importing(module, "tagger.simulator")
    of_commands = OF_COMMANDS if within(module.name, "tagger.commands") else ()
    yield from importing(module, "tagger.commands", but=of_commands)


def rule_8(module: Module) -> Violations:
    """The environment is read in one place; files are written by those few that have to."""
    if module.name not in READ_ENVIRONMENT:
        yield from importing(module, ["os.environ", "os.environb", "os.getenv", "pydantic_settings"])
        for node in ast.walk(module.tree):
            match node:
                case ast.Attribute(ast.Name("os"), "environ" | "environb" | "getenv" as reader):
                    yield node.lineno, f"reads os.{reader}"
    if module.name not in MAY_WRITE_FILES:
        yield from importing(module, ["shutil", "tempfile"])
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(ast.Attribute(ast.Name("os"), "open"), [_, flags]) if is_reading(flags):
                    pass
                case ast.Call(ast.Attribute(ast.Name("os"), called)) if called in OS_WRITES:
                    yield node.lineno, f"calls os.{called}()"
                case ast.Call(ast.Attribute(_, called)) if called in PATH_WRITES:
                    yield node.lineno, f"calls {called}()"
                case ast.Call(ast.Name("open") | ast.Attribute(_, "open"), arguments, keywords):
                    modes = [
                        *arguments[:2],
                        *(keyword.value for keyword in keywords if keyword.arg == "mode"),
                    ]
                    if any(isinstance(mode, ast.Constant) and is_writing(mode.value) for mode in modes):
                        yield node.lineno, "opens a file to write"


def is_writing(mode: object) -> bool:
    return isinstance(mode, str) and set(mode) <= set("rwaxbt+") and bool(set(mode) & set("wax+"))


def is_reading(flags: ast.expr) -> bool:
    """Whether flags of `os.open` are written out and say that a file is only read."""
    named = {node.attr for node in ast.walk(flags) if isinstance(node, ast.Attribute)}
    return "O_RDONLY" in named and named <= {"O_RDONLY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"}


def rule_9(module: Module) -> Violations:
    """`simulator` knows neither `delivery` nor `core` nor `livechat`."""
    if within(module.name, "tagger.simulator"):
        yield from importing(module, ["ingest.delivery", "tagger.core", "tagger.livechat"])


# Which rooms a room imports from; what is not a key here is a room that nobody walls in.
ARROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest.http": (),
    "ingest.runtime": ("ingest.http",),
    "tagger.core.folding": (),
    "tagger.core.rules": ("tagger.core.folding",),
    "tagger.core.matching": ("tagger.core.folding", "tagger.core.rules"),
    "tagger.core.review": ("tagger.core.folding", "tagger.core.rules", "tagger.core.matching"),
    "tagger.core.importing": (
        "tagger.core.folding",
        "tagger.core.rules",
        "tagger.core.matching",
        "tagger.core.review",
    ),
    "tagger.core.threads": (),
    "tagger.core.diagnosis": (),
    "tagger.core.partition": ("tagger.core.threads",),
    "tagger.core.records": (
        "tagger.core.rules",
        "tagger.core.matching",
        "tagger.core.review",
        "tagger.core.threads",
    ),
    "tagger.livechat.calls": (),
    "tagger.livechat.pacing": ("tagger.livechat.calls",),
    "tagger.livechat.authorization": ("tagger.livechat.calls", "tagger.livechat.pacing"),
    "tagger.livechat": ("tagger.livechat",),
    "tagger.keyword_files": ("tagger.core",),
    "tagger.kafka": ("tagger.core", "tagger.keyword_files"),
    "tagger.service": ("tagger.core", "tagger.kafka", "tagger.keyword_files", "tagger.livechat"),
    "tagger.history": ("tagger.core", "tagger.kafka", "tagger.livechat"),
    "tagger.recovery": (
        "tagger.core",
        "tagger.history",
        "tagger.kafka",
        "tagger.keyword_files",
        "tagger.livechat",
        "tagger.service",
    ),
    # Kafka for reading only; and what the rooms of `history` know of the past, once they are there.
    "tagger.web": (
        "tagger.core",
        "tagger.kafka",
        "tagger.keyword_files",
        "tagger.livechat",
        "tagger.history",
    ),
    "tagger.simulator.livechat": (),
    "tagger.simulator.play": ("tagger.simulator.livechat",),
    "tagger.simulator.stage": ("tagger.simulator.livechat", "tagger.simulator.play"),
}
# What every room may have: plain values, options and figures.
EVERYWHERE: Final = ("ingest.runtime", "ingest.topic", "tagger.settings", "tagger.metrics")
# Plain values that each room of `core` shares.
OF_CORE: Final = ("tagger.core.conversation", "tagger.core.limits", "tagger.core.plurals")


def rule_10(module: Module) -> Violations:
    """Rooms import upstream only, those of `core` among themselves too."""
    room = max((room for room in ARROWS if within(module.name, room)), key=len, default=None)
    if room is not None:
        shared = OF_CORE if within(room, "tagger.core") else EVERYWHERE
        yield from importing(module, OURS, but=[room, *ARROWS[room], *shared, "ingest.topic"])
    elif within(module.name, "tagger.core"):
        yield from importing(module, OURS, but=OF_CORE)


def circles(arrows: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Rooms on a circle or leading into one; a room's own name among its arrows stands for what is inside it."""
    onward = {room: {to for to in tos if to != room} for room, tos in arrows.items()}
    while ends := [room for room, tos in onward.items() if not tos & set(onward)]:
        for room in ends:
            del onward[room]
    return sorted(onward)


RULES: Final[tuple[Rule, ...]] = (
    rule_1,
    rule_2,
    rule_3,
    rule_4,
    rule_5,
    rule_6,
    rule_7,
    rule_8,
    rule_9,
    rule_10,
)

PLANTED: Final[tuple[tuple[Rule, str, str], ...]] = (
    (rule_1, "ingest/app.py", "import tagger"),
    (rule_1, "ingest/app.py", "def late():\n    from tagger.core.threads import thread"),
    (rule_2, "tagger/service/worker.py", "from ingest.producer import send"),
    (rule_2, "tagger/service/worker.py", "from ingest import producer"),
    (rule_2, "tagger/service/worker.py", "from ingest import app"),
    (rule_2, "tagger/service/worker.py", "import ingest"),
    (rule_2, "tagger/commands/demo.py", "import ingest.delivery"),
    (rule_3, "tagger/core/threads/thread.py", "import asyncio"),
    (rule_3, "tagger/core/threads/thread.py", "from os import path"),
    (rule_3, "tagger/core/threads/thread.py", "from time import monotonic"),
    (rule_3, "tagger/core/threads/thread.py", "if TYPE_CHECKING:\n    import logging"),
    (rule_3, "tagger/core/threads/thread.py", "from datetime import datetime\nnow = datetime.now()"),
    (rule_3, "tagger/core/threads/thread.py", "print(1)"),
    (rule_3, "tagger/core/threads/thread.py", "from ...service.worker import run"),
    (rule_3, "tagger/core/threads/thread.py", "from tagger.service import worker"),
    (rule_3, "tagger/core/threads/thread.py", "from ingest.runtime.settings import load"),
    (rule_3, "tagger/core/__init__.py", "from tagger.core.threads import thread"),
    (rule_3, "ingest/__init__.py", '"""Text."""\nVERSION = 1'),
    (rule_4, "tagger/core/threads/thread.py", "from tagger.livechat.calls.requests import Call"),
    (rule_4, "tagger/livechat/calls/requests.py", "from ...core.threads import thread"),
    (rule_5, "tagger/livechat/pacing/pace.py", "import random"),
    (rule_5, "tagger/livechat/pacing/pace.py", "from random import uniform"),
    (rule_5, "tagger/livechat/calls/requests.py", "import aiohttp"),
    (rule_5, "ingest/delivery.py", "import time"),
    (rule_5, "ingest/topic.py", "open('file')"),
    (rule_6, "tagger/service/worker.py", "import aiokafka"),
    (rule_6, "tagger/service/worker.py", "from aiokafka.errors import KafkaError"),
    (rule_6, "tagger/core/matching/canned.py", "import ahocorasick"),
    (rule_6, "tagger/service/worker.py", "if TYPE_CHECKING:\n    from opentelemetry import trace"),
    (rule_6, "tagger/service/worker.py", "import confluent_kafka.admin"),
    (rule_6, "tagger/service/worker.py", "from aiohttp import ClientSession"),
    (rule_6, "ingest/app.py", "import aiohttp"),
    (rule_6, "tagger/kafka/batches.py", "from aiokafka.client import AIOKafkaClient"),
    (rule_6, "tagger/kafka/reader.py", "from aiokafka import AIOKafkaConsumer\nAIOKafkaConsumer()"),
    (rule_6, "tagger/service/worker.py", "from ingest.runtime.exit import stop"),
    (rule_6, "tagger/service/worker.py", "import sys\nsys.exit(1)"),
    (rule_6, "ingest/app.py", "raise SystemExit(2)"),
    (rule_7, "tagger/service/worker.py", "from tagger.simulator.livechat import server"),
    (rule_7, "tagger/commands/run.py", "import tagger.simulator.stage.broker"),
    (rule_7, "tagger/service/worker.py", "from tagger.commands import run"),
    (rule_7, "tagger/service/worker.py", "from tagger.web import app"),
    (rule_7, "tagger/commands/run.py", "from tagger.web import app"),
    (rule_8, "tagger/service/worker.py", "import os\nos.environ['A']"),
    (rule_8, "tagger/service/worker.py", "from os import getenv"),
    (rule_8, "tagger/settings.py", "from pydantic_settings import BaseSettings"),
    (rule_8, "tagger/keyword_files/reload.py", "open(path, 'w')"),
    (rule_8, "tagger/keyword_files/reload.py", "path.open(mode='ab')"),
    (rule_8, "tagger/keyword_files/reload.py", "path.write_text('')"),
    (rule_8, "tagger/keyword_files/reload.py", "import os\nos.replace(one, other)"),
    (rule_8, "tagger/keyword_files/reload.py", "import shutil"),
    (rule_8, "tagger/keyword_files/reload.py", "import os\nos.open(path, os.O_RDONLY | os.O_CREAT)"),
    (rule_8, "tagger/keyword_files/reload.py", "import os\nos.open(path, flags)"),
    (rule_9, "tagger/simulator/livechat/server.py", "from ingest.delivery import read"),
    (rule_9, "tagger/simulator/play/visitors.py", "import tagger.core.matching.automaton"),
    (rule_9, "tagger/simulator/livechat/server.py", "from tagger.livechat.calls import requests"),
    (rule_10, "tagger/core/folding/fold.py", "from tagger.core.rules import parse"),
    (rule_10, "tagger/core/threads/thread.py", "from ..partition.partition import Partition"),
    (rule_10, "tagger/core/limits.py", "from tagger.core.threads import thread"),
    (rule_10, "tagger/livechat/calls/requests.py", "from tagger.livechat.transport import post"),
    (rule_10, "tagger/kafka/consumer.py", "from tagger.service import worker"),
    (rule_10, "tagger/simulator/livechat/server.py", "from tagger.simulator.play import visitors"),
    (rule_10, "tagger/web/app.py", "from tagger.service import worker"),
)

RIGHT: Final[tuple[tuple[str, str], ...]] = (
    ("ingest/app.py", "from aiohttp import web\nfrom ingest.topic import encode\nfrom . import producer"),
    ("ingest/runtime/settings.py", "import os\nos.environ"),
    (
        "tagger/service/worker.py",
        "from ingest import topic\nfrom ingest.runtime.settings import load\nopen('file')",
    ),
    (
        "tagger/core/threads/thread.py",
        "from datetime import date\nfrom . import facts\nfrom ingest.topic import split_key",
    ),
    (
        "tagger/kafka/reader.py",
        "from aiokafka import AIOKafkaConsumer\n"
        "from ingest.runtime.kafka_connections import end\n"
        "AIOKafkaConsumer()",
    ),
    ("tagger/commands/demo.py", "from ingest.app import build\nfrom tagger.simulator.play import visitors"),
    ("tagger/keyword_files/reload.py", "path.open('rb')\ntext.replace('w', 'a')"),
    ("tagger/keyword_files/read.py", "import os\nos.open(path, os.O_RDONLY | os.O_NONBLOCK)"),
    ("tagger/livechat/transport.py", "import aiohttp\nfrom .calls.requests import Call"),
    ("tagger/simulator/stage/broker.py", "import confluent_kafka"),
)
# What the planted modules import has to be there, to be told from a name inside a module.
AROUND: Final = {
    f"{package}/{name}.py": ""
    for package, names in {
        "ingest": ["__init__", "app", "delivery", "producer", "topic"],
        "ingest/runtime": ["__init__", "kafka_connections", "settings"],
        "tagger": ["__init__"],
        "tagger/commands": ["__init__", "run"],
        "tagger/core": ["__init__"],
        "tagger/core/matching": ["__init__", "automaton"],
        "tagger/core/partition": ["__init__", "partition"],
        "tagger/core/rules": ["__init__", "parse"],
        "tagger/core/threads": ["__init__", "facts", "thread"],
        "tagger/livechat": ["__init__", "transport"],
        "tagger/livechat/calls": ["__init__", "requests"],
        "tagger/service": ["__init__", "worker"],
        "tagger/simulator/livechat": ["__init__", "server"],
        "tagger/simulator/play": ["__init__", "visitors"],
        "tagger/simulator/stage": ["__init__", "broker"],
    }.items()
    for name in names
}


def broken(rule: Rule, modules: list[Module]) -> list[str]:
    return [f"{module.name}:{line} {what}" for module in modules for line, what in rule(module)]


@pytest.fixture(scope="module")
def tree() -> list[Module]:
    files = [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > len(OURS)
    return read({path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule: Rule, tree: list[Module]) -> None:
    assert broken(rule, tree) == [], rule.__doc__


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_a_planted_violation_is_caught(rule: Rule, path: str, source: str) -> None:
    found = broken(rule, read(AROUND | {path: source}))
    assert len(found) == 1
    assert found[0].startswith(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))


def test_every_rule_has_planted_violations() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


@pytest.mark.parametrize(("path", "source"), RIGHT)
def test_what_is_allowed_breaks_no_rule(path: str, source: str) -> None:
    assert [found for rule in RULES for found in broken(rule, read(AROUND | {path: source}))] == []


def test_no_room_leads_back_to_itself() -> None:
    assert circles(ARROWS) == []


def test_a_planted_circle_is_found() -> None:
    assert circles({"a": ("b",), "b": ("c",), "c": ("b",), "d": ("d",)}) == ["a", "b", "c"]

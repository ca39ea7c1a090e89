"""No test depends on how fast the machine is: no assertion on a clock, and no deadline that a busy one misses.

Read from the syntax trees of all tests but `bench/` and `soak/`, whose business it is to measure.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
MEASURE: Final = ("bench", "soak")
SHORTEST_S: Final = 60.0  # for a wait that has to end by an event
CLOCKS: Final = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"})
# What these names hold was measured, whoever measured it.
MEASURED: Final = frozenset(
    {"elapsed", "elapsed_s", "took", "took_s", "lasted_s", "p95", "p99", "duration_s"}
)
# Called → where the deadline stands among the arguments; as a keyword it has one of the names below.
DEADLINES: Final = {"timeout": 0, "timeout_at": 0, "wait_for": 1, "sent": 0, "settled": 0, "result": 0}
KEYWORDS: Final = frozenset({"timeout", "timeout_s", "deadline_s", "within_s"})
# One look among many, or what is tested itself: after its deadline a process is killed.
NO_DEADLINES: Final = frozenset({"wait", "getmany", "stop"})

Found = Iterator[tuple[int, str]]


def violations(tree: ast.Module) -> Found:
    """(line, what is wrong) of one file."""
    constants = dict(constants_of(tree))
    expected = {id(node) for block in blocks_that_time_out(tree) for node in ast.walk(block)}
    measured = measured_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and (name := clock_in(node.test, measured)):
            yield node.lineno, f"asserts on time: {name}"
        elif isinstance(node, ast.Call) and id(node) not in expected:
            for value in deadlines_of(node):
                seconds = number(value, constants)
                if seconds is not None and seconds < SHORTEST_S:
                    yield node.lineno, f"waits for {seconds:g} s at most; from tests.deadline take DEADLINE_S"


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def clock_in(node: ast.expr, measured: frozenset[str]) -> str | None:
    """A clock that is read, or a name that holds what one said."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and name_of(part.func) in CLOCKS:
            return name_of(part.func)
        if isinstance(part, ast.Name | ast.Attribute) and name_of(part) in measured | MEASURED:
            return name_of(part)
    return None


def measured_in(tree: ast.Module) -> frozenset[str]:
    """Names that are given what a clock says."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and clock_in(node.value, frozenset()):
            names |= {name_of(target) for target in node.targets}
        if isinstance(node, ast.NamedExpr) and clock_in(node.value, frozenset()):
            names.add(node.target.id)
    return frozenset(names - {""})


def constants_of(tree: ast.Module) -> Iterator[tuple[str, float]]:
    """The numbers that a file names."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(node.value.value, int | float):
                yield from ((name_of(target), float(node.value.value)) for target in targets)


def deadlines_of(call: ast.Call) -> Iterator[ast.expr]:
    name = name_of(call.func)
    if name in NO_DEADLINES:
        return
    if name in DEADLINES and len(call.args) > (place := DEADLINES[name]):
        yield call.args[place]
    yield from (keyword.value for keyword in call.keywords if keyword.arg in KEYWORDS)


def number(node: ast.expr, constants: dict[str, float]) -> float | None:
    """What a constant expression comes to; None where it is none."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name):
            return constants.get(name)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            one, other = number(left, constants), number(right, constants)
            return None if one is None or other is None else one * other
    return None


def blocks_that_time_out(tree: ast.Module) -> Iterator[ast.AST]:
    """Where nothing is to come: the time-out is what is waited for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With | ast.AsyncWith):
            if any(expects_a_time_out(item.context_expr) for item in node.items):
                yield node
        elif isinstance(node, ast.Assert) and isinstance(getattr(node.test, "op", None), ast.Not):
            yield node


def expects_a_time_out(context: ast.expr) -> bool:
    """`with raises(TimeoutError)`, `with suppress(ServiceError)`."""
    return (
        isinstance(context, ast.Call)
        and name_of(context.func) in ("raises", "suppress")
        and any(name_of(argument).endswith(("TimeoutError", "ServiceError")) for argument in context.args)
    )


def test_no_test_depends_on_the_speed_of_the_machine() -> None:
    files = [path for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] not in MEASURE]
    assert len(files) > 100
    found = [
        f"{path.relative_to(TESTS)}:{line}: {wrong}"
        for path in files
        for line, wrong in violations(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "assert time.monotonic() - began < 10",
        "began = time.monotonic()\nassert began < 3",
        "assert statistics.quantiles(took, n=100)[98] < 1.0",
        "assert result.p99 < 1",
        "async def test():\n    async with asyncio.timeout(5):\n        pass",
        "await_s = 20\nasync def test():\n    await asyncio.wait_for(task, await_s)",
        "PATIENCE_S: Final = 5.0\nasync def test():\n    async with asyncio.timeout(2 * PATIENCE_S):\n        pass",
        "assert livechat.sent(timeout_s=5)",
        "subprocess.run(command, timeout=30)",
        "process.wait_for(timeout=9)",
    ],
)
def test_such_a_test_would_be_found(planted: str) -> None:
    assert list(violations(ast.parse(planted)))


@pytest.mark.parametrize(
    "harmless",
    [
        "async def test():\n    async with asyncio.timeout(DEADLINE_S):\n        pass",
        "async def test():\n    await asyncio.wait([task], timeout=0.05)",
        "with pytest.raises(TimeoutError):\n    asyncio.wait_for(never, 0.1)",
        "assert not livechat.sent(timeout_s=0.3)",
        "assert clock.now == 10",
    ],
)
def test_what_waits_rightly_is_not_found(harmless: str) -> None:
    assert not list(violations(ast.parse(harmless)))

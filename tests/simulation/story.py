"""Runs histories from beginning to end; shortens those that fail, and shows them so that people can follow."""

from tests.simulation.history import History
from tests.simulation.setting import Setting, Step, steps
from tests.simulation.verdict import check, heal
from tests.simulation.world import START_MS


def run(setting: Setting, history: list[Step] | None = None) -> History:
    """Run a whole history; raises Violation."""
    world = History(setting)
    for step in steps(setting) if history is None else history:
        world.do(step)
    heal(world)
    check(world)
    return world


def story(setting: Setting, history: list[Step]) -> str:
    """Show a history to people: what each step wrote to the log, and where it left the tagger."""
    lines = [f"{setting}", f"history = {history}"]
    world = History(setting)

    def ends() -> list[int]:
        return [log.end for log in world.world.logs]

    def show(name: str, before: list[int]) -> None:
        stats, committed = world.member.partition.stats(), world.seat.log.committed
        held = f"{stats.threads} threads, {stats.unsettled} wait"
        lines.append(f"{name:10} {stats.phase} at {stats.position}, committed {committed}, {held}")
        for number, log in enumerate(world.world.logs):
            for record in log.records[before[number] if number < len(before) else 0 :]:
                value = (record.value or b"").decode("utf-8", "replace")
                lines.append(f"{'':10} {record.offset}: {record.timestamp - START_MS} {value}")

    try:
        for name, a, b in history:
            before = ends()
            world.do((name, a, b))
            show(name, before)
        before = ends()
        heal(world)
        show("heal", before)
        check(world)
    except Exception as error:
        lines.append(repr(error))
    return "\n".join(lines)


def shortened(setting: Setting, history: list[Step]) -> list[Step]:
    """Return a history that still fails, from which no part can be left out."""
    size = len(history) // 2
    while size:
        start = 0
        while start < len(history):
            shorter = history[:start] + history[start + size :]
            if fails(setting, shorter) is None:
                start += size
            else:
                history = shorter
        size //= 2
    return history


def fails(setting: Setting, history: list[Step]) -> str | None:
    """Return what a history violates; None: nothing."""
    try:
        run(setting, history)
    except Exception as error:
        return repr(error)
    return None

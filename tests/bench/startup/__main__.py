"""How long a person waits for the offline commands, with 1,000 rules.

    python -m tests.bench.startup [--rules 1000] [--rounds 15]

Each command runs as a process of its own, from its start to its end: interpreter, imports, reading and
deciding, the answer. Beside it an interpreter that does nothing and one that imports click and yaml.
Bytecode is cached in a folder of the benchmark, as in any installation after its first run.
"""

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.options import given

RESULTS = Path(__file__).parent.parent / "results" / "startup.csv"
THINGS = "lamp kettle jacket bag desk chair cable plug shelf mirror".split()


def rule(number: int) -> str:
    """One of many: four keywords, two tests."""
    thing = f"{THINGS[number % len(THINGS)]} {number}"
    return f"""
  - id: rule-{number}
    tag: Tag {number}
    any:
      - {thing} is broken
      - return my {thing}
      - "{thing} refund*"
      - {{keyword: RMA {number}, case: sensitive}}
    tests:
      - match: "Hello, please return my {thing}!"
      - absent: "I like my {thing}"
"""


def took(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of one run; its exit code has to be 0."""
    cpu, wall = os.times(), time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=60)
    wall_s, after = time.perf_counter() - wall, os.times()
    return wall_s, after.children_user + after.children_system - cpu.children_user - cpu.children_system


def main(rules: int = 1_000, rounds: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        config.mkdir()
        (config / "rules.yaml").write_text("version: 1\nrules:" + "".join(map(rule, range(rules))))
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPYCACHEPREFIX": folder, "TAGGER_CONFIG": str(config)}
        tagger = [sys.executable, "-m", "tagger"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import click, yaml": [sys.executable, "-c", "import click, yaml"],
            "tagger --help": [*tagger, "--help"],
            "tagger check": [*tagger, "check"],
            "tagger test": [*tagger, "test"],
            "tagger explain": [*tagger, "explain", "please return my lamp 10"],
        }
        rows = [measured(name, command, env, rounds) for name, command in commands.items()]
    print(f"{rules} rules, {rounds} runs each, milliseconds:")
    for name, *figures in rows:
        print(f"  {name:<20} median {figures[0]:5.0f}  90 % below {figures[1]:5.0f}  CPU {figures[2]:5.0f}")
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["command", "rules", "median_ms", "p90_ms", "cpu_ms"])
        writer.writerows([name, rules, *(f"{figure:.0f}" for figure in figures)] for name, *figures in rows)


def measured(
    name: str, command: list[str], env: dict[str, str], rounds: int
) -> tuple[str, float, float, float]:
    took(command, env)  # fills the cache
    walls, cpus = zip(*(took(command, env) for _ in range(rounds)), strict=True)
    p90 = statistics.quantiles(walls, n=10)[-1]
    return name, 1e3 * statistics.median(walls), 1e3 * p90, 1e3 * statistics.median(cpus)


if __name__ == "__main__":
    main(**given(main))

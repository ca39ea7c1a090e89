"""What must be true of the repository's files as they are, whoever wrote them."""

import importlib
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.deadline import DEADLINE_S
from tests.options import parser_of

ROOT: Final = Path(__file__).parents[1]
# Addresses of package registries belong to the machine that installs, paths of a machine to nobody else.
FOREIGN: Final = re.compile(
    r"https?://[a-z0-9.-]*(pypi|pythonhosted|npmjs|maven|deb\.)|(^|[^a-z0-9_.-])/(work|root|opt|home|users)/",
    re.IGNORECASE,
)
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: Final = PYPROJECT["project"]["optional-dependencies"]
# Lock file → what has to be pinned in it.
LOCKS: Final = {
    "requirements.txt": PYPROJECT["project"]["dependencies"],
    "requirements-otel.txt": PYPROJECT["project"]["dependencies"] + EXTRAS["otel"],
    "requirements-build.txt": PYPROJECT["dependency-groups"]["build"],
    "requirements-bench.txt": PYPROJECT["project"]["dependencies"] + EXTRAS["bench"],
    "requirements-deploy.txt": PYPROJECT["project"]["dependencies"] + EXTRAS["deploy"],
    "requirements-web-test.txt": PYPROJECT["project"]["dependencies"] + EXTRAS["web-test"],
    "requirements-dev.txt": PYPROJECT["project"]["dependencies"]
    + [each for extra in ("demo", "test", "lint") for each in EXTRAS[extra]]
    + PYPROJECT["dependency-groups"]["build"],
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """Package → version; asserts that each has a hash."""
    text = (ROOT / lock).read_text("utf-8")
    found = re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; [^\\\n]+)? \\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), (
        f"{lock} has lines that are no pin"
    )
    return dict(found)


def test_no_file_names_a_registry_or_a_machines_path() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True
    ).stdout
    files = [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line[:120]}"
        for path in files
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see http" + "://repo.maven" + ".example/x",
        "cd /" + "work/main",
        "PATH=/" + "root/bin",
        "a /" + "opt/b",
    ],
)
def test_such_a_line_would_be_found(line: str) -> None:
    assert FOREIGN.search(line)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_what_pyproject_asks_for(lock: str) -> None:
    """Where this fails, run `make lock`."""
    pinned = pins(lock)
    for line in LOCKS[lock]:
        requirement = Requirement(line)
        if requirement.name != PYPROJECT["project"]["name"]:
            version = pinned.get(canonical(requirement.name))
            assert version is not None, f"{lock} lacks {requirement.name}"
            assert requirement.specifier.contains(version, prereleases=True), (
                f"{lock}: {version} is not {line}"
            )


@pytest.mark.parametrize("lock", LOCKS)
def test_all_locks_agree(lock: str) -> None:
    tested = pins("requirements-dev.txt")
    different = {
        name: (version, tested[name])
        for name, version in pins(lock).items()
        if tested.get(name, version) != version
    }
    assert different == {}


def test_the_image_gets_nothing_that_was_not_tested() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


@pytest.mark.parametrize("soak", sorted(path.parent.name for path in ROOT.glob("tests/soak/*/__main__.py")))
def test_a_soak_can_still_be_started(soak: str) -> None:
    module = importlib.import_module(f"tests.soak.{soak}.__main__")  # nobody starts one for weeks
    assert str(module.__doc__) in parser_of(module.soak).format_help()

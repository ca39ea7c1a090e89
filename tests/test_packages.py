"""What is handed on: wheel and source distribution, bill of materials, image; and the version, which is the same in all.

The installation takes packages from wherever pip is set up to take them. Where that fails, its test fails if `CI` is set,
and is skipped elsewhere.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deadline import DEADLINE_S
from tests.test_repository import PYPROJECT, ROOT, pins

VERSION: Final = PYPROJECT["project"]["version"]
BUILD: Final = (sys.executable, "-m", "hatchling", "build", "--directory")
INSTALL_S_MAX: Final = 250  # 40 packages; 15 s on an idle machine
# As the modules are called; a distribution's name is another matter.
MODULES: Final = {"ingest", "tagger"}


def run(*command: str, folder: Path = ROOT, timeout_s: float = DEADLINE_S) -> str:
    """What a command prints; AssertionError if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make dist` makes."""
    folder = tmp_path_factory.mktemp("dist")
    run(*BUILD, str(folder))
    return folder


@pytest.fixture
def wheel(dist: Path) -> Path:
    (found,) = dist.glob(f"livechat_tagger-{VERSION}-*.whl")
    return found


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_has_two_modules_and_nothing_that_is_not_installed(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names_in(wheel)}
    assert tops == MODULES | {f"livechat_tagger-{VERSION}.dist-info"}


def test_the_wheel_can_be_built_from_the_source_distribution(dist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"livechat_tagger-{VERSION}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(*BUILD, str(tmp_path), "--target", "wheel", folder=source)
    (again,) = tmp_path.glob("*.whl")
    assert names_in(again) == names_in(wheel)


@pytest.mark.timeout(3 * INSTALL_S_MAX)
def test_the_wheel_works_in_an_environment_that_has_nothing_else(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / "bin"
    pip = (str(bin_ / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    try:
        locked = ("--require-hashes", "--requirement", str(ROOT / "requirements.txt"))
        run(*pip, "--no-compile", *locked, timeout_s=INSTALL_S_MAX)
    except (AssertionError, subprocess.TimeoutExpired) as failure:
        why = f"pip could not install the locked packages: {str(failure)[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    run(*pip, "--no-deps", str(wheel))
    rules = tmp_path / "config"
    rules.mkdir()
    (rules / "refund.yaml").write_text(
        'version: 1\nrules:\n  - {id: refund, tag: Refund, any: [refund], tests: [match: "a refund"]}\n',
        "utf-8",
    )
    assert run(str(bin_ / "tagger"), "check", folder=tmp_path)
    assert "LIVECHAT_WEBHOOK_SECRETS" in run(str(bin_ / "ingest"), "--help", folder=tmp_path)
    assert VERSION in run(str(bin_ / "tagger"), "-V", folder=tmp_path)


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """What `make sbom` writes."""
    made: dict[str, Any] = json.loads(run(sys.executable, ".ci/sbom.py", "requirements.txt"))
    return made


def test_the_bill_has_what_is_locked_with_its_hashes(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["name"]: each["version"] for each in bill["components"]} == pins("requirements.txt")
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    hashes = [
        each["content"]
        for component in bill["components"]
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    ]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:(\w+)", lock))


def test_the_bill_says_who_needs_what(bill: dict[str, Any]) -> None:
    own = bill["metadata"]["component"]["bom-ref"]
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert needs.keys() == {own} | {each["bom-ref"] for each in bill["components"]}
    asked = {re.split(r"[^\w.-]", each)[0].lower() for each in PYPROJECT["project"]["dependencies"]}
    assert {each.removeprefix("pkg:pypi/").partition("@")[0] for each in needs[own]} == asked
    reached, left = set[str](), [own]
    while left:
        reached.add(ref := left.pop())
        left += [each for each in needs[ref] if each not in reached]
    assert reached == needs.keys()  # nothing is locked that nobody needs


def test_the_same_lock_gives_the_same_bill() -> None:
    twice = {run(sys.executable, ".ci/sbom.py", "requirements.txt") for _ in range(2)}
    assert len(twice) == 1


def test_the_image_says_what_it_is_and_is_built_for_both_kinds_of_machines() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', dockerfile))
    assert labels["title"] == PYPROJECT["project"]["name"]
    assert labels["description"] == PYPROJECT["project"]["description"]
    assert labels["licenses"] == PYPROJECT["project"]["license"]
    assert (labels["version"], labels["revision"]) == ("$VERSION", "$REVISION")
    build = run("make", "--dry-run", "image")
    assert "--platform=linux/amd64,linux/arm64" in build
    assert f"--build-arg=VERSION={VERSION}" in build
    assert f"--tag=livechat-tagger:{VERSION}" in build


def test_the_image_can_be_built_with_what_traces_need() -> None:
    page, dockerfile, sent = (
        (ROOT / name).read_text("utf-8") for name in ("deploy/traces.md", "Dockerfile", ".dockerignore")
    )
    (lock,) = re.findall(r"--build-arg REQUIREMENTS=(\S+)", page)
    assert "opentelemetry-sdk" in pins(lock)
    assert "ARG REQUIREMENTS=requirements.txt\n" in dockerfile
    assert '--require-hashes --requirement "$REQUIREMENTS"' in dockerfile
    for name in (lock, "requirements.txt"):
        assert re.search(rf"^COPY .*{re.escape(name)} ", dockerfile, re.MULTILINE)
        assert f"!{name}\n" in sent


def test_the_version_stands_in_one_place_and_what_repeats_it_agrees() -> None:
    assert run(str(ROOT / ".ci" / "version")).strip() == VERSION
    kustomization = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "kustomization.yaml").read_text("utf-8"))
    assert {each["newTag"] for each in kustomization["images"]} == {VERSION}
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    assert next(each for each in versions if each != "Unreleased") == VERSION

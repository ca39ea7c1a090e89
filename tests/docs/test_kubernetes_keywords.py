"""The script that puts keyword files into a ConfigMap takes all that the tagger reads, and nothing that is wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import yaml

from tagger.keyword_files.read import read_files
from tests.deadline import DEADLINE_S

ROOT: Final = Path(__file__).parents[2]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
COMMAND: Final = "create configmap keywords --namespace=livechat-tagger"
# Prints what it was asked for. That the real one understands it is not tested.
KUBECTL: Final = """#!/bin/sh
for argument in "$@"; do printf '%s\\n' "$argument"; done
"""


def run(folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    programs.mkdir()
    (programs / "kubectl").write_text(KUBECTL)
    (programs / "kubectl").chmod(0o755)
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = [str(KUBERNETES / "keywords.sh"), str(folder)]
    return subprocess.run(
        script,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def test_every_keyword_file_of_the_folder_is_taken_and_nothing_else(tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "config", tmp_path / "config")
    (folder / "one-more.yml").write_bytes(
        (folder / "billing.yaml").read_bytes().replace(b"id: ", b"id: more-")
    )
    (folder / "backup").mkdir()
    result = run(folder, tmp_path / "programs")
    assert result.returncode == 0, result.stderr
    files = read_files(folder)
    assert isinstance(files, dict)
    assert len(files) == 4
    asked = result.stdout.splitlines()
    assert asked[:4] == COMMAND.split()
    assert sorted(asked[4:-2]) == sorted(f"--from-file={name}" for name in files)
    assert asked[-2:] == ["--dry-run=client", "--output=yaml"]


def test_files_that_are_wrong_are_not_printed(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "wrong.yaml").write_text("version: 1\nrules: nothing\n")
    result = run(folder, tmp_path / "programs")
    assert (result.returncode, result.stdout) == (1, "")
    assert "wrong.yaml:2" in result.stderr


def test_what_it_prints_is_what_the_pods_of_tagger_mount() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))
    assert f"--namespace={kustomization['namespace']}" in COMMAND
    assert "configMap: {name: keywords}" in (KUBERNETES / "tagger.yaml").read_text("utf-8")
    for page in ("deploy/kubernetes/README.md", "config/README.md"):
        line = "deploy/kubernetes/keywords.sh config | kubectl apply --server-side -f -"
        assert line in (ROOT / page).read_text("utf-8")

#!/usr/bin/env python3
"""Prints the bill of materials of a lock file: CycloneDX 1.6, JSON. https://cyclonedx.org/docs/1.6/json/

    .ci/sbom.py requirements.txt > dist/sbom.cdx.json

It has what the lock file knows: every package with its version, the hashes that are accepted, and who needs it. The same
lock file gives the same bytes. Needs only Python.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PIN: Final = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; ([^\\\n]+?))? \\\n((?:    .*\n?)+)", re.MULTILINE)
HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NEEDED_BY: Final = re.compile(r"^    #(?: via|  ) ([a-z0-9-]+)(?: \(pyproject\.toml\))?$", re.MULTILINE)


def component(name: str, version: str, marker: str, hashes: list[str]) -> dict[str, Any]:
    """A package of the lock file."""
    url = purl(name, version)
    accepted = [{"alg": "SHA-256", "content": each} for each in hashes]
    found: dict[str, Any] = {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}
    found["externalReferences"] = [{"type": "distribution", "url": url, "hashes": accepted}]
    if marker:
        found["properties"] = [{"name": "python:marker", "value": marker}]
    return found


def purl(name: str, version: str) -> str:
    """https://github.com/package-url/purl-spec"""
    return f"pkg:pypi/{name}@{version}"


def bill(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """The bill of a lock file's text, for a project as pyproject.toml has it."""
    own = {
        "type": "application",
        "bom-ref": purl(project["name"], project["version"]),
        "name": project["name"],
        "version": project["version"],
        "purl": purl(project["name"], project["version"]),
        "description": project["description"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    components, needs = [], dict[str, set[str]]()
    versions = {name: version for name, version, _, _ in PIN.findall(lock)} | {
        project["name"]: project["version"]
    }
    for name, version, marker, below in PIN.findall(lock):
        components.append(component(name, version, marker, HASH.findall(below)))
        for other in NEEDED_BY.findall(below):
            needs.setdefault(other, set()).add(purl(name, version))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own['purl'] + lock)}",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
        "dependencies": [
            {"ref": purl(name, version), "dependsOn": sorted(needs.get(name, ()))}
            for name, version in sorted(versions.items())
        ],
    }


if __name__ == "__main__":
    PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    json.dump(bill(Path(sys.argv[1]).read_text("utf-8"), PROJECT), sys.stdout, indent=1)
    sys.stdout.write("\n")

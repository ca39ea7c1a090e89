"""The jars of Apache Kafka, brought by Maven once and kept in `.kafka/`.

`python -m tests.kafka.jars` brings all of them, before tests whose time is limited need them: `make test` does so.

Needs Java 17 or newer and, the first time, Maven. Promises a folder that holds all jars or does not exist: it
is filled under another name and renamed. Writes only there and in Maven's own cache.
"""

import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.deadline import DEADLINE_S

HERE: Final = Path(__file__).parent
BROKER: Final = HERE / "pom.xml"
TOOLS: Final = HERE / "tools.xml"
KEPT: Final = HERE.parents[1] / ".kafka"  # git-ignored
MAVEN_S_MAX: Final = 900  # 40 MB to fetch: 5 s on a good line, minutes on a slow one
JAVA_S_MAX: Final = DEADLINE_S  # `java -version` takes 0.1 s
JAVA_MIN: Final = 17  # a broker's own floor since 4.0: https://kafka.apache.org/documentation/#java


class KafkaMissingError(Exception):
    """No Kafka can be started here; the text says what to install."""


def version() -> str:
    """The Kafka release that the broker is."""
    found = re.search(r"<version>(.+?)</version>", BROKER.read_text())
    assert found, "pom.xml names no version"
    return found[1]


@functools.cache
def java() -> str:
    """The path of a Java that runs Kafka.

    Raises: KafkaMissingError.
    """
    path = shutil.which("java")
    if path is None:
        raise KafkaMissingError(f"there is no `java`: install Java {JAVA_MIN} or newer")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=JAVA_S_MAX, check=False)
    found = re.search(r'version "(\d+)', said.stderr)
    if found is None or int(found[1]) < JAVA_MIN:
        raise KafkaMissingError(f"`java` is older than {JAVA_MIN}: install Java {JAVA_MIN} or newer")
    return path


def jars(pom: Path) -> Path:
    """The folder with the jars that a pom (BROKER, TOOLS) names; Maven fills it where it does not exist yet.

    Raises: KafkaMissingError.
    """
    folder = KEPT / f"{pom.stem}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        _fill(folder, pom)
    return folder


def _fill(folder: Path, pom: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissingError("there is no `mvn`: install Maven, which brings Apache Kafka")
    KEPT.mkdir(exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=KEPT))
    command = [maven, "--batch-mode", "--quiet", f"--file={pom}", "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=MAVEN_S_MAX)
        partial.rename(folder)
    except subprocess.CalledProcessError as failed:
        raise KafkaMissingError(f"Maven could not bring Apache Kafka:\n{failed.stdout[-2000:]}") from None
    except subprocess.TimeoutExpired:
        raise KafkaMissingError(f"Maven did not bring Apache Kafka within {MAVEN_S_MAX} s") from None
    except OSError:
        if not folder.exists():  # otherwise another process was first, with the same jars
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def main() -> str | None:
    """Bring what is not here yet; return what is missing, for `sys.exit`."""
    try:
        java()
        jars(BROKER)
        jars(TOOLS)
    except KafkaMissingError as missing:
        return f"Apache Kafka is missing: {missing}"
    return None


if __name__ == "__main__":
    sys.exit(main())

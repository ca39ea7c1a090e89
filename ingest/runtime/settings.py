"""The settings of a process, from its environment, and secrets that may change while it runs.

It promises to report everything wrong with the settings at once and never to show a secret's value.
No other file reads the environment.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.runtime.exit import stop

SECRET_REREAD_S: Final = 1.0  # between two looks at a file: cheap, and a new secret counts soon enough

S = TypeVar("S", bound="Settings")


class SecretFile:
    """A secret that may change while we run; without a path it is constant.

    A file that vanished or is empty leaves the last value in force: rotation by rename has such moments.
    """

    def __init__(self, path: Path | None, value: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._value, self._clock = path, value, clock
        self._look_at, self._seen = clock(), (0, 0, 0)

    def value(self) -> str:
        """The value in force."""
        if self._path is not None and (now := self._clock()) >= self._look_at:
            self._look_at = now + SECRET_REREAD_S
            try:
                stat = self._path.stat()
                seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
                if seen != self._seen and (value := self._path.read_text("utf-8").strip()):
                    self._value, self._seen = value, seen
            except (OSError, UnicodeDecodeError):
                pass
        return self._value


class Settings(BaseSettings):
    """Options from the environment: a field's variable is its name in capitals.

    A field of type SecretStr may come from the file that NAME_FILE names instead.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )
    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @classmethod
    def secret_names(cls) -> list[str]:
        """Fields that hold a secret."""
        return [name for name, info in cls.model_fields.items() if "SecretStr" in str(info.annotation)]

    @classmethod
    def describe(cls) -> list[tuple[str, str, str]]:
        """(variable, default, doc) of every option, for --help and for the README's table."""
        defaults = {n: "required" if f.is_required() else f.default for n, f in cls.model_fields.items()}
        return [
            (name.upper(), "unset" if defaults[name] is None else str(defaults[name]), info.description or "")
            for name, info in cls.model_fields.items()
        ]

    def secret(self, name: str) -> SecretFile:
        """The value of a SecretStr field, following its file if it came from one."""
        held: SecretStr | None = getattr(self, name)
        return SecretFile(self._files.get(name), held.get_secret_value() if held else "")


class LogSettings(Settings):
    """What is logged, and how."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] | None = Field(
        None, description="json or console; unset: console on a terminal"
    )


TraceExporter = Literal["none", "otlp", "console"]


class TraceSettings(Settings):
    """Whether traces are made; the other variables of OpenTelemetry are read by its SDK, if they are."""

    otel_traces_exporter: TraceExporter = Field(
        "none", description="none, otlp or console: where traces go; needs the extra `otel`"
    )


def load(settings_class: type[S]) -> S:
    """Read the environment; print every problem with its variable, and exit 2."""
    settings = read_settings(settings_class)
    if isinstance(settings, list):
        stop("These settings are wrong:\n" + "\n".join(f"  {problem}" for problem in settings))
    return settings


def read_settings(settings_class: type[S]) -> S | list[str]:
    """Settings, or all problems as sentences that begin with the variable and show no secret."""
    given, problems, files = dict[str, str](), dict[str, str](), dict[str, Path]()
    for name in settings_class.secret_names():
        variable = name.upper()
        if not (file := os.environ.get(f"{variable}_FILE")):
            continue
        files[name] = path = Path(file)
        try:
            given[name] = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems[name] = f"{variable}_FILE: {path} cannot be read ({type(error).__name__})"
        if os.environ.get(variable):
            problems[name] = f"{variable}: set together with {variable}_FILE; keep one of them"
    try:
        settings = settings_class(**given)
    except ValidationError as failure:
        for problem in failure.errors(include_url=False, include_context=False, include_input=False):
            name = str(problem["loc"][0])
            missing = problem["type"] == "missing"
            text = "not set" if missing else problem["msg"].removeprefix("Value error, ")
            doc = settings_class.model_fields[name].description
            problems.setdefault(name, f"{name.upper()}: {text} ({doc})")
        return list(problems.values())
    settings._files.update(files)
    return list(problems.values()) or settings

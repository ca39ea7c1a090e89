"""The tables of README.md that follow from the code.

    python -m tests.docs.readme

rewrites them; `test_readme.py` says when that is due.
"""

from pathlib import Path
from typing import Final

from ingest.runtime.kafka import KafkaConnection, KafkaSettings
from ingest.runtime.settings import LogSettings, Settings, TraceSettings
from ingest.settings import IngestSettings
from tagger.settings import TaggerSettings, WebSettings

README: Final = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- end of settings -->\n"
SECTIONS: Final[dict[str, type[Settings]]] = {
    "Kafka, for both": KafkaConnection,
    "Kafka, for `tagger`": KafkaSettings,
    "`ingest`": IngestSettings,
    "`tagger`": TaggerSettings,
    "`tagger web`, which also has those of Kafka, LiveChat and the keyword files": WebSettings,
    "Logs, for both": LogSettings,
    "[Traces](deploy/traces.md), for both": TraceSettings,
}


def own_names(settings: type[Settings]) -> set[str]:
    """The variables that a class has and its bases have not."""
    inherited = {name for base in settings.__mro__[1:] for name in getattr(base, "model_fields", {})}
    if settings is TaggerSettings:
        inherited = set()  # LiveChat's settings are shown where they are used
    return {name.upper() for name in settings.model_fields if name not in inherited}


def settings_tables() -> str:
    parts = []
    for title, settings in SECTIONS.items():
        rows = [
            f"| `{variable}` | {f'`{default}`' if default not in ('unset', 'required') else default} | {doc} |"
            for variable, default, doc in settings.describe()
            if variable in own_names(settings)
        ]
        parts.append(
            "\n".join([f"**{title}**", "", "| variable | default | meaning |", "|---|---|---|", *rows])
        )
    return "\n" + "\n\n".join(parts) + "\n\n"


def with_tables(readme: str) -> str:
    head, _, rest = readme.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}{settings_tables()}{END}{tail}"


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")

"""Whether a process tells what it does in traces (OpenTelemetry); by default none does.

It promises that nothing of OpenTelemetry is imported unless OTEL_TRACES_EXPORTER asks for it, and that traces which
cannot be had keep no service from its job.
"""

from typing import TYPE_CHECKING

import structlog

from ingest.runtime.settings import TraceExporter

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces

MISSING = "OpenTelemetry is not installed: pip install 'livechat-tagger[otel]'"

log = structlog.get_logger()


def begin(exporter: TraceExporter, service: str) -> "Traces | None":
    """The traces of this process; None: nobody asked for them, or they cannot be had, which is logged.

    service  its name, unless OTEL_SERVICE_NAME says another
    """
    if exporter == "none":
        return None
    try:
        from ingest.runtime.traces import Traces, exporter_to  # noqa: PLC0415 - nobody else pays for it

        traces = Traces(service, exporter_to(exporter))
    except ImportError:
        log.error("traces_off", reason=MISSING)
    except Exception as error:  # noqa: BLE001 - a variable OTEL_… that it does not take; its text may quote a token
        log.error("traces_off", reason="a variable OTEL_… is wrong", error_type=type(error).__name__)
    else:
        log.info("traces_on", result=exporter)
        return traces
    return None

"""A service as a process: ready, not ready, stopped, killed. The stand-ins are a few lines of Python each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.service import Service, ServiceError, environment_for
from tests.deadline import until

READY = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
print("settings", sorted(name for name in os.environ if name.startswith(("KAFKA_", "TAGGER_"))))
http.server.HTTPServer(("127.0.0.1", int(os.environ["TAGGER_ADMIN_PORT"])), Handler).serve_forever()
"""
NEVER_READY = "import time; print('waiting for Kafka'); time.sleep(60)"
STUBBORN = READY.replace("lambda *_: sys.exit(3)", "signal.SIG_IGN")
BROKEN = "import sys; print('KAFKA_BOOTSTRAP_SERVERS is missing', file=sys.stderr); sys.exit(2)"


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """`stand_in.py` as a service."""
    (tmp_path / "stand_in.py").write_text(request.param)
    with reserved_port() as port:
        settings = {"TAGGER_ADMIN_PORT": str(port), "PYTHONPATH": str(tmp_path)}
        yield Service("stand_in", (), settings, port, tmp_path / "stand_in.log")


@pytest.mark.parametrize("service", [READY], indirect=True)
async def test_a_service_is_started_checked_stopped_and_started_again(service: Service) -> None:
    await service.start()
    assert service.running
    service.check()
    assert await service.stop() == 3
    assert not service.running
    with pytest.raises(ServiceError, match=r"`stand_in` ended \(exit code 3\)"):
        service.check()
    await service.start()
    assert await service.stop() == 3


@pytest.mark.parametrize("service", [READY], indirect=True)
async def test_a_killed_service_has_no_time_to_clean_up(service: Service) -> None:
    await service.start()
    assert await service.kill() == -9


@pytest.mark.parametrize("service", [STUBBORN], indirect=True)
async def test_a_service_that_does_not_stop_in_time_is_killed(service: Service) -> None:
    await service.start()
    assert await service.stop(deadline_s=0.1) == -9


@pytest.mark.parametrize("service", [BROKEN], indirect=True)
async def test_a_service_that_ends_at_once_is_reported_with_its_last_lines(service: Service) -> None:
    with pytest.raises(
        ServiceError, match=r"(?s)ended before.*exit code 2.*KAFKA_BOOTSTRAP_SERVERS is missing"
    ):
        await service.start()


@pytest.mark.parametrize("service", [NEVER_READY], indirect=True)
async def test_a_service_that_does_not_become_ready_is_reported_and_can_be_stopped(service: Service) -> None:
    with pytest.raises(ServiceError, match="not ready within 1 s"):
        await service.start(deadline_s=1)
    await until(lambda: bool(service.last_lines()))  # a busy machine takes longer to start Python
    with pytest.raises(ServiceError, match=r"(?s)not ready within 1 s.*waiting for Kafka"):
        await service.ready(deadline_s=1)
    assert service.running
    assert await service.stop() == -15


@pytest.mark.parametrize("service", [READY], indirect=True)
async def test_settings_of_the_caller_do_not_reach_the_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "of the caller")
    await service.start()
    await service.stop()
    assert service.last_lines() == ["settings ['TAGGER_ADMIN_PORT']"]


async def test_a_service_that_was_never_started_is_stopped_already(tmp_path: Path) -> None:
    service = Service("stand_in", (), {}, 1, tmp_path / "log")
    assert await service.stop() is None
    assert await service.kill() is None
    assert service.last_lines() == []


def test_the_environment_keeps_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    environment = environment_for({"TAGGER_CONFIG": "rules"})
    assert environment["PATH"]
    assert environment["TAGGER_CONFIG"] == "rules"
    assert "LOG_LEVEL" not in environment

"""Metrics of a running service, and that the alert rules and the board ask for metrics that exist."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.server import ROOT, Server
from tests.servers import free_port

ALERTS = ROOT / "scripts" / "monitoring" / "alerts.yml"
BOARD = ROOT / "scripts" / "monitoring" / "board.json"
NAME = re.compile(r"\b(?:conference|process)_[a-z_]+")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    media = tmp_path_factory.mktemp("media")  # uploads have metrics only with a media store
    one = Server(tmp_path_factory.mktemp("metrics"), metrics_port=str(free_port()), media_store=str(media))
    one.start()
    yield one
    one.stop()


def asked(port: int, path: str) -> tuple[int, str]:
    """Return the status and the body of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def exposition(server: Server) -> str:
    status, text = asked(int(server.environment["CONFERENCE_METRICS_PORT"]), "/metrics")
    assert status == 200
    return text


def scraped(server: Server) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the samples by name and labels."""
    families = text_string_to_metric_families(exposition(server))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def declared(server: Server) -> set[str]:
    """Return the names of all series that the service declares, also of those without a sample yet."""
    kinds = re.findall(r"^# TYPE (\S+) (\w+)$", exposition(server), re.MULTILINE)
    names = {name for name, _ in kinds}
    return names | {f"{name}_bucket" for name, kind in kinds if kind == "histogram"}


def expressions() -> list[str]:
    rules = [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    panels = [target["expr"] for panel in json.loads(BOARD.read_text())["panels"] for target in panel["targets"]]
    assert len(rules) >= 10 and len(panels) >= 15
    return rules + panels


def test_alerts_and_board_ask_for_metrics_that_the_service_has(server: Server) -> None:
    used = {name for expression in expressions() for name in NAME.findall(expression)}
    assert used - declared(server) == set()


def test_the_rules_are_valid_for_prometheus(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is missing")
    queries = {
        "groups": [{"name": "board", "rules": [{"record": f"q{n}", "expr": q} for n, q in enumerate(board_queries())]}]
    }
    (tmp_path / "board.yml").write_text(yaml.safe_dump(queries))
    for file in (ALERTS, tmp_path / "board.yml"):
        checked = subprocess.run([program, "check", "rules", file], capture_output=True, text=True, timeout=30)
        assert "SUCCESS" in checked.stdout, checked.stderr


def board_queries() -> list[str]:
    panels = json.loads(BOARD.read_text())["panels"]
    return [target["expr"].replace("$instance", ".*") for panel in panels for target in panel["targets"]]


def test_metrics_are_on_their_own_listener_only(server: Server) -> None:
    assert asked(server.port, "/metrics")[0] == 404


def test_the_service_reports_its_parts_process_and_certificate(server: Server) -> None:
    now = scraped(server)
    names = {name for name, _ in now}
    for part in ("store", "viewers", "provider"):
        assert now["conference_ready", (("part", part),)] == 1.0
    assert now["conference_certificate_expiry_timestamp_seconds", ()] > time.time() + 86_400
    assert now["process_resident_memory_bytes", ()] > 10_000_000
    assert 0 < now["conference_disk_free_bytes", ()] < now["conference_disk_size_bytes", ()]
    assert {"conference_build_info", "conference_event_loop_lag_seconds", "process_open_fds"} <= names
    assert not [name for name in names if name.endswith("_created")]


def test_files_share_a_series_and_a_scrape_counts_no_waiting(server: Server) -> None:
    for path in ("/player.js", "/picker.js", "/client/conference.js", "/nowhere", "/nowhere/else"):
        asked(server.port, path)
    routes = {dict(labels)["route"] for name, labels in scraped(server) if name == "conference_http_requests_total"}
    assert not [route for route in routes if route.endswith(".js")]
    assert {"files", "unmatched"} <= routes

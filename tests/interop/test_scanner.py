"""What a scanner of TLS configurations finds on the STARTTLS port: nothing to complain about.

sslyze is a program of its own (AGPL, with its own OpenSSL that speaks all that is forbidden); it runs from an
environment of its own, and nothing of ours is linked to it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from peers import absent, unpacked
from peers.gateway import RunningGateway
from peers.recorder import Recorder

Run = Callable[..., RunningGateway]

SILENT = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


def scanned(gateway: RunningGateway, *arguments: str) -> tuple[dict[str, Any], str]:
    """What sslyze found, and what it said."""
    scanner = unpacked("sslyze/bin/sslyze") or absent("sslyze")
    result = gateway.folder / "scan.json"
    done = subprocess.run(
        [scanner, "--starttls", "smtp", "--json_out", result, *arguments,
         f"localhost:{gateway.port}"],
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert result.exists(), done.stdout + done.stderr
    [server] = json.loads(result.read_text())["server_scan_results"]
    assert server["scan_status"] == "COMPLETED", done.stdout
    return server["scan_result"], done.stdout


def test_a_scanner_has_nothing_to_complain_about(recorder: Recorder, run_gateway: Run) -> None:
    gateway = run_gateway(recorder.address)
    found, said = scanned(gateway)

    def result(name: str) -> dict[str, Any]:
        assert found[name]["status"] == "COMPLETED", (name, found[name])
        return found[name]["result"]

    for version in SILENT:
        assert result(f"{version}_cipher_suites")["accepted_cipher_suites"] == [], version
    for version in ("tls_1_2", "tls_1_3"):
        suites = [
            suite["cipher_suite"]["name"] for suite in result(f"{version}_cipher_suites")["accepted_cipher_suites"]
        ]
        assert suites
        assert all("GCM" in suite or "POLY1305" in suite for suite in suites), suites
        assert version == "tls_1_3" or all("_ECDHE_" in suite for suite in suites), suites
    assert not result("tls_compression")["supports_compression"]
    assert not result("heartbleed")["is_vulnerable_to_heartbleed"]
    assert not result("openssl_ccs_injection")["is_vulnerable_to_ccs_injection"]
    assert result("robot")["robot_result"].startswith("NOT_VULNERABLE")
    assert not result("session_renegotiation")["is_vulnerable_to_client_renegotiation_dos"]
    assert result("session_renegotiation")["supports_secure_renegotiation"]
    assert result("tls_fallback_scsv")["supports_fallback_scsv"]
    assert result("tls_extended_master_secret")["supports_ems_extension"]
    [deployed] = result("certificate_info")["certificate_deployments"]
    assert deployed["received_chain_has_valid_order"]
    # Mozilla's "intermediate" is what mail servers are measured by. Of the certificate, a test's, nothing is asked.
    failed = {line.split()[1].rstrip(":") for line in said.splitlines() if line.startswith("        * ")}
    assert failed <= {"certificate_path_validation", "maximum_certificate_lifespan"}, said
    # So many failed handshakes are a scan, not a client that must be helped: it is still offered STARTTLS.
    again, _ = scanned(gateway, "--tlsv1_3")
    assert again["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"]

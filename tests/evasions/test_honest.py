"""Odd and good mail passes by the default configuration, and passes unchanged; there is more of it than of evasions."""

from __future__ import annotations

import json

import pytest

from smtpgw import config
from smtpgw._core import Scanner
from smtpgw.testing import running_gateway

from . import honest, messages


@pytest.fixture(scope="module")
def scanner():
    return Scanner(config.default().to_core_json(), [], threads=1)


@pytest.mark.parametrize("family", honest.FAMILIES)
def test_none_is_refused_or_told_unscanned(scanner, family):
    odd = {}
    for name, raw in honest.FAMILIES[family]():
        report = json.loads(scanner.scan(raw))
        if report["verdict"]["action"] != "accept" or report["unscanned"]:
            odd[name] = report["verdict"]["reason"], report["unscanned"]
    assert set(odd) <= TOLD, odd
    assert not any(reason for reason, _ in odd.values()), odd


TOLD = {repr("=ybegin is a word\n")}
"""Accepted and said to be unscanned: how a file begins, and there is none."""


@pytest.mark.timeout(120)
def test_all_pass_unchanged():
    changed, passed = [], 0
    with running_gateway() as gateway:
        for family, make in honest.FAMILIES.items():
            for name, raw in make():
                raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
                reply = gateway.send(raw)
                if reply.code != 250 or not gateway.deliveries[-1].content.endswith(raw):
                    changed.append((family, name, reply))
                passed += 1
    assert not changed, changed
    assert passed == len(gateway.deliveries)


def test_there_are_at_least_as_many_as_evasions():
    good, evil = (sum(len(dict(make())) for make in each.FAMILIES.values()) for each in (honest, messages))
    print(f"{good} odd and good, {evil} evasions")
    assert good >= evil

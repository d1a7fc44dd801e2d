"""What leads to a listed host is refused in whatever way it is written, and the same way to another host passes."""

from __future__ import annotations

import json

import pytest

from smtpgw import config
from smtpgw._core import Scanner
from smtpgw.inspector import roster
from smtpgw.inspectors.urls import Urls

from .links import FAMILIES, innocent

LISTED, OTHER = "bad.example", "fine.example"
"""A name of the list that comes with smtpgw, and one that is on none."""


@pytest.fixture(scope="module")
def judge():
    scanner = Scanner(config.default().to_core_json(), roster([Urls()]), threads=2)
    return lambda raw: json.loads(scanner.scan(raw))["verdict"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_way_to_a_listed_host_is_refused(judge, family):
    missed = [name for name, raw in FAMILIES[family](LISTED) if judge(raw)["by"] != "urls"]
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_way_to_another_host_passes(judge, family):
    refused = [name for name, raw in FAMILIES[family](OTHER) if judge(raw)["action"] != "accept"]
    assert not refused, "\n".join(refused)


def test_who_is_led_nowhere_passes(judge):
    refused = [name for name, raw in innocent(LISTED) if judge(raw)["action"] != "accept"]
    assert not refused, "\n".join(refused)

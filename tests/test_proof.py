"""Every threat and every fault has tests, and those that are named are there (tests/proof)."""

from __future__ import annotations

import tomllib

from proof import MOMENTS, ROOT, claims, fixed, lost, page, table


def test_every_row_is_held_by_tests() -> None:
    assert not [claim.what for claim in claims() if not claim.tests and claim.nothing is None]


def test_nothing_is_missing() -> None:
    """While a row waits for a test, it says here which."""
    assert not {claim.what: claim.missing for claim in claims() if claim.missing}


def test_every_test_that_is_named_is_there() -> None:
    assert not {reason for claim in claims() for test in claim.tests if (reason := lost(test))}


def test_every_fault_has_every_moment() -> None:
    for fault in table("faults"):
        assert set(fault) == {"side", "fault", *MOMENTS}
        for moment in MOMENTS:
            assert set(fault[moment]) <= {"answer", "tests", "missing"} or set(fault[moment]) == {"nothing"}
    assert len({claim.what for claim in claims()}) == len(list(claims()))


def test_the_page_is_made_from_the_rows() -> None:
    assert (ROOT / "docs" / "threats.md").read_text() == page(), "cd tests && python -m proof >../docs/threats.md"


def test_limits_that_are_not_to_be_set_are_those_of_the_sources() -> None:
    written = (ROOT / "python/smtpgw/config/fixed.toml").read_text()
    assert written == fixed.page(), "cd tests && python -m proof.fixed >../python/smtpgw/config/fixed.toml"
    numbers = {row["name"]: row["value"] for row in tomllib.loads(written)["fixed"]}
    # A few of them as anybody may read them there: what reads them reads rightly.
    assert numbers["smtp::limits::DOMAIN"] == 255
    assert numbers["smtp::limits::swallowed_content"] == 256 << 20
    assert numbers["gateway::pace::STALL"] == 180
    assert numbers["gateway::tls::resumption::TICKET_LIFETIME"] == 12 * 3_600


def test_what_is_no_test_is_found() -> None:
    assert lost("tests/test_proof.py::test_what_is_no_test_is_found") is None
    assert lost("rust/smtpgw-gateway/src/pace.rs::a_client_below_the_rate_runs_out_of_time") is None
    assert lost("rust/smtpgw-gateway/src/pace.rs::advance")
    assert lost("tests/test_proof.py::claims")
    assert lost("tests/test_proof.py")
    assert lost("tests/nowhere.py::test_it")

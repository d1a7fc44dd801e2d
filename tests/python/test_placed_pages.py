"""Pages whose header says from where they come."""

import pytest

from smtpgw import SmtpgwError
from smtpgw.inspectors.urls.inner import PLACES, placed
from smtpgw.testing import make_part

PAGE = "<a href='x'>y</a>"


def below(places: list[str]) -> list[str]:
    header = [("Content-Location" if at % 2 else "Content-Base", place) for at, place in enumerate(places)]
    return list(placed(make_part(PAGE, header=header).header, PAGE))


def test_a_page_stands_below_each_of_its_places_once():
    assert below(["https://bad.example/", "https://bad.example/", "cid:a", "relative"]) == [
        f'<base href="https://bad.example/">{PAGE}'
    ]


def test_the_page_is_not_made_as_often_as_a_header_has_fields():
    assert len(below([f"https://{at}.example/" for at in range(PLACES)])) == PLACES
    with pytest.raises(SmtpgwError, match="more than"):
        below([f"https://{at}.example/" for at in range(PLACES + 1)])

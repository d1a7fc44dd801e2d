"""Names of XML that stand for texts: followed as far as anybody writes them, and told where they go further."""

import pytest

from smtpgw import SmtpgwError
from smtpgw.inspectors.urls.lines import ENTITIES_DEEP, ENTITIES_MORE, put_together
from smtpgw.testing import make_part


def shown(names: list[tuple[str, str]], text: str) -> str:
    declared = "".join(f'<!ENTITY {name} "{meant}">' for name, meant in names)
    page = f"<!DOCTYPE svg [{declared}]><svg>{text}</svg>"
    [resolved] = put_together(make_part(page.encode(), media_type="image/svg+xml"), page)
    return resolved


def chain(length: int) -> list[tuple[str, str]]:
    return [("n0", "https://bad.example/"), *((f"n{at}", f"&n{at - 1};") for at in range(1, length))]


def test_names_within_names_are_followed_and_too_many_are_told():
    assert "<svg>https://bad.example/</svg>" in shown(chain(ENTITIES_DEEP), f"&n{ENTITIES_DEEP - 1};")
    with pytest.raises(SmtpgwError, match="deep"):
        shown(chain(3 * ENTITIES_DEEP), f"&n{3 * ENTITIES_DEEP - 1};")


def test_what_all_names_stand_for_is_bounded_and_not_each_round_anew():
    long = "x" * 1_000
    assert len(shown([("a", long)], "&a;" * 900)) > 900_000
    # Three rounds, none of which adds more than the text has by then.
    doubling = [("c", "&b;&b;"), ("b", "&a;&a;"), ("a", "xxxxxx")]
    with pytest.raises(SmtpgwError, match="more than"):
        shown(doubling, "-" * 2 * ENTITIES_MORE + "&c;" * (ENTITIES_MORE // 5))

"""A change by somebody who has not seen the newest state is refused."""

from __future__ import annotations

import pytest
from fastapi import Response

from dsw.base import View
from dsw.errors import Invalid, PreconditionFailed
from dsw_control.api.conditions import tagged
from dsw_control.etags import check_match, etag


class Thing(View):
    name: str
    size: int = 0


BEFORE, NOW = Thing(name="a"), Thing(name="a", size=1)


def test_the_tag_changes_with_anything_that_is_shown() -> None:
    assert etag(BEFORE) == etag(Thing(name="a"))
    assert etag(BEFORE) != etag(NOW)
    response = Response()
    assert tagged(response, NOW) is NOW
    assert response.headers["etag"] == etag(NOW)
    assert not etag(NOW).startswith("W/"), "only strong tags may stand in If-Match"


@pytest.mark.parametrize(
    "header", [None, "*", " * ", etag(NOW), f'"x", {etag(NOW)}', f"{etag(BEFORE)},{etag(NOW)}"]
)
def test_a_change_goes_through_when_the_object_is_as_it_was_seen(header: str | None) -> None:
    check_match(header, NOW)


@pytest.mark.parametrize("header", [etag(BEFORE), f"W/{etag(NOW)}", '"x", "y"', '""'])
def test_a_change_of_something_else_is_refused_and_the_sentence_says_what_to_do(
    header: str,
) -> None:
    with pytest.raises(PreconditionFailed, match="Read it again, then send your change") as refused:
        check_match(header, NOW)
    assert refused.value.status == 412


@pytest.mark.parametrize("header", ["", "abc", etag(NOW).strip('"'), '*, "x"', '"a" "b"', 'w/"a"'])
def test_what_is_no_list_of_tags_is_refused_as_such(header: str) -> None:
    with pytest.raises(Invalid, match="quotes included"):
        check_match(header, NOW)

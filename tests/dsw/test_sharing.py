"""Who may visit an instance, for any shares and members."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dsw.sharing import EVERYBODY, Access, visitors

NAMES = st.sampled_from(["ada", "bob", "cy", "dot"])
SHARES = st.lists(
    st.tuples(st.one_of(st.just(EVERYBODY), NAMES), st.sampled_from(Access)), max_size=6
)
MEMBERS = st.dictionaries(NAMES, st.booleans())


@given(owner=NAMES, shares=SHARES, members=MEMBERS)
def test_only_members_other_than_the_owner_visit(
    owner: str, shares: list[tuple[str, Access]], members: dict[str, bool]
) -> None:
    found = visitors(owner, shares, members)
    assert set(found) <= set(members) - {owner}
    for name, access in found.items():
        given_to = {how for user, how in shares if user in (name, EVERYBODY)}
        assert given_to
        assert (access is Access.FULL) == (Access.FULL in given_to and members[name])


@given(owner=NAMES, shares=SHARES, members=MEMBERS)
def test_all_shares_end_with_the_owners_membership(
    owner: str, shares: list[tuple[str, Access]], members: dict[str, bool]
) -> None:
    members.pop(owner, None)
    assert visitors(owner, shares, members) == {}


@given(owner=NAMES, shares=SHARES, members=MEMBERS, access=st.sampled_from(Access))
def test_one_share_more_takes_nothing_from_anybody(
    owner: str, shares: list[tuple[str, Access]], members: dict[str, bool], access: Access
) -> None:
    before = visitors(owner, shares, members)
    after = visitors(owner, [*shares, (EVERYBODY, access)], members)
    assert set(before) <= set(after)
    assert all(after[name] is how for name, how in before.items() if how is Access.FULL)
    assert set(after) == (set(members) - {owner} if owner in members else set())

"""Which paths stay out of an image, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw_agent.exclusions import SECRETS, Exclusions, Verdict


@pytest.mark.parametrize("home", ["", "root/", "home/ann/", "mnt/workspace/", "opt/a\nb/"])
@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_known_in_any_home(home: str, secret: str) -> None:
    path = home + secret.replace("*", "default")
    assert Exclusions().verdict(path) is Verdict.SECRET


@pytest.mark.parametrize(
    "path",
    [
        "opt/run",
        "etc/hosts.allow",
        "etc",
        "home/ann/.sshd",
        "home/ann/x.ssh",
        "home/ann/.docker",
        "home/ann/.docker/config.json.bak",
        "home/ann/.ipython/profile_a/b/history.sqlite",
        "usr/lib/netrc",
    ],
)
def test_what_only_resembles_a_rule_is_kept(path: str) -> None:
    assert Exclusions(["/mnt/data"], ["*.o"]).verdict(path) is Verdict.KEEP


@pytest.mark.parametrize("point", ["/mnt/data/set", "/mnt/data/set/", "//mnt//data/./set"])
def test_mount_points_are_run_time(point: str) -> None:
    exclusions = Exclusions([point])
    assert exclusions.verdict("mnt/data/set") is Verdict.RUNTIME
    assert exclusions.verdict("mnt/data/settled") is Verdict.KEEP


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.ckpt", "opt/a/b.ckpt", True),
        ("*.ckpt", "opt/a/b.ckpt.txt", False),
        ("/opt/cache", "opt/cache", True),
        ("/opt/cache", "srv/opt/cache", False),
        ("cache", "srv/opt/cache", True),
        ("/opt/*/tmp", "opt/a/b/tmp", True),
        ("data[0-9]", "data7", True),
    ],
)
def test_patterns_match_whole_paths_or_their_ends(pattern: str, path: str, matches: bool) -> None:
    expected = Verdict.ASKED if matches else Verdict.KEEP
    assert Exclusions([], [pattern]).verdict(path) is expected


@given(st.text(), st.lists(st.text()), st.lists(st.text()))
def test_every_path_and_rule_has_a_verdict(
    path: str, mounts: list[str], patterns: list[str]
) -> None:
    assert Exclusions(mounts, patterns).verdict(path) in Verdict

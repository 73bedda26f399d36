"""Which paths stay out of an image, and why."""

from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw_agent.exclusions import SECRETS, Exclusions, Verdict

TEXT = st.text(alphabet="ab./*?[]!\n", max_size=12)


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


@pytest.mark.parametrize(
    "path",
    [
        "root/.cache/pip",
        "home/ann/.cache/uv",
        "opt/conda/pkgs/numpy-2.3.1-py311_0.conda",
        "opt/conda/pkgs/cache",
        "var/cache/apt/pkgcache.bin",
        "var/cache/apt/archives/curl_7.88_amd64.deb",
        "var/lib/apt/lists/mirror.example_debian_dists_bookworm_InRelease",
        "root/.local/share/Trash",
    ],
)
def test_what_package_managers_download_again_is_left_out(path: str) -> None:
    assert Exclusions().verdict(path) is Verdict.CACHE


@pytest.mark.parametrize(
    "path",
    [
        "var/lib/apt/lists",
        "var/cache/apt/archives",
        "opt/conda/pkgs/numpy-2.3.1-py311_0",
        "opt/var/cache/apt/pkgcache.bin",
        "root/.cache/huggingface",
        "opt/venv/lib/python3.11/site-packages/numpy/__pycache__",
    ],
)
def test_what_takes_long_to_get_again_is_kept(path: str) -> None:
    assert Exclusions().verdict(path) is Verdict.KEEP


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


@given(TEXT, TEXT)
def test_quick_ways_to_match_agree_with_the_plain_one(path: str, pattern: str) -> None:
    path, pattern = path.strip("/"), pattern or "a"
    plain = pattern if pattern.startswith("/") else f"*/{pattern}"
    expected = re.match(fnmatch.translate(plain), f"/{path}") is not None
    assert (Exclusions([], [pattern]).verdict(path) is Verdict.ASKED) == expected


def test_no_pattern_makes_a_comparison_take_for_ever() -> None:
    patterns = ["*a" * 149 + "b", "*" * 299 + "b", "?*" * 149 + "b", "*[a]" * 74 + "b"]
    exclusions = Exclusions([], patterns)
    began = time.process_time()
    for _ in range(10):
        assert exclusions.verdict("a/" * 2000 + "a" * 90) is Verdict.KEEP
    assert time.process_time() - began < 2

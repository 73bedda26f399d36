"""The house rules of text: a changelog that can be read, and nothing of one machine or network."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from tests.docs import pages
from tests.docs.pages import PROJECT

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

# Written so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"/(?:wor[k]|User[s]/[a-z]+)/")
REGISTRIES = re.compile(
    r"\b(?:pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|npmmirro[r]\.com|yarnpk[g]\.com"
    r"|de[b]\.debian\.org|docke[r]\.io/|artifactor[y]|nexu[s]\.)"
)
BINARY = (".png", ".ico", ".woff2")


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRIES], ids=["machine", "registry"])
def test_no_file_names_a_path_of_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    found = {
        name: match.group()
        for name in pages.files()
        if not name.endswith(BINARY)
        and (match := pattern.search((PROJECT / name).read_text("utf-8")))
    }
    assert found == {}


def test_every_line_of_the_changelog_is_below_100_characters() -> None:
    assert all(len(line) < 100 for line in pages.text("CHANGELOG.md").splitlines())


def test_the_changelog_begins_with_what_is_not_released() -> None:
    text = pages.text("CHANGELOG.md")
    releases = re.findall(r"(?m)^## (.+)$", text)
    assert releases[0] == "Unreleased"
    assert set(re.findall(r"(?m)^### (.+)$", text)) <= KINDS


def test_the_project_links_to_pages_by_name_only() -> None:
    """Links to other sites are few and known, so that none is forgotten when it dies."""
    hosts = {
        urlsplit(link).hostname
        for page in pages.pages()
        for link in pages.links(page)
        if "://" in link
    }
    assert hosts <= {"keepachangelog.com"}

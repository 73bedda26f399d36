"""`dsw apply` and `dsw export` against a running control."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from tests.docs import pages
from tests.dsw.terminals import Terminal
from tests.polling import eventually

from dsw.client.applying import Applier
from dsw.client.workspace_state import read_state
from dsw.errors import Conflict
from dsw.manifest.diff import diff
from dsw.manifest.read import read
from dsw.manifest.state import wanted
from dsw.workspaces import WorkspaceChange

NUMBERS = count(1)
PAGE = "docs/operators/workspaces-as-code.md"

Apply = Callable[..., str]


@pytest.fixture
def name() -> str:
    """A workspace that does not exist yet."""
    return f"vision-{next(NUMBERS)}"


@pytest.fixture
def apply(dsw: Terminal, tmp_path: Path, name: str) -> Apply:
    """Applies a file about the workspace; answers what is printed."""

    def run(text: str, *words: str, who: str = "root") -> str:
        file = tmp_path / "workspace.yaml"
        file.write_text(f"kind: Workspace\nname: {name}\n{text}")
        return dsw.ok("apply", "-f", str(file), *(words or ("--yes",)), who=who)

    return run


TEXT = """
display_name: Vision team
policy: {sudo: false, max_priority: {reviewer: 3}}
roles:
  reviewer: {actions: [workspace.read, image.read]}
members:
  ada: [owner]
  bob: [developer, reviewer]
  cleo: {roles: [guest], disabled: true}
quotas:
  gpus: {limits: {gpus: {A100: 1}, memory: 64GiB}, per_role: {reviewer: {instances: 0}}}
code_sources:
  models: {url: 'https://git.example.org/m.git', ref: main}
"""


def test_a_workspace_is_made_and_then_there_is_nothing_to_do(
    dsw: Terminal, apply: Apply, name: str
) -> None:
    said = apply(TEXT)
    assert f"+ workspace {name}: display_name" in said
    assert "+ member bob: roles [developer, reviewer]" in said
    assert "no change" in apply(TEXT)
    members = {item["username"]: item for item in dsw.json("members", "list", "-w", name)}
    assert set(members) == {"ada", "bob", "cleo"}
    assert members["cleo"]["disabled"] is True
    policy = dsw.json("workspaces", "show", name)["policy"]
    assert policy["max_priority"]["reviewer"] == 3
    [quota] = dsw.json("quotas", "show", "gpus", "-w", name)
    assert quota["quota"]["limits"]["memory"] == 64 * 1024**3
    assert [item["directory"] for item in dsw.json("code", "list", "-w", name)] == ["m"]


def test_a_dry_run_changes_nothing(dsw: Terminal, apply: Apply, name: str) -> None:
    assert f"+ workspace {name}" in apply(TEXT, "--dry-run")
    assert "There is no workspace" in dsw.refused("workspaces", "show", name)


def test_it_asks_on_a_terminal_and_elsewhere_wants_yes(
    dsw: Terminal, apply: Apply, name: str, tmp_path: Path
) -> None:
    apply("members: {ada: [owner]}")
    words = ("apply", "-f", str(tmp_path / "workspace.yaml"))
    (tmp_path / "workspace.yaml").write_text(
        f"kind: Workspace\nname: {name}\ndescription: changed\n"
    )
    assert "Give --yes." in dsw.refused(*words)
    assert dsw(*words, typed="n\n").status == 1
    assert dsw.json("workspaces", "show", name)["description"] == ""
    assert "Make 1 change?" in dsw.ok(*words, typed="y\n")
    assert dsw.json("workspaces", "show", name)["description"] == "changed"


def test_standard_input_is_read_and_may_describe_several(dsw: Terminal, name: str) -> None:
    documents = [f"kind: Workspace\nname: {name}-{each}\n" for each in "ab"]
    said = dsw.ok("apply", "-f", "-", "--yes", piped="---\n".join(documents))
    assert said.count("1 change") == 2
    text = dsw.ok("workspaces", "list")
    assert f"{name}-a" in text
    assert f"{name}-b" in text


def test_what_is_not_listed_goes_only_with_prune(dsw: Terminal, apply: Apply, name: str) -> None:
    apply(TEXT)
    less = "members: {ada: [owner]}\nroles: {}\ncode_sources: {}\n"
    assert "no change" in apply(less)
    said = apply("prune: true\npolicy: {max_priority: {owner: 9}}\n" + less + "quotas: {gpus: {}}")
    assert "- member bob" in said
    assert "- role reviewer" in said
    assert "- code source models" in said
    assert [item["username"] for item in dsw.json("members", "list", "-w", name)] == ["ada"]
    assert dsw.json("code", "list", "-w", name) == []
    assert "reviewer" not in dsw.ok("roles", "list", "-w", name)


def test_what_is_exported_changes_nothing(dsw: Terminal, apply: Apply, name: str) -> None:
    apply(TEXT)
    dsw.ok("credentials", "add", "git", *GIT, "-w", name, piped="s3cret\n")
    code = ("code", "add", "private", "https://git.example.org/p.git", "--credential", "git")
    dsw.ok(*code, "-w", name)
    text = dsw.ok("export", name)
    assert "s3cret" not in text
    assert "credential: git" in text
    assert "64GiB" in text
    assert "no change" in dsw.ok("apply", "-f", "-", piped=text)
    assert "no change" in dsw.ok("apply", "-f", "-", piped=f"{text}prune: true\n")


GIT = ("--kind", "git", "--host", "git.example.org", "--secret-file", "-")


def test_an_exported_workspace_can_be_made_anew_under_another_name(
    dsw: Terminal, apply: Apply, name: str
) -> None:
    apply(TEXT)
    text = dsw.ok("export", name)
    again = text.replace(f"name: {name}\n", f"name: {name}-copy\n")
    dsw.ok("apply", "-f", "-", "--yes", piped=again)
    assert dsw.ok("export", f"{name}-copy") == again


DATA = """
members: {ada: [owner]}
datasets:
  notes: {access: rw, write_roles: [owner, developer], description: What we found}
  tools: {uri: 'git+https://git.example.org/tools.git@v1', labels: {kind: code}}
"""


def test_datasets_are_registered_changed_and_retired(
    dsw: Terminal, apply: Apply, name: str
) -> None:
    assert "+ dataset tools: uri" in apply(DATA)
    assert "no change" in apply(DATA)
    text = dsw.ok("export", name)
    assert "no change" in dsw.ok("apply", "-f", "-", piped=f"{text}prune: true\n")
    with dsw.client() as api:
        first = {item.name: item for item in api.datasets(workspace=name)}
        assert first["notes"].write_roles == ["developer", "owner"]
        assert first["tools"].visibility == "workspace"
        said = apply(DATA.replace("@v1", "@v2").replace("What we", "All we"))
        assert '~ dataset notes: description "What we found" -> "All we found"' in said
        second = {item.name: item for item in api.datasets(workspace=name)}
        assert (second["tools"].id, second["tools"].version) == (first["tools"].id, 2)
        assert second["notes"].version == 1
        # Another kind of place cannot be a version of the same dataset.
        apply("datasets: {tools: {uri: 'file:///mnt/shared/tools'}}")
        third = {item.name: item for item in api.datasets(workspace=name)}
        assert third["tools"].id != first["tools"].id
        assert third["tools"].labels == {"kind": "code"}
        assert "- dataset notes" in apply("prune: true\ndatasets: {tools: {}}")
        assert [item.name for item in api.datasets(workspace=name)] == ["tools"]
    secret = "datasets: {x: {uri: 's3://mine/x', credential: nope}}"
    file = f"kind: Workspace\nname: {name}\n{secret}\n"
    assert "no object-store credentials called 'nope'" in dsw.refused(
        "apply", "-f", "-", "--yes", piped=file
    )


def test_the_default_workspace_is_exported_without_change(dsw: Terminal) -> None:
    text = dsw.ok("export", "default")
    assert "no change" in dsw.ok("apply", "-f", "-", piped=f"{text}prune: true\n")


def test_an_owner_may_give_themselves_up_last(dsw: Terminal, apply: Apply, name: str) -> None:
    apply("members: {ada: [owner]}")
    text = "members: {ada: [guest], zoe: [owner], bob: [developer]}\ndescription: Handed over\n"
    apply(text, who="ada")
    roles = {item["username"]: item["roles"] for item in dsw.json("members", "list", "-w", name)}
    assert roles == {"ada": ["guest"], "zoe": ["owner"], "bob": ["developer"]}


def test_a_refusal_on_the_way_keeps_what_was_done_and_it_can_go_on(
    dsw: Terminal, apply: Apply, name: str, tmp_path: Path
) -> None:
    apply("members: {ada: [owner]}")
    file = tmp_path / "workspace.yaml"
    text = "description: new\nquotas: {local: {limits: {cpu: 99}}}\nmembers: {bob: [guest]}\n"
    file.write_text(f"kind: Workspace\nname: {name}\n{text}")
    said = dsw.refused("apply", "-f", str(file), "--yes", who="ada")
    assert "stopped at: ~ quota local" in said
    assert "given by platform administrators" in said
    assert dsw.json("workspaces", "show", name)["description"] == "new"
    assert "2 changes" in dsw.ok("apply", "-f", str(file), "--yes")
    assert "no change" in dsw.ok("apply", "-f", str(file))


def test_what_changed_since_it_was_shown_is_not_overwritten(
    dsw: Terminal, apply: Apply, name: str
) -> None:
    apply("quotas: {local: {limits: {cpu: 4}}}")
    text = f"kind: Workspace\nname: {name}\ndescription: mine\nquotas: {{local: {{storage: 1}}}}\n"
    document = read(text, "w.yaml")[0]
    with dsw.client() as api:
        current = read_state(api, name)
        assert current is not None
        steps = diff(current, wanted(current, document))
        api.change_workspace(name, WorkspaceChange(display_name="Theirs"))
        dsw.ok("quotas", "set", "local", "--cpu", "8", "-w", name)
        for step in steps:
            with pytest.raises(Conflict, match="has changed since it was looked at"):
                Applier(api, document).do(step)
    assert dsw.json("workspaces", "show", name)["display_name"] == "Theirs"


def test_a_credential_that_is_not_there_is_named(dsw: Terminal, name: str) -> None:
    code = "{url: 'https://git.example.org/m.git', credential: nope}"
    text = f"kind: Workspace\nname: {name}\ncode_sources: {{m: {code}}}\n"
    said = dsw.refused("apply", "-f", "-", "--yes", piped=text)
    assert "no git credentials called 'nope'" in said


def test_an_archived_workspace_is_left_alone(dsw: Terminal, apply: Apply, name: str) -> None:
    apply("description: old")
    dsw.ok("workspaces", "archive", name, "--yes")
    text = f"kind: Workspace\nname: {name}\ndescription: new\n"
    assert "is archived and read-only" in dsw.refused("apply", "-f", "-", "--yes", piped=text)


def test_who_may_not_see_a_workspace_learns_nothing_of_it(
    dsw: Terminal, apply: Apply, name: str
) -> None:
    apply("description: secret")
    text = f"kind: Workspace\nname: {name}\ndescription: taken\n"
    said = dsw.refused("apply", "-f", "-", "--yes", piped=text, who="eve")
    assert "Only platform administrators" in said
    assert "secret" not in said
    assert dsw.json("workspaces", "show", name)["description"] == "secret"


def test_a_mistake_in_the_file_is_told_with_its_line(dsw: Terminal) -> None:
    said = dsw.refused("apply", "-f", "-", piped="kind: Workspace\nname: x\nmember: {}\n")
    assert "standard input: line 3: member is not a known key" in said
    assert "cannot be read" in dsw.refused("apply", "-f", "/nowhere.yaml")


def test_the_file_of_the_page_can_be_applied(dsw: Terminal) -> None:
    [text] = pages.blocks(PAGE, "yaml")
    dsw.ok("apply", "-f", "-", "--yes", piped=text)
    assert "no change" in dsw.ok("apply", "-f", "-", piped=text)
    # Two sections of the page stand in no example: an image needs a registry.
    sections = {row[0] for row in pages.table(PAGE, "key")}
    assert {"roles", "members", "quotas", "code_sources", "images", "datasets", "prune"} <= sections


def test_a_killed_apply_is_run_again_and_makes_nothing_twice(
    dsw: Terminal, apply: Apply, name: str, tmp_path: Path
) -> None:
    apply("members: {ada: [owner]}")
    members = "".join(f"  user-{number:02}: [guest]\n" for number in range(40))
    sources = "".join(
        f"  m{number}: {{url: 'https://h.example.org/m.git'}}\n" for number in range(9)
    )
    file = tmp_path / "workspace.yaml"
    file.write_text(f"kind: Workspace\nname: {name}\nmembers:\n{members}code_sources:\n{sources}")
    for seen in (3, 12, 30):
        process = dsw.started("apply", "-f", str(file), "--yes")
        with dsw.client() as api:
            assert eventually(lambda wanted=seen: len(api.members(name)) >= wanted, 30, every=0.01)
        process.kill()
        process.communicate()
    dsw.ok("apply", "-f", str(file), "--yes")
    assert len(dsw.json("members", "list", "-w", name)) == 41
    assert len(dsw.json("code", "list", "-w", name)) == 9
    assert "no change" in dsw.ok("apply", "-f", str(file))

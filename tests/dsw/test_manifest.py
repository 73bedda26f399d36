"""Workspaces as files: what is read, what it changes, and how a workspace is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsw.datasets import DataAccess
from dsw.errors import Invalid
from dsw.images import ImageLabels, Visibility
from dsw.manifest.diff import Part, advance, diff
from dsw.manifest.document import RegistryEntry, WorkspaceDocument
from dsw.manifest.read import read
from dsw.manifest.state import (
    CodeState,
    DatasetState,
    ImageState,
    MemberState,
    Settings,
    WorkspaceState,
    nothing,
    wanted,
)
from dsw.manifest.write import write
from dsw.quota import Band, Limits, Quota
from dsw.roles import PLATFORM, Action, Role
from dsw.snapshots import SnapshotPolicy
from dsw.workspaces import IdleRule, Policy, RolePut

HEAD = "kind: Workspace\nname: vision\n"

VISION = WorkspaceState(
    name="vision",
    settings=Settings(display_name="Vision", policy=Policy(sudo=False)),
    roles={"reviewer": RolePut(actions=[Action.CODE_READ, Action.IMAGE_READ])},
    quotas={"local": Quota(limits=Limits(cpu=8, gpus={"A100": 2}), per_member=Limits(instances=3))},
    members={
        "ada": MemberState(roles=["owner"]),
        "bob": MemberState(roles=["developer"]),
        "eve": MemberState(roles=["guest"], by_groups=True),
    },
    code_sources={"models": CodeState(url="https://git.example.org/m.git", directory="m")},
    images={"torch": ImageState(reference="registry.example.org/torch:2.9")},
)


def document(text: str) -> WorkspaceDocument:
    """The one document that begins like all."""
    return read(HEAD + text, "w.yaml")[0]


def lines(text: str, current: WorkspaceState = VISION, caller: str = "") -> list[str]:
    """What applying the document would say."""
    steps = diff(current, wanted(current, document(text)), caller)
    return [f"{step.sign} {step.text}" for step in steps]


def test_what_is_not_mentioned_is_left_alone() -> None:
    assert lines("") == []
    assert lines("members: {bob: [developer]}") == []
    assert lines("policy: {max_run_minutes: 60}") == [
        "~ workspace vision: policy.max_run_minutes 0 -> 60"
    ]
    assert lines("quotas: {local: {limits: {memory: 64GiB}}}") == [
        "~ quota local: limits.memory none -> 64 GiB"
    ]


def test_a_null_lifts_a_limit_and_a_zero_forbids() -> None:
    assert lines("quotas: {local: {limits: {cpu: null, gpus: {A100: 0}}}}") == [
        "~ quota local: limits.cpu 8 -> none, limits.gpus.A100 2 -> 0"
    ]


def test_each_kind_of_change_is_one_line() -> None:
    text = """
display_name: Vision and speech
roles:
  trainer: {actions: [instance.use.own]}
members:
  cleo: [developer, operator]
  bob: {roles: [developer], disabled: true}
code_sources:
  models: {url: https://git.example.org/m.git, ref: v2}
images:
  jax: {reference: registry.example.org/jax:1}
datasets:
  pets: {uri: 's3://data/pets', labels: {domain: vision}}
  notes: {}
"""
    assert lines(text) == [
        "+ role trainer: actions [instance.use.own]",
        '~ workspace vision: display_name Vision -> "Vision and speech"',
        "~ code source models: ref none -> v2",
        "+ image jax: reference registry.example.org/jax:1, visibility workspace",
        "+ dataset notes: access ro, write_roles [admin, owner], visibility workspace",
        "+ dataset pets: uri s3://data/pets, labels.domain vision, access ro, write_roles "
        "[admin, owner], visibility workspace",
        "~ member bob: disabled no -> yes",
        "+ member cleo: roles [developer, operator]",
    ]


def test_a_registry_is_set_changed_and_by_null_given_up() -> None:
    text = "registry: {address: r.example.org, repository: team, credential: robot}"
    [line] = lines(text)
    assert line.startswith("+ registry r.example.org: address r.example.org, repository team")
    has = wanted(VISION, document(text))
    assert lines("members: {}", has) == []
    more = "registry: {address: r.example.org, repository: team/saved}"
    assert lines(more, has) == ["~ registry r.example.org: repository team -> team/saved"]
    other = "registry: {address: other.example.org, repository: team}"
    assert lines(other, has)[0].endswith(
        "address r.example.org -> other.example.org, credential robot -> none"
    )
    assert lines("registry: null", has) == ["- registry r.example.org"]


def test_the_keys_of_saving_are_changed_one_by_one() -> None:
    text = "policy: {snapshots: {secrets: block, exclude: ['*.ckpt']}}"
    assert lines(text) == [
        "~ workspace vision: policy.snapshots.exclude [] -> [*.ckpt], "
        "policy.snapshots.secrets warn -> block"
    ]


def test_nothing_is_removed_without_prune() -> None:
    text = "members: {ada: [owner]}\nroles: {}\ncode_sources: {}\nimages: {}\n"
    assert lines(text) == []
    assert lines(text + "prune: true") == [
        "- member bob",
        "- code source models",
        "- image torch",
        "- role reviewer",
    ]


def test_prune_leaves_sections_alone_that_are_not_in_the_file() -> None:
    assert lines("prune: true") == []
    assert lines("prune: true\nmembers:\n") == []


def test_prune_leaves_members_that_come_from_groups() -> None:
    kept = lines("prune: true\nmembers: {ada: [owner]}")
    assert "- member eve" not in kept
    assert kept == ["- member bob"]


def test_prune_makes_the_tables_of_a_quota_what_the_file_says() -> None:
    grown = "quotas: {local: {limits: {gpus: {L4: 1}}}}\n"
    assert lines(grown) == ["~ quota local: limits.gpus.L4 none -> 1"]
    assert lines(grown + "prune: true") == [
        "~ quota local: limits.gpus.A100 2 -> none, limits.gpus.L4 none -> 1"
    ]


def test_owners_are_made_before_others_lose_anything_and_oneself_last() -> None:
    text = "members: {ada: [guest], zoe: [owner], bob: [guest]}\nprune: true\nroles: {}"
    assert [line.split(":")[0] for line in lines(text, caller="ada")] == [
        "+ member zoe",
        "~ member bob",
        "- role reviewer",
        "~ member ada",
    ]


def test_a_new_workspace_comes_first() -> None:
    goal = wanted(nothing("vision"), document("members: {ada: [owner]}\npolicy: {sudo: false}"))
    steps = diff(None, goal)
    assert (steps[0].part, steps[0].sign) == (Part.WORKSPACE, "+")
    assert [step.key for step in steps] == ["vision", "ada"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("polcy: {}", "line 3: polcy is not a known key; known here: code_sources, datas"),
        ("policy:\n  sudo: false\n  sudu: true", "line 5: policy.sudu is not a known key; known"),
        ("quotas:\n  local:\n    limits:\n      ram: 1", "line 6: quotas.local.limits.ram is not"),
        ("members:\n  bob:\n    role: [x]", "line 5: members.bob.role is not a known key"),
        ("members:\n  bob: [Owner]", "line 4: members.bob.roles.0: String should match pattern"),
        ("members:\n  bob: [1.0]", "line 4: members.bob.roles.0: this must be a text; write it in"),
        ("members:\n  a/b: [owner]", "line 4: members.a/b: The user name 'a/b' cannot be used"),
        ("display_name: 1.0", "line 3: display_name: this must be a text; write it in quotes"),
        ("roles:\n  owner: {actions: []}", "line 4: roles.owner: 'owner' is a built-in role"),
        ("roles:\n  x:\n    actions: [fly]", "line 5: roles.x.actions.0: Input should be"),
        ("images: {a: {reference: A b}}", "line 3: images.a.reference: "),
        ("code_sources: {a: {url: 'https://u:p@h/x'}}", "line 3: code_sources.a.url: "),
        ("images: {a: {reference: h/x, secret: y}}", "images.a.secret is not a known key"),
        ("name: other", "line 3: name stands there twice"),
        ("policy: &a {}\nroles: *a", "line 3: anchors and aliases are not read"),
        ("policy: {", "line 3: this is not YAML: "),
        ("? [a]\n: b", "line 3: a key is a word"),
        ("policy: !!python/object:os.system {}", "line 3: tag:yaml.org,2002:python/object:os."),
        ("description: 2026-01-01", "line 3: tag:yaml.org,2002:timestamp is not read"),
        ("images: {a: {reference: h/x, visibility: private}}", "images.a.visibility"),
        ("registry:\n  address: a\n  repo: b", "line 5: registry.repo is not a known key"),
        ("registry: {address: a, repository: b, insecure: true}", "for a registry on localhost"),
        ("datasets: {a: {uri: 'file:///a/../b'}}", "datasets.a.uri: The path 'a/../b' cannot be"),
        ("datasets: {A: {}}", "datasets.A: String should match pattern"),
        ("datasets: {a: {visibility: private}}", "datasets.a.visibility"),
        ("datasets: {a: {host_path: /etc}}", "datasets.a.host_path is not a known key; known"),
        ("policy: {snapshots: {keep: 3}}", "policy.snapshots.keep is not a known key; known"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        document(text)
    assert refused.value.sentence.startswith("w.yaml: ")
    assert sentence in refused.value.sentence


def test_lines_are_those_of_the_whole_file() -> None:
    with pytest.raises(Invalid, match=r"w\.yaml: line 6: polcy is not a known key"):
        read(f"{HEAD}---\nkind: Workspace\nname: other\npolcy: 1\n", "w.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "w.yaml is empty"),
        ("---\n---\n", "w.yaml is empty"),
        ("- kind: Workspace", "w.yaml: line 1: this is not a document"),
        ("kind: Job\nname: x", "kind: Input should be 'Workspace'"),
        (f"{HEAD}---\n{HEAD}", "the workspace 'vision' stands there twice"),
    ],
)
def test_a_file_that_is_no_workspace_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        read(text, "w.yaml")


def test_users_may_be_called_like_numbers_and_booleans() -> None:
    found = document("members: {007: [owner], no: [guest], null: [guest], 1.0: [guest]}")
    assert list(found.members or {}) == ["007", "no", "null", "1.0"]


def test_several_documents_are_several_workspaces() -> None:
    found = read(f"{HEAD}---\nkind: Workspace\nname: speech\n", "w.yaml")
    assert [each.name for each in found] == ["vision", "speech"]


def test_an_image_is_meant_by_its_full_reference() -> None:
    assert lines("images: {torch: {reference: 'Registry.Example.org:443/torch:2.9'}}") == []


def test_a_directory_is_the_repositorys_name_unless_it_is_given() -> None:
    code = "code_sources: {models: {url: 'https://git.example.org/m.git', directory: ''}}"
    assert lines(code) == []


# Everything that a file can say, in few names so that things meet.

NAMES = st.sampled_from(["a", "b", "cc", "1", "no", "Ünï", "x y"])
ROLE_NAMES = st.sampled_from(["rev", "train"])
LIMITS: st.SearchStrategy[Limits] = st.builds(
    Limits,
    instances=st.none() | st.integers(0, 3),
    cpu=st.none() | st.integers(0, 8).map(lambda halves: halves / 2),
    memory=st.none() | st.sampled_from([0, 1, 1024, 3 * 1024**3]),
    gpus=st.dictionaries(st.sampled_from(["*", "A100"]), st.integers(0, 2)),
)
QUOTAS = st.builds(
    Quota,
    limits=LIMITS,
    storage=st.none() | st.integers(0, 3),
    per_member=LIMITS,
    members=st.dictionaries(NAMES, LIMITS, max_size=2),
    per_role=st.dictionaries(ROLE_NAMES, LIMITS, max_size=2),
    per_band=st.dictionaries(st.sampled_from(Band), LIMITS, max_size=2),
)
POLICIES = st.builds(
    Policy,
    images=st.lists(st.sampled_from(["official", "custom"]), max_size=2),
    sudo=st.booleans(),
    specs=st.dictionaries(ROLE_NAMES, st.lists(st.just("small"), max_size=1)),
    max_priority=st.dictionaries(ROLE_NAMES, st.integers(1, 9)),
    idle=st.builds(IdleRule, minutes=st.integers(0, 2)),
    snapshots=st.builds(
        SnapshotPolicy,
        exclude=st.lists(st.sampled_from(["*.log", "/opt/data"]), max_size=2),
        secrets=st.sampled_from(["warn", "block"]),
        keep_last=st.integers(0, 6),
    ),
    on_removal=st.sampled_from(["stop", "delete"]),
)
ROLES = st.builds(
    RolePut,
    description=st.sampled_from(["", "some words"]),
    actions=st.sets(st.sampled_from(sorted(set(Action) - PLATFORM)[:4])).map(sorted),
)
MEMBERS = st.builds(
    MemberState,
    roles=st.sets(st.sampled_from([*Role, "rev"]), min_size=1).map(sorted),
    disabled=st.booleans(),
    by_groups=st.booleans(),
)
CODES = st.builds(
    CodeState,
    url=st.sampled_from(["https://h/one.git", "https://h/two.git"]),
    ref=st.sampled_from(["", "v1"]),
    directory=st.sampled_from(["one", "d/e"]),
    credential=st.none() | st.just("git"),
)
IMAGES = st.builds(
    ImageState,
    reference=st.sampled_from(["h.example.org/a:1", "h.example.org/b:latest"]),
    description=st.sampled_from(["", "words: of it"]),
    labels=st.builds(ImageLabels, python=st.sampled_from(["", "3.12"])),
    visibility=st.sampled_from([Visibility.WORKSPACE, Visibility.PUBLIC]),
)
DATASETS = st.builds(
    DatasetState,
    uri=st.sampled_from(["", "file:///data/a", "s3://data/b", "git+https://h/x@main"]),
    storage_class=st.sampled_from(["", "nas"]),
    credential=st.none() | st.just("key"),
    description=st.sampled_from(["", "words: of it"]),
    labels=st.dictionaries(st.sampled_from(["domain", "a/b"]), st.sampled_from(["", "1.0"])),
    access=st.sampled_from(DataAccess),
    write_roles=st.sets(st.sampled_from([*Role, "rev"])).map(sorted),
    mount_path=st.sampled_from(["", "/data/a"]),
    visibility=st.sampled_from([Visibility.WORKSPACE, Visibility.PUBLIC]),
)
REGISTRIES = st.builds(
    RegistryEntry,
    address=st.sampled_from(["localhost:5000", "r.example.org"]),
    repository=st.sampled_from(["team", "team/saved"]),
    credential=st.none() | st.just("robot"),
    compression=st.sampled_from(["gzip", "zstd"]),
)
STATES = st.builds(
    WorkspaceState,
    name=st.just("vision"),
    settings=st.builds(
        Settings,
        display_name=st.sampled_from(["Vision", "1.0", "Дом"]),
        description=st.sampled_from(["", "line\nline"]),
        policy=POLICIES,
    ),
    registry=st.none() | REGISTRIES,
    roles=st.dictionaries(ROLE_NAMES, ROLES),
    quotas=st.dictionaries(st.sampled_from(["local", "gpu"]), QUOTAS),
    members=st.dictionaries(NAMES, MEMBERS, max_size=3),
    code_sources=st.dictionaries(NAMES, CODES, max_size=2),
    images=st.dictionaries(NAMES, IMAGES, max_size=2),
    datasets=st.dictionaries(st.sampled_from(["pets", "a.b-c", "1"]), DATASETS, max_size=2),
)


def done(current: WorkspaceState | None, goal: WorkspaceState, caller: str = "") -> Any:
    """The state after all steps."""
    state = current
    for step in diff(current, goal, caller):
        state = advance(state, step)
    return state


@settings(deadline=None)
@given(STATES, STATES, NAMES)
def test_the_steps_lead_to_what_is_wanted_and_then_there_are_none(
    current: WorkspaceState, goal: WorkspaceState, caller: str
) -> None:
    assert done(current, goal, caller) == goal
    assert diff(goal, goal, caller) == []
    assert done(None, goal, caller) == goal


@settings(deadline=None)
@given(STATES, STATES)
def test_every_step_says_something_of_its_own(
    current: WorkspaceState, goal: WorkspaceState
) -> None:
    steps = diff(current, goal)
    assert len({step.text for step in steps}) == len(steps)
    assert all(" -> " in step.text for step in steps if step.sign == "~")


@settings(deadline=None)
@given(STATES, STATES, st.booleans(), st.integers(0, 20))
def test_a_file_can_be_applied_again_after_a_break(
    current: WorkspaceState, other: WorkspaceState, prune: bool, stop_after: int
) -> None:
    file = read(write(other) + f"prune: {prune}\n", "w.yaml")[0]
    goal = wanted(current, file)
    state = current
    for step in diff(current, goal)[:stop_after]:
        state = advance(state, step)
    finished = done(state, wanted(state, file))
    assert finished == goal
    assert diff(finished, wanted(finished, file)) == []


@settings(deadline=None)
@given(STATES)
def test_what_is_exported_changes_nothing(state: WorkspaceState) -> None:
    for prune in (False, True):
        file = read(write(state) + f"prune: {prune}\n", "w.yaml")[0]
        assert diff(state, wanted(state, file)) == []


@settings(deadline=None)
@given(STATES)
def test_what_is_exported_makes_the_same_workspace_anew(state: WorkspaceState) -> None:
    goal = wanted(nothing("vision"), read(write(state) + "prune: true\n", "w.yaml")[0])
    groups = {
        name: each.model_copy(update={"by_groups": False}) for name, each in state.members.items()
    }
    assert goal == state.model_copy(update={"members": groups})


def test_images_of_single_members_are_not_exported() -> None:
    private = ImageState(reference="h/x:1", visibility=Visibility.PRIVATE)
    assert "mine" not in write(VISION.model_copy(update={"images": {"mine": private}}))

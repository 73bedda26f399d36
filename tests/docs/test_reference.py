"""The tables of the pages say what the code says."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from tests.docs import pages
from tests.docs.pages import PROJECT

from dsw.errors import DswError
from dsw.instances import Desired, InstanceState, Reason
from dsw.lifecycle import ContainerView, Facts, HubView, next_step
from dsw.roles import PERMISSIONS, PLATFORM, Action, Role
from dsw.snapshots import SnapshotState
from dsw.workspaces import Policy
from dsw_agent.exclusions import RUNTIME, SECRETS
from dsw_control.openapi import document
from dsw_spawners.docker_args import CAPABILITIES_OF_SUDO
from dsw_spawners.hub_traits import SERVER_TOKEN_SCOPES
from workbench import reference

ARCHITECTURE = "docs/developers/architecture.md"
API = "docs/developers/api.md"
INSTANCES = "docs/users/instances.md"
SAVING = "docs/users/save-as-image.md"
SECURITY = "docs/operators/security.md"
WORKSPACES = "docs/users/workspaces.md"


def test_the_reference_of_settings_is_as_the_settings_are() -> None:
    page = reference.PAGE.read_text("utf-8")
    assert page == reference.updated(page, reference.settings_reference()), "Run: scripts/docs"
    assert "| `installation` |" in page


def test_every_setting_has_a_description() -> None:
    for title, model in reference.sections(reference.Settings):
        for name, field in model.model_fields.items():
            is_table = reference._table(field)[0] is not None
            assert is_table or field.description, f"{title} {name}"


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def test_the_layers_are_those_that_are_checked() -> None:
    (checked,) = (each["layers"] for each in contracts() if each["type"] == "layers")
    (written,) = pages.blocks(ARCHITECTURE, "layers")
    assert written.splitlines() == checked


def test_every_package_is_in_the_table_of_folders() -> None:
    wheel = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    packages = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = {row[0] for row in pages.table(ARCHITECTURE, "folder")}
    assert set(packages) <= named


def facts_of(row: list[str]) -> Facts:
    wanted, hub, container, state, others = row[:5]
    given: dict[str, Any] = {"desired": Desired(wanted), "hub": HubView(hub)}
    given |= {"container": ContainerView(container), "state": InstanceState(state)}
    for word in filter(None, others.split(", ")):
        key, _, value = word.partition("=")
        given[key] = value or True
    return Facts.model_validate(given)


def test_the_reconcilers_table_is_what_it_does() -> None:
    rows = pages.table(ARCHITECTURE, "wanted")
    assert len(rows) > 10
    for row in rows:
        step = next_step(facts_of(row))
        assert [step.do, step.state, step.reason] == row[5:], row


def test_the_api_page_has_every_route_and_no_other() -> None:
    served = {
        f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item
    }
    assert {row[0] for row in pages.table(API, "route")} == served


def test_the_api_page_has_the_code_of_every_error() -> None:
    named = {(row[0], row[1].strip("`")) for row in pages.table(API, "status")}
    local = {"ConfigError", "RemoteError"}
    for error in DswError.__subclasses__():
        if error.__module__ == "dsw.errors" and error.__name__ not in local:
            assert (str(error.status), error.code) in named, error


def test_every_state_and_reason_is_explained_to_users() -> None:
    states = {word for row in pages.table(INSTANCES, "state") for word in row[0].split(", ")}
    assert states == {state.value for state in InstanceState}
    reasons = {row[0] for row in pages.table(INSTANCES, "reason")}
    assert reasons == {reason.value for reason in Reason} - {""}


def test_the_table_of_roles_is_the_role_table() -> None:
    rows = pages.table(WORKSPACES, "action")
    assert [row[0] for row in rows] == [action for action in Action if action not in PLATFORM]
    for action, _, *cells in rows:
        allowed = {role for role, cell in zip(Role, cells, strict=True) if cell == "yes"}
        assert allowed == {role for role in Role if action in PERMISSIONS[role]}, action
        assert set(cells) <= {"yes", ""}
    (heading,) = re.findall(r"(?m)^\| action \| .*$", pages.text(WORKSPACES))
    assert heading.strip("| ").split(" | ")[2:] == [*Role]
    assert [row[0] for row in pages.table(WORKSPACES, "role")] == [*Role]


def test_what_is_the_platforms_is_told() -> None:
    rows = pages.table(WORKSPACES, "platform action")
    assert {row[0] for row in rows} == PLATFORM


def test_every_key_of_a_policy_is_explained() -> None:
    assert {row[0] for row in pages.table(WORKSPACES, "key")} == set(Policy.model_fields)


def test_every_state_of_a_snapshot_is_explained_to_users() -> None:
    states = {row[0] for row in pages.table(SAVING, "state")}
    assert states == {state.value for state in SnapshotState}


@pytest.mark.parametrize("path", RUNTIME)
def test_what_is_left_out_of_images_is_told(path: str) -> None:
    # Docker's marker file is of no interest to users.
    assert path == ".dockerenv" or f"`/{path}`" in pages.text(SAVING)


def test_every_kind_of_secret_that_is_left_out_is_told() -> None:
    told = pages.text(SAVING)
    kinds = re.compile(r"history|histfile|huggingface|jupyter/runtime")
    for secret in SECRETS:
        assert kinds.search(secret) or f"`{secret}`" in told, secret


def test_the_rights_of_instances_are_told() -> None:
    spans = set(pages.spans(SECURITY))
    assert set(CAPABILITIES_OF_SUDO) <= spans
    assert set(SERVER_TOKEN_SCOPES) <= spans

"""Routes of stored credentials. No answer has a secret in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from dsw.images import CredentialCreate, CredentialView
from dsw.roles import Action
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.assets import credentials

router = APIRouter(prefix="/credentials", tags=["credentials"])


@router.get("", **does(Action.IMAGE_ADD))
async def list_credentials(
    control: ControlDep,
    caller: CallerDep,
    page: PageDep,
    workspace: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[CredentialView]:
    """The credentials that you may name when you add an image or a code source."""
    items, following = await credentials.list_credentials(control, caller, workspace, page)
    return Page(items=items, next=following)


@router.post("", status_code=201, **does(Action.CREDENTIAL_MANAGE))
async def create_credential(
    control: ControlDep, caller: CallerDep, body: CredentialCreate, once: OnceDep
) -> CredentialView:
    """Keep a user name and a secret for one host."""
    return await credentials.create_credential(control, caller, body, once)


@router.delete("/{credential_id}", status_code=204, **does(Action.CREDENTIAL_MANAGE))
async def delete_credential(
    control: ControlDep,
    caller: CallerDep,
    credential_id: Annotated[str, Path(max_length=80)],
) -> None:
    """Forget one that no image and no code source uses."""
    await credentials.delete_credential(control, caller, credential_id)

"""The tokens that control signs for its registry: who gets them, and what the registry lets in."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.dsw_control.registry_worlds import PASSWORD, USER, TokenWorld, token_world
from tests.pushes import MANIFEST, digest_of, image_config, manifest_of

from dsw.agent import AgentTarget
from dsw.plan import RegistryLogin
from dsw.references import parse_reference
from dsw.secret_files import REGISTRY_KEY, SecretFiles
from dsw_control import registry_access
from dsw_control.assets import registry
from dsw_control.assets.registry_writes import check_push, delete, set_tag
from dsw_control.transfer_access import grants_of, password_of

OURS, OTHERS = "dsw/ws-ours", "dsw/ws-others"
WRITE = "pull,push,delete"


@pytest.fixture
async def world(
    make_api: Any, start_registry: Callable[..., str], tmp_path: Path, migrated_url: str
) -> AsyncIterator[TokenWorld]:
    """A registry that trusts a control."""
    async with token_world(make_api, start_registry, tmp_path, migrated_url) as made:
        yield made


async def push(world: TokenWorld, token: str, repository: str, tag: str = "v1") -> str:
    """Push a small image; its digest."""
    config = image_config({"Env": [f"A={repository}"]})
    for blob in (config, b"layer"):
        begun = await world.at(token, "POST", f"{repository}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        place = f"{begun.headers['location']}&digest={digest_of(blob)}"
        assert (await world.at(token, "PUT", place, content=blob)).status_code == 201
    body = manifest_of(config, b"layer")
    headers = {"Content-Type": MANIFEST}
    path = f"{repository}/manifests/{tag}"
    put = await world.at(token, "PUT", path, content=body, headers=headers)
    assert put.status_code == 201, put.text
    return digest_of(body)


async def may(world: TokenWorld, token: str, repository: str) -> tuple[bool, bool]:
    """Whether a token reads and writes there."""
    read = await world.at(token, "GET", f"{repository}/tags/list")
    write = await world.at(token, "POST", f"{repository}/blobs/uploads/")
    return read.status_code in (200, 404), write.status_code == 202


async def test_the_registry_takes_a_token_for_its_repository_and_for_no_other(
    world: TokenWorld,
) -> None:
    token = await world.good_token(f"repository:{OURS}:{WRITE}")
    digest = await push(world, token, OURS)
    assert await may(world, token, OURS) == (True, True)
    assert await may(world, token, OTHERS) == (False, False)
    assert (await world.at(token, "GET", "_catalog")).status_code == 401
    reading = await world.good_token(f"repository:{OURS}:pull")
    assert await may(world, reading, OURS) == (True, False)
    assert (await world.at(reading, "DELETE", f"{OURS}/manifests/{digest}")).status_code == 401
    assert (await world.at(token, "DELETE", f"{OURS}/manifests/{digest}")).status_code == 202


@pytest.mark.parametrize(
    "scope",
    [
        "repository:outside/of/it:pull",
        "repository:dsw:pull,push",
        "repository:dswx/ws-ours:pull",
        "repository:dsw/../outside:pull",
        "repository:dsw/ws-ours/../../outside:pull",
        "repository:DSW/ws-ours:pull",
        "repository(plugin):dsw/ws-ours:pull",
        "registry:catalog:*",
        "repository:dsw/ws-ours:admin",
        "repository::pull",
        "nonsense",
    ],
)
async def test_a_token_opens_nothing_that_is_not_below_the_prefix(
    world: TokenWorld, scope: str
) -> None:
    token = await world.good_token(scope)
    access = jwt.decode(token, options={"verify_signature": False})["access"]
    assert [one for one in access if one["actions"]] == []


async def test_a_wrong_password_gives_nothing_and_many_of_them_a_pause(world: TokenWorld) -> None:
    scope = f"repository:{OURS}:pull"
    for login in (None, (USER, ""), (USER, "guess"), ("", PASSWORD), ("other", PASSWORD)):
        refused = await world.token(scope, login=login)
        assert refused.status_code == 401
        assert "token" not in refused.json()
        assert refused.headers["cache-control"] == "no-store"
        assert refused.headers["www-authenticate"].startswith("Basic")
    for _ in range(10):
        await world.token(scope, login=(USER, "guess"))
    assert (await world.token(scope)).status_code == 429
    later = world.api.control.clock() + timedelta(seconds=61)
    world.api.control.clock = lambda: later
    given = await world.token(scope)
    assert given.status_code == 200
    assert given.headers["cache-control"] == "no-store"
    assert given.json()["expires_in"] == 900


async def test_the_token_service_is_not_there_for_people(world: TokenWorld) -> None:
    scope = f"repository:{OURS}:pull"
    through = await world.token(scope, **{"X-Forwarded-For": "203.0.113.9"})
    assert through.status_code == 404


async def test_without_token_authentication_there_is_no_token_service(make_api: Any) -> None:
    api = await make_api()
    answer = await api._http.get("/services/dsw/registry/token", auth=(USER, PASSWORD))
    assert answer.status_code == 404


async def test_a_forged_token_opens_nothing(world: TokenWorld, tmp_path: Path) -> None:
    token = await world.good_token(f"repository:{OURS}:{WRITE}")
    claims = jwt.decode(token, options={"verify_signature": False})
    other = SecretFiles(tmp_path / "elsewhere")
    forger = registry.signer_for(
        world.api.control.settings.model_copy(update={"data_dir": str(tmp_path / "elsewhere")})
    )
    assert forger is not None
    theirs = jwt.encode(claims, other.read(REGISTRY_KEY), algorithm="ES256")
    unsigned = jwt.encode(claims, None, algorithm="none")
    for bad in (theirs, unsigned, forger.token(USER, []).text, f"{token[:-4]}AAAA"):
        assert await may(world, bad, OURS) == (False, False)


async def test_control_itself_reads_tags_and_deletes_by_its_own_tokens(world: TokenWorld) -> None:
    token = await world.good_token(f"repository:{OURS}:{WRITE}")
    digest = await push(world, token, OURS)
    login = RegistryLogin(username=USER, secret=PASSWORD)
    pinned = parse_reference(f"{world.registry}/{OURS}@{digest}")
    settings = world.api.control.settings
    async with registry.opened(settings, pinned.host, login) as there:
        assert (await there.image(pinned, "linux/amd64")).digest == digest
        await check_push(there, pinned.host, OURS)
        assert await set_tag(there, pinned, "stable") == 201
        tagged = parse_reference(f"{world.registry}/{OURS}:stable")
        assert (await there.image(tagged, "linux/amd64")).digest == digest
        assert await delete(there, pinned) == 202
        assert not await there.has(tagged)


async def test_an_agent_gets_a_token_for_its_repository_and_never_the_password(
    world: TokenWorld, tmp_path: Path
) -> None:
    control = world.api.control
    target = AgentTarget(
        kind="registry",
        tag="snap-x",
        repository=f"{world.registry}/{OURS}",
        base=f"{world.registry}/dsw/base@{digest_of(b'x')}",
        insecure=True,
    )
    login = RegistryLogin(username=USER, secret=PASSWORD)
    access = await registry_access.access_for(control, login, target)
    given = registry_access.hand_over(control, "snap-x", target, access)
    assert (given.username, given.password) == ("", "")
    assert given.token_file == "/request/token"
    file = tmp_path / "run" / "agents" / "snap-x" / "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in given.model_dump_json() + file.read_text()
    token = file.read_text()
    assert await may(world, token, OURS) == (True, True)
    assert await may(world, token, "dsw/base") == (True, False)
    assert await may(world, token, OTHERS) == (False, False)


async def test_a_helpers_login_is_good_for_a_transfer_that_runs_and_no_longer(
    world: TokenWorld,
) -> None:
    control = world.api.control
    for name in ("xfer-aaaaaaaaaaaa", "snap-aaaaaaaaaaaa", USER):
        assert await grants_of(control, name, password_of(control, name)) is None
    answer = await world.token(
        f"repository:{OURS}:pull",
        login=("xfer-aaaaaaaaaaaa", password_of(control, "xfer-aaaaaaaaaaaa")),
    )
    assert answer.status_code == 401

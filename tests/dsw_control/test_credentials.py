"""Stored credentials: kept encrypted, sent to their own host, shown to nobody."""

from __future__ import annotations

import io
import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import structlog
from sqlalchemy import select, text
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.catalogs import (
    DEVELOPER,
    GUEST,
    OWNER,
    ROOMY,
    SPECS,
    STRANGER,
    Catalog,
)
from tests.dsw_control.odd_registries import says, served
from tests.pushes import INSTANCE, image_config, push

from dsw.errors import ConfigError, Conflict
from dsw.secret_files import VAULT, SecretFiles
from dsw_control.assets import credentials
from dsw_control.assets.credentials import secret_of
from dsw_control.assets.images import login_for
from dsw_control.assets.vault import Vault
from dsw_control.records.idempotency import request_hash
from dsw_control.store.tables import Credential, IdempotencyKey, Image

AUTH = '\nauth: {{htpasswd: {{realm: tests, path: "{file}"}}}}\n'
USER, SECRET = "robot-of-the-team", "s3cret-of-the-tests"

MakeCatalog = Callable[..., Awaitable[Catalog]]


@pytest.fixture
async def catalog(make_api: Any, start_registry: Callable[..., str], tmp_path: Path) -> Catalog:
    """A catalog whose registry wants a password."""
    file = tmp_path / "htpasswd"
    hashed = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(5)).decode()
    file.write_text(f"{USER}:{hashed}\n")
    address = start_registry(AUTH.format(file=file))
    own = {"address": address, "insecure": True}
    api = await make_api(specs=SPECS, resource_groups=ROOMY, registry=own)
    push(address, "closed:1", image_config(INSTANCE), auth=(USER, SECRET))
    return await Catalog(api, address).fill()


async def test_what_is_kept_of_a_repeated_request_lets_nobody_try_secrets(
    catalog: Catalog,
) -> None:
    content, key = body("ghcr.io"), {"Idempotency-Key": "k"}
    one = await catalog.api.send(OWNER, "POST", "/credentials", content, key)
    two = await catalog.api.send(OWNER, "POST", "/credentials", content, key)
    assert one.json()["id"] == two.json()["id"]
    answer = await catalog.api.send(
        OWNER, "POST", "/credentials", content | {"secret": "another"}, key
    )
    assert answer.status_code == 409
    async with catalog.control.db.read() as session:
        (kept,) = await session.scalars(select(IdempotencyKey.request))
    path = "/services/dsw/api/credentials"
    plain = request_hash("POST", path, json.dumps(content).encode())
    assert kept == catalog.control.vault.blind(plain) != plain


def body(host: str, **more: Any) -> dict[str, Any]:
    """What is sent to store one."""
    fields = {"workspace": "team", "name": "robot", "kind": "registry", "username": USER}
    return fields | {"host": host, "secret": SECRET} | more


async def stored(catalog: Catalog, **more: Any) -> str:
    """The id of a stored credential for the registry."""
    content = body(catalog.registry) | more
    return str((await catalog.api.ok(OWNER, "POST", "/credentials", content))["id"])


async def test_a_member_adds_and_starts_with_a_credential_that_an_admin_stored(
    catalog: Catalog,
) -> None:
    assert (await catalog.add(DEVELOPER, "closed", "closed:1")).status_code == 422
    key = await stored(catalog)
    image = await catalog.added(DEVELOPER, "closed", "closed:1", credential=key)
    assert (await catalog.start(DEVELOPER, image["id"])).status_code == 201
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert checked["available"]
    async with catalog.control.db.read() as session:
        login = await login_for(session, catalog.control, await session.get_one(Image, image["id"]))
    assert login is not None
    assert (login.username, login.secret) == (USER, SECRET)
    assert SECRET not in repr(login)


async def test_a_wrong_password_adds_nothing_and_is_in_no_sentence(catalog: Catalog) -> None:
    key = await stored(catalog, secret="a-wrong-password")
    answer = await catalog.add(DEVELOPER, "closed", "closed:1", credential=key)
    assert answer.status_code == 422
    assert "does not let us read" in answer.json()["detail"]
    assert "a-wrong-password" not in answer.text
    assert "closed" not in await catalog.names(DEVELOPER)


async def test_a_credential_goes_to_no_other_host_than_its_own(catalog: Catalog) -> None:
    with served(lambda *_: says({}, 401, WWW_Authenticate='Basic realm="x"')) as evil:
        key = await stored(catalog)
        catalog.control.settings = catalog.control.settings.model_validate(
            catalog.control.settings.model_dump()
            | {"registry": {"address": evil.address, "insecure": True}}
        )
        body_of_image = {
            "workspace": "team",
            "name": "x",
            "reference": f"{evil.address}/closed:1",
            "credential": key,
        }
        answer = await catalog.api.send(DEVELOPER, "POST", "/images", body_of_image)
        assert answer.status_code == 422
        assert f"is for {catalog.registry} (registry), not for {evil.address}" in answer.text
    assert evil.asked == []
    async with catalog.control.db.read() as session:
        with pytest.raises(Conflict):
            await secret_of(session, catalog.control, key, evil.address)


async def test_a_credential_of_git_opens_no_registry(catalog: Catalog) -> None:
    key = await stored(catalog, kind="git")
    answer = await catalog.add(DEVELOPER, "x", "closed:1", credential=key)
    assert answer.status_code == 422
    assert "(git), not for" in answer.json()["detail"]


async def test_credentials_of_another_workspace_answer_404_and_stay(catalog: Catalog) -> None:
    key = await stored(catalog)
    there = {"workspace": "other", "name": "x", "reference": f"{catalog.registry}/closed:1"}
    for content in (there | {"credential": key}, there | {"credential": "cred-aaaaaaaaaaaa"}):
        answer = await catalog.api.send(STRANGER, "POST", "/images", content)
        assert answer.status_code == 404
    # Not even for somebody who may use it where it belongs.
    await catalog.api.ok(STRANGER, "PUT", "/workspaces/other/members/bob", {"roles": ["admin"]})
    answer = await catalog.api.send(DEVELOPER, "POST", "/images", there | {"credential": key})
    assert answer.status_code == 404
    assert (await catalog.api.send(STRANGER, "DELETE", f"/credentials/{key}")).status_code == 404
    assert (await catalog.api.ok(STRANGER, "GET", "/credentials"))["items"] == []
    answer = await catalog.api.send(STRANGER, "GET", "/credentials?workspace=team")
    assert answer.status_code == 404
    assert len((await catalog.api.ok(OWNER, "GET", "/credentials"))["items"]) == 1


async def test_admins_store_and_delete_and_members_only_name_them(catalog: Catalog) -> None:
    key = await stored(catalog)
    for who in (DEVELOPER, GUEST):
        answer = await catalog.api.send(who, "POST", "/credentials", body("ghcr.io"))
        assert answer.status_code == 403
        assert (await catalog.api.send(who, "DELETE", f"/credentials/{key}")).status_code == 403
    (seen,) = (await catalog.api.ok(DEVELOPER, "GET", "/credentials?workspace=team"))["items"]
    assert seen["id"] == key
    assert set(seen) == {
        *("id", "workspace_id", "name", "kind", "host", "username", "owner", "created_at")
    }
    answer = await catalog.api.send(GUEST, "GET", "/credentials?workspace=team")
    assert answer.status_code == 403
    assert (await catalog.api.ok(GUEST, "GET", "/credentials"))["items"] == []
    await catalog.api.ok(OWNER, "DELETE", f"/credentials/{key}")
    assert (await catalog.api.ok(OWNER, "GET", "/credentials"))["items"] == []


async def test_a_credential_that_is_needed_stays(catalog: Catalog) -> None:
    key = await stored(catalog)
    image = await catalog.added(DEVELOPER, "closed", "closed:1", credential=key)
    answer = await catalog.api.send(OWNER, "DELETE", f"/credentials/{key}")
    assert answer.status_code == 409
    assert "is used by the image 'closed'" in answer.json()["detail"]
    await catalog.api.ok(DEVELOPER, "DELETE", f"/images/{image['id']}")
    await catalog.api.ok(OWNER, "DELETE", f"/credentials/{key}")
    git = await stored(catalog, kind="git", host="git.example.org")
    source = {
        "workspace": "team",
        "name": "model",
        "url": "https://git.example.org/team/model.git",
        "credential": git,
    }
    await catalog.api.ok(OWNER, "POST", "/code-sources", source)
    answer = await catalog.api.send(OWNER, "DELETE", f"/credentials/{git}")
    assert answer.status_code == 409
    assert "is used by the code source 'model'" in answer.json()["detail"]


async def test_hosts_are_stored_by_one_name(catalog: Catalog) -> None:
    for given, kept in (("Index.Docker.io", "docker.io"), ("GHCR.io:443", "ghcr.io")):
        made = await catalog.api.ok(OWNER, "POST", "/credentials", body(given))
        assert made["host"] == kept
    for wrong in ("https://ghcr.io", "ghcr.io/team", "user@ghcr.io", "ghcr.io\n"):
        answer = await catalog.api.send(OWNER, "POST", "/credentials", body(wrong))
        assert answer.status_code == 422
        assert SECRET not in answer.text


async def test_the_secret_appears_nowhere(
    catalog: Catalog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
    try:
        key = await stored(catalog)
        image = await catalog.added(DEVELOPER, "closed", "closed:1", credential=key)
        shown = [
            (await catalog.api.send(who, "GET", path)).text
            for who in (OWNER, ADMIN)
            for path in (
                "/credentials",
                "/images",
                f"/images/{image['id']}",
                f"/images/{image['id']}/lineage",
                "/audit?workspace=team",
            )
        ]
        once = {"Idempotency-Key": "k"}
        await catalog.api.send(OWNER, "POST", "/credentials", body("ghcr.io"), once)
        bad = body("ghcr.io", workspace="nowhere")
        shown.append((await catalog.api.send(OWNER, "POST", "/credentials", bad)).text)
        shown.append((await catalog.api.send(OWNER, "POST", "/credentials", bad | {"x": 1})).text)
        shown.append(
            (await catalog.api.send(OWNER, "POST", "/credentials", bad | {"secret": [SECRET]})).text
        )
    finally:
        structlog.reset_defaults()
    text_of_log = log.getvalue() + "".join(capfd.readouterr())
    assert "path=/services/dsw/api/credentials" in text_of_log
    for place in (*shown, text_of_log):
        assert SECRET not in place
    for content in await database_bytes(catalog, tmp_path):
        assert SECRET.encode() not in content
        assert b"robot-of-the-team" in content, "one looks at the right place"


async def database_bytes(catalog: Catalog, tmp_path: Path) -> list[bytes]:
    """All that the database has: SQLite's file, PostgreSQL's rows as text."""
    db = catalog.control.db
    if db.is_sqlite:
        with sqlite3.connect(tmp_path / "control.sqlite") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return [(tmp_path / "control.sqlite").read_bytes()]
    async with db.read() as session:
        names = await session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        rows = [
            str(row)
            for name in list(names)
            for row in await session.scalars(text(f'SELECT t::text FROM "{name}" t'))
        ]
    return ["\n".join(rows).encode()]


async def test_keys_can_be_replaced_one_after_the_other(catalog: Catalog, tmp_path: Path) -> None:
    key = await stored(catalog)
    file = tmp_path / "secrets" / VAULT
    assert file.stat().st_mode & 0o777 == 0o600
    old, new = file.read_text().strip(), secrets.token_hex(32)

    async def secret() -> str:
        async with catalog.control.db.read() as session:
            return (await secret_of(session, catalog.control, key, catalog.registry))[1]

    async def sealed() -> str:
        async with catalog.control.db.read() as session:
            row = await session.scalar(select(Credential.secret))
            assert row is not None
            return row

    before = await sealed()
    await credentials.renew(catalog.control)
    assert await sealed() == before, "nothing to renew"
    file.write_text(f"{new}\n{old}\n")
    catalog.control.vault = Vault(SecretFiles(tmp_path).get(VAULT))
    assert await secret() == SECRET
    await credentials.renew(catalog.control)
    assert await sealed() != before
    catalog.control.vault = Vault(new)
    assert await secret() == SECRET
    catalog.control.vault = Vault(secrets.token_hex(32))
    with pytest.raises(Conflict, match="a key that is not in vault-key any more"):
        await secret()
    await credentials.renew(catalog.control)
    catalog.control.vault = Vault(new)
    assert await secret() == SECRET, "a lost key destroys nothing"


@pytest.mark.parametrize("text", ["", "\n", "abc", "zz" * 32, f"{'a' * 64}\n{'a' * 62}"])
def test_a_key_file_that_holds_no_keys_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="vault-key"):
        Vault(text)

"""The requests that control is measured by, and what came of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from control_client import Answer, Client
from control_world import Place, World

READERS = 2
"""Requests that are under way at once while reads are measured."""

STARTERS = 32
"""Users who start instances at once."""

OWN = "list: one's own instances"
TEAM = "list: all of a workspace, by its admin"
PAGES = "list: page after page of 50, by an admin"
GET = "get: one instance"
LISTS = (OWN, TEAM, PAGES)
STARTS, STOPS = "admissions", "stops"


@dataclass(frozen=True)
class Plan:
    """How many reads of each kind, and how many starts."""

    reads: int = 400
    starts: int = 1000


@dataclass
class Measured:
    """Seconds of each read by its kind, starts and stops a second, and how many seconds of CPU
    control spent on one of each, its loops included."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """The keys of the JSON object: milliseconds, of lists those of the slowest kind."""
        p95 = {what: at(sorted(seconds), 0.95) for what, seconds in self.seconds.items()}
        return {
            "list_p95_ms": round(max(p95[what] for what in LISTS) * 1000, 1),
            "get_p95_ms": round(p95[GET] * 1000, 1),
            "admissions_per_s": round(self.rates[STARTS], 1),
        }


def at(ordered: Sequence[float], part: float) -> float:
    """The value below which this part of the values is."""
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


async def measure(world: World, plan: Plan, cpu: Callable[[], float]) -> Measured:
    """Reads first, then starts until all are admitted, then their stops. `cpu` tells how many
    seconds control has used."""
    measured = Measured()

    @contextmanager
    def counted(what: str, count: int = 0) -> Iterator[None]:
        began = cpu()
        yield
        measured.cpu[what] = (cpu() - began) / (count or len(measured.seconds[what]))

    chosen = random.Random(5)
    admins = [place for place in world.places if place.admin]

    def own() -> tuple[str, str]:
        return chosen.choice(world.places).user, "/instances"

    def team() -> tuple[str, str]:
        place = chosen.choice(admins)
        return place.user, f"/instances?all=true&workspace={place.workspaces[0]}"

    def one() -> tuple[str, str]:
        key = chosen.choice(world.instances)
        return world.owners[key], f"/instances/{key}"

    for what, ask in ((OWN, own), (TEAM, team), (GET, one)):
        with counted(what):
            measured.seconds[what] = await _reads(world, ask, plan.reads)
    with counted(PAGES):
        measured.seconds[PAGES] = await _pages(world, admins, plan.reads)
    with counted(STARTS, plan.starts):
        measured.rates[STARTS], made = await _starts(world, plan.starts, chosen)
    with counted(STOPS, plan.starts):
        measured.rates[STOPS] = await _stops(world, made)
    return measured


async def _reads(world: World, ask: Callable[[], tuple[str, str]], count: int) -> list[float]:
    seconds: list[float] = []

    async def read(client: Client) -> None:
        user, path = ask()
        seconds.append(_good(await client.send(user, "GET", path)).seconds)

    await _share(world, READERS, count, read)
    return seconds


async def _pages(world: World, admins: list[Place], count: int) -> list[float]:
    """The pages of what an admin sees in all of their workspaces."""
    seconds: list[float] = []

    async def read(client: Client) -> None:
        place = admins[len(seconds) % len(admins)]
        cursor: str | None = ""
        while cursor is not None:
            path = f"/instances?all=true&limit=50{cursor}"
            answer = _good(await client.send(place.user, "GET", path))
            seconds.append(answer.seconds)
            cursor = answer.content["next"] and f"&cursor={answer.content['next']}"

    await _share(world, READERS, max(count // 4, 1), read)
    return seconds


async def _starts(
    world: World, count: int, chosen: random.Random
) -> tuple[float, list[tuple[str, str]]]:
    """Admissions a second, and owner and id of what was made."""
    made: list[tuple[str, str]] = []
    async with _client(world) as client:
        images = _good(await client.send(world.places[0].user, "GET", "/images")).content["items"]
    spec = world.settings.specs[0].name

    async def start(client: Client) -> None:
        place = chosen.choice(world.places)
        body = {
            "workspace": place.workspaces[0],
            "display_name": "Measured",
            "image": images[0]["id"],
            "spec": spec,
        }
        answer = _good(await client.send(place.user, "POST", "/instances", body))
        if answer.content["state"] == "Queuing":
            raise RuntimeError(f"not admitted: {answer.content['message']}")
        made.append((place.user, answer.content["id"]))

    began = time.perf_counter()
    await _share(world, STARTERS, count, start)
    return count / (time.perf_counter() - began), made


async def _stops(world: World, made: list[tuple[str, str]]) -> float:
    left = list(made)

    async def stop(client: Client) -> None:
        user, key = left.pop()
        _good(await client.send(user, "POST", f"/instances/{key}/stop"))

    began = time.perf_counter()
    await _share(world, STARTERS, len(made), stop)
    return len(made) / (time.perf_counter() - began)


async def _share(
    world: World, clients: int, count: int, do: Callable[[Client], Awaitable[Any]]
) -> None:
    """Do it `count` times, by so many clients at once."""
    left = count

    async def work(client: Client) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await do(client)

    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(_client(world)) for _ in range(clients)]
        async with asyncio.TaskGroup() as group:
            for client in opened:
                group.create_task(work(client))


def _client(world: World) -> Client:
    settings = world.settings
    return Client(settings.control.port, f"{settings.service_prefix}api")


def _good(answer: Answer) -> Answer:
    if answer.status >= 400:
        raise RuntimeError(f"{answer.status}: {answer.content}")
    return answer

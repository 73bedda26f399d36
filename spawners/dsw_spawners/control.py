"""How the hub talks to control's internal routes, and what each answer means."""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from dsw.errors import RemoteError, Unavailable
from dsw.events import PhaseReport
from dsw.plan import LaunchPlan, PlanRequest

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
SECONDS = 60.0
"""For an answer: before it tells the plan, control mounts the datasets of the instance."""


class Control:
    """Client of `POST /internal/...` at `url` with the hub's token."""

    def __init__(self, url: str, token: str, timeout: float = SECONDS) -> None:
        self._url = url
        # Control is on this host or this cluster: a proxy for the internet must not see its token.
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            trust_env=False,
        )

    async def plan(self, request: PlanRequest) -> LaunchPlan:
        """May this server start, and how? `RemoteError` with control's sentence when not."""
        answer = await self._post("/internal/plans", request.model_dump(mode="json"))
        if answer.is_error:
            raise _refusal(answer)
        try:
            return LaunchPlan.model_validate_json(answer.content)
        except ValidationError as error:
            raise RemoteError(
                502, "invalid_plan", "The control service answered with a plan that is not one."
            ) from error

    async def report(self, instance_id: str, report: PhaseReport) -> None:
        """Hand over a report; `Unavailable` when control may take it later."""
        answer = await self._post(
            f"/internal/instances/{instance_id}/reports", report.model_dump(mode="json")
        )
        if answer.status_code in TRANSIENT:
            raise Unavailable(f"The control service answered {answer.status_code}.")
        if answer.is_error:
            raise _refusal(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, path: str, body: object) -> httpx.Response:
        try:
            return await self._http.post(path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The control service does not answer at {self._url}.",
                "Try again in a minute; if it stays so, an administrator has to look at it.",
            ) from error


def _refusal(answer: httpx.Response) -> RemoteError:
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return RemoteError(
            502,
            "control_refused",
            "The control service refuses the hub's token: both have to read it from the same "
            "data_dir.",
        )
    try:
        problem = answer.json()
        return RemoteError(answer.status_code, str(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return RemoteError(
            answer.status_code,
            "control_failed",
            f"The control service answered {answer.status_code} without a reason.",
        )

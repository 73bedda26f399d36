"""The life of an instance as one total table: what to do next, given what is wanted and seen.

Pure: the reconciler of control gathers the facts, asks `next_step`, does the one step and asks
again. Killing any process between two steps loses nothing, because every fact is read anew.
"""

from __future__ import annotations

from enum import StrEnum

from dsw.base import Model
from dsw.instances import AT_REST, IS_STARTING, IS_UP, Desired, InstanceState, Reason

MAX_ATTEMPTS = 3


class HubView(StrEnum):
    """What the hub says of the named server."""

    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    UNKNOWN = "unknown"


class ContainerView(StrEnum):
    """What the engine says of the container; `unseen` where an engine has none to show."""

    ABSENT = "absent"
    RUNNING = "running"
    EXITED = "exited"
    UNSEEN = "unseen"
    UNKNOWN = "unknown"


class Facts(Model):
    """All that a decision rests on.

    `failure` is what the spawner reported of the current attempt, `exit_code` and `oom` what the
    engine says of the exited container, `attempts` how often a start was tried without success,
    `saving` whether its container is being read, `settled` whether the hub's answer has been the
    same for long enough to act on silence.
    """

    desired: Desired
    state: InstanceState
    hub: HubView
    container: ContainerView = ContainerView.UNSEEN
    admitted: bool = False
    saving: bool = False
    asked: bool = False
    failure: Reason = Reason.NONE
    exit_code: int | None = None
    oom: bool = False
    attempts: int = 0
    settled: bool = True


class Do(StrEnum):
    """The one thing to do now."""

    WAIT = "wait"
    QUEUE = "queue"
    ASK_HUB_TO_START = "ask_hub_to_start"
    ASK_HUB_TO_STOP = "ask_hub_to_stop"
    ASK_HUB_TO_DELETE = "ask_hub_to_delete"
    STOP_CONTAINER = "stop_container"
    REMOVE_CONTAINER = "remove_container"
    BECOME = "become"
    FORGET = "forget"


class Step(Model):
    """What to do, and the state (with its reason) to show meanwhile or from now on."""

    do: Do
    state: InstanceState
    reason: Reason = Reason.NONE


def next_step(facts: Facts) -> Step:
    """The next step. Total: every combination of facts has an answer (a test proves it)."""
    if facts.desired is Desired.DELETED:
        return _deleted(facts)
    if facts.desired is Desired.STOPPED:
        return _stopped(facts)
    return _running(facts)


def _deleted(facts: Facts) -> Step:
    state = InstanceState.DELETING
    if facts.hub is HubView.UNKNOWN or facts.container is ContainerView.UNKNOWN:
        return Step(do=Do.WAIT, state=state)
    if facts.hub in (HubView.STARTING, HubView.STOPPING):
        return _cut_short(facts, state)
    if facts.saving and not facts.settled:
        # The saving is cancelled, too: what it reads should not be half removed.
        return Step(do=Do.WAIT, state=state)
    if facts.hub is not HubView.ABSENT:
        return Step(do=Do.ASK_HUB_TO_DELETE, state=state)
    if facts.container in (ContainerView.RUNNING, ContainerView.EXITED):
        return Step(do=Do.REMOVE_CONTAINER, state=state)
    return Step(do=Do.FORGET, state=state)


def _stopped(facts: Facts) -> Step:
    if facts.state in AT_REST and facts.hub in (HubView.ABSENT, HubView.STOPPED):
        if facts.container is ContainerView.RUNNING:
            return Step(do=Do.STOP_CONTAINER, state=facts.state)
        return Step(do=Do.WAIT, state=facts.state)
    state = InstanceState.STOPPING
    if facts.hub is HubView.UNKNOWN or facts.container is ContainerView.UNKNOWN:
        return Step(do=Do.WAIT, state=state)
    if facts.hub is HubView.READY:
        return Step(do=Do.ASK_HUB_TO_STOP, state=state)
    if facts.hub in (HubView.STARTING, HubView.STOPPING):
        return _cut_short(facts, state)
    if facts.container is ContainerView.RUNNING:
        return Step(do=Do.STOP_CONTAINER, state=state)
    return Step(do=Do.BECOME, state=InstanceState.STOPPED, reason=Reason.REQUESTED)


def _cut_short(facts: Facts, state: InstanceState) -> Step:
    """The hub does not stop what it is starting; without its container the start ends at once."""
    if facts.hub is HubView.STARTING and facts.container is ContainerView.RUNNING:
        return Step(do=Do.STOP_CONTAINER, state=state)
    return Step(do=Do.WAIT, state=state)


def _running(facts: Facts) -> Step:
    if facts.hub is HubView.UNKNOWN or facts.container is ContainerView.UNKNOWN:
        return Step(do=Do.WAIT, state=facts.state)
    if facts.hub is HubView.READY:
        if facts.state in IS_UP:
            return Step(do=Do.WAIT, state=facts.state)
        return Step(do=Do.BECOME, state=InstanceState.RUNNING)
    if facts.hub in (HubView.STARTING, HubView.STOPPING):
        return Step(do=Do.WAIT, state=_while_hub_works(facts))
    if facts.state in IS_UP:
        return _ended(facts)
    if facts.failure is not Reason.NONE:
        return Step(do=Do.BECOME, state=InstanceState.FAILED, reason=facts.failure)
    if not facts.admitted:
        queued = facts.state is InstanceState.QUEUING
        return Step(do=Do.WAIT if queued else Do.QUEUE, state=InstanceState.QUEUING)
    if facts.asked and not facts.settled:
        return Step(do=Do.WAIT, state=facts.state)
    if facts.attempts >= MAX_ATTEMPTS:
        return Step(do=Do.BECOME, state=InstanceState.FAILED, reason=Reason.TOO_MANY_RESTARTS)
    if facts.saving and facts.state is not InstanceState.RECOVERING:
        # What is read is to stay as it was at the stop.
        return Step(do=Do.WAIT, state=facts.state)
    return Step(do=Do.ASK_HUB_TO_START, state=_first_state(facts))


def _while_hub_works(facts: Facts) -> InstanceState:
    if facts.state in IS_STARTING or facts.hub is HubView.STOPPING:
        return facts.state
    return InstanceState.STARTING


def _first_state(facts: Facts) -> InstanceState:
    if facts.state is InstanceState.RECOVERING:
        return InstanceState.RECOVERING
    return InstanceState.RESOURCE_ALLOCATING


def _ended(facts: Facts) -> Step:
    """The server was up and the hub says that it no longer is: why, and what now?"""
    if facts.container is ContainerView.EXITED and facts.oom and facts.exit_code != 0:
        return Step(do=Do.BECOME, state=InstanceState.FAILED, reason=Reason.OUT_OF_MEMORY)
    if not facts.settled:
        return Step(do=Do.WAIT, state=facts.state)
    if facts.container is ContainerView.UNSEEN:
        return Step(do=Do.BECOME, state=InstanceState.STOPPED, reason=Reason.EXITED)
    if facts.container is ContainerView.EXITED and facts.exit_code == 0:
        return Step(do=Do.BECOME, state=InstanceState.STOPPED, reason=Reason.ENDED_BY_USER)
    if facts.container is ContainerView.EXITED and facts.exit_code not in (137, 143):
        return Step(do=Do.BECOME, state=InstanceState.FAILED, reason=Reason.EXITED)
    if facts.attempts >= MAX_ATTEMPTS:
        return Step(do=Do.BECOME, state=InstanceState.FAILED, reason=Reason.TOO_MANY_RESTARTS)
    # Ended from outside (engine or machine restarted), or the container is gone: bring it back.
    return Step(do=Do.BECOME, state=InstanceState.RECOVERING, reason=Reason.ENGINE_LOST)

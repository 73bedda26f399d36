"""The table of an instance's life: total, and it ends."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.instances import AT_REST, IS_UP, Desired, InstanceState, Reason
from dsw.lifecycle import MAX_ATTEMPTS, ContainerView, Do, Facts, HubView, next_step

FACTS = st.builds(
    Facts,
    desired=st.sampled_from(Desired),
    state=st.sampled_from(InstanceState),
    hub=st.sampled_from(HubView),
    container=st.sampled_from(ContainerView),
    admitted=st.booleans(),
    saving=st.booleans(),
    asked=st.booleans(),
    failure=st.sampled_from([Reason.NONE, Reason.IMAGE_GONE]),
    exit_code=st.sampled_from([None, 0, 1, 137, 143]),
    oom=st.booleans(),
    attempts=st.integers(0, MAX_ATTEMPTS),
    settled=st.booleans(),
)


def test_every_combination_has_an_answer() -> None:
    for desired, state, hub, container in itertools.product(
        Desired, InstanceState, HubView, ContainerView
    ):
        assert next_step(Facts(desired=desired, state=state, hub=hub, container=container))


@given(FACTS)
def test_nothing_is_done_while_the_hub_does_not_answer(facts: Facts) -> None:
    step = next_step(facts.model_copy(update={"hub": HubView.UNKNOWN}))
    assert step.do is Do.WAIT or (facts.desired is Desired.STOPPED and facts.state in AT_REST)


@given(FACTS)
def test_a_start_is_asked_for_only_when_it_is_wanted_admitted_and_not_under_way(
    facts: Facts,
) -> None:
    if next_step(facts).do is Do.ASK_HUB_TO_START:
        assert facts.desired is Desired.RUNNING
        assert facts.admitted
        assert facts.hub in (HubView.ABSENT, HubView.STOPPED)
        assert facts.attempts < MAX_ATTEMPTS
        assert not facts.saving or facts.state is InstanceState.RECOVERING


@given(FACTS)
def test_what_is_being_saved_is_not_removed_at_once(facts: Facts) -> None:
    if facts.saving and not facts.settled:
        assert next_step(facts).do not in (Do.REMOVE_CONTAINER, Do.ASK_HUB_TO_DELETE, Do.FORGET)


@given(FACTS)
def test_nothing_is_removed_unless_its_deletion_is_wanted(facts: Facts) -> None:
    if next_step(facts).do in (Do.REMOVE_CONTAINER, Do.ASK_HUB_TO_DELETE, Do.FORGET):
        assert facts.desired is Desired.DELETED


def up(**change: object) -> Facts:
    """A server that was up, and that the hub now calls stopped."""
    facts = Facts(
        desired=Desired.RUNNING,
        state=InstanceState.RUNNING,
        hub=HubView.STOPPED,
        container=ContainerView.EXITED,
        admitted=True,
    )
    return facts.model_copy(update=change)


@pytest.mark.parametrize(
    ("facts", "state", "reason"),
    [
        (up(exit_code=137, oom=True), InstanceState.FAILED, Reason.OUT_OF_MEMORY),
        (up(exit_code=0), InstanceState.STOPPED, Reason.ENDED_BY_USER),
        (up(exit_code=1), InstanceState.FAILED, Reason.EXITED),
        (up(exit_code=143), InstanceState.RECOVERING, Reason.ENGINE_LOST),
        (up(container=ContainerView.ABSENT), InstanceState.RECOVERING, Reason.ENGINE_LOST),
        (up(exit_code=143, attempts=3), InstanceState.FAILED, Reason.TOO_MANY_RESTARTS),
    ],
)
def test_a_server_that_ended_is_explained(
    facts: Facts, state: InstanceState, reason: Reason
) -> None:
    step = next_step(facts)
    assert (step.do, step.state, step.reason) == (Do.BECOME, state, reason)


class World:
    """A hub and an engine that do what they are asked, one thing a turn."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def turn(self) -> None:
        step = next_step(self.facts)
        change: dict[str, object] = {"state": step.state}
        if step.do is Do.ASK_HUB_TO_START:
            change |= {"hub": HubView.READY, "container": ContainerView.RUNNING, "asked": True}
            change["attempts"] = self.facts.attempts + 1
        elif step.do in (Do.ASK_HUB_TO_STOP, Do.STOP_CONTAINER):
            change |= {"hub": HubView.STOPPED, "container": ContainerView.EXITED}
        elif step.do is Do.ASK_HUB_TO_DELETE:
            change["hub"] = HubView.ABSENT
        elif step.do is Do.REMOVE_CONTAINER:
            change["container"] = ContainerView.ABSENT
        elif step.do in (Do.QUEUE, Do.WAIT) and step.state is InstanceState.QUEUING:
            # The queue has its turn between two of the reconciler's.
            change |= {"admitted": True, "state": InstanceState.RESOURCE_ALLOCATING}
        elif step.do is Do.BECOME and step.state in AT_REST:
            change |= {"desired": Desired.STOPPED, "admitted": False}
        elif step.do is Do.WAIT and self.facts.hub in (HubView.STARTING, HubView.STOPPING):
            change["hub"] = HubView.STOPPED
        if self.facts.hub is HubView.UNKNOWN or self.facts.container is ContainerView.UNKNOWN:
            change |= {"hub": HubView.STOPPED, "container": ContainerView.EXITED}
        # What is being saved was saved, or cancelled, by the next turn.
        change |= {"settled": True, "saving": False}
        self.facts = self.facts.model_copy(update=change)


@given(FACTS)
def test_from_any_situation_the_wanted_one_is_reached(facts: Facts) -> None:
    world = World(facts)
    for _ in range(20):
        world.turn()
    facts = world.facts
    if facts.desired is Desired.DELETED:
        assert next_step(facts).do is Do.FORGET
    elif facts.desired is Desired.RUNNING:
        assert facts.hub is HubView.READY
        assert facts.state in IS_UP
    else:
        assert facts.state in AT_REST
        assert facts.container is not ContainerView.RUNNING

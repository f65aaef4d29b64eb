from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.sandbox.aws.lifecycle import Exit, Life, Part, Stop

STATUSES = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Draw the life of a task with a keeper and workers."""
    times = st.floats(0, 100)
    workers = draw(st.integers(0, 4))
    parts = [Part("keeper", essential=True, depends_on=())]
    parts += [Part(f"worker-{n}", essential=False, depends_on=(("keeper", "START"),)) for n in range(workers)]
    ready_at = draw(times)
    ended = draw(st.lists(st.sampled_from(parts[1:]), unique=True)) if workers else []
    start_failure = draw(st.sampled_from([None, "no image"]))
    # ECS ignores an order to stop a task that has already failed to start.
    stop_at = draw(st.none() | (st.floats(0, ready_at) if start_failure else times))
    return Life(
        parts=tuple(parts),
        created_at=0.0,
        pending_at=draw(st.floats(0, ready_at)),
        ready_at=ready_at,
        dependency_delay=draw(st.floats(0, 5)),
        stop_delay=draw(st.sampled_from([0.0, 3.0])),
        start_failure=start_failure,
        exits={part.name: Exit(ready_at + 5 + draw(times), 0) for part in ended},
        stop=None if stop_at is None else Stop(stop_at, "UserInitiated", ""),
    )


@given(lives(), st.lists(st.floats(0, 300), min_size=2))
def test_no_life_goes_backwards(life: Life, moments: list[float]) -> None:
    """The states of a task and of its containers only ever advance, and a STOPPED task has no running container."""
    order = ["PENDING", "RUNNING", "STOPPED"]
    reached = (0, dict.fromkeys((part.name for part in life.parts), 0))
    for moment in sorted(moments):
        containers = {name: order.index(state.status) for name, state in life.containers(moment).items()}
        status = life.last_status(moment)
        # A task goes back from ACTIVATING to PENDING if containers still wait for their dependencies.
        rank = STATUSES.index("PENDING" if status == "ACTIVATING" else status)
        assert rank >= reached[0]
        assert all(containers[name] >= before for name, before in reached[1].items())
        if status == "STOPPED":
            assert set(containers.values()) == {2}
        reached = (rank, containers)


@given(lives(), st.floats(0, 300))
def test_a_container_has_an_exit_code_only_after_it_ran(life: Life, moment: float) -> None:
    """A container that is still running or never started has none, nor has any container of a failed start."""
    for state in life.containers(moment).values():
        assert (state.exit_code is None) == (state.status != "STOPPED" or state.started_at is None)
        assert life.start_failure is None or state.started_at is None

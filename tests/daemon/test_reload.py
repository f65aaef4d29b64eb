"""SIGHUP on one daemon: each test writes the file that it needs."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.aws import create_cluster, create_queue, eventually, register_template, send_messages, unique
from tests.support.daemon import CLIENT, NOT_TAKEN, SOON, TAKEN, Daemon, Document, configuration, running, scaler
from tests.support.loopback import LoopbackServer, make_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.sandbox.aws import EmbeddedAws

CLUSTER = "main"


@pytest.fixture(scope="module")
def template(shared_aws: EmbeddedAws) -> str:
    """Create the cluster and the template of every scaler; name the template."""
    create_cluster(shared_aws, CLUSTER)
    return register_template(shared_aws, "worker")


@pytest.fixture(scope="module")
def daemon(shared_aws: EmbeddedAws, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon with one scaler, which the tests' files keep or not."""
    create_queue(shared_aws, "first")
    wanted = configuration(shared_aws, scaler("first", template, cluster=CLUSTER))
    with running(tmp_path_factory.mktemp("reload"), wanted) as process:
        yield process
        assert process.stop() == 0


@pytest.fixture
def idle(shared_aws: EmbeddedAws, template: str) -> Callable[..., Document]:
    """Make a scaler of a new, empty queue of the same name."""

    def make(**members: object) -> Document:
        name = unique("scaler")
        create_queue(shared_aws, name)
        return scaler(name, template, cluster=CLUSTER, **members)

    return make


def polls(aws: EmbeddedAws, queue: str) -> int:
    """Count how often a queue was asked for its counts."""
    calls = aws.journal.calls("sqs", "GetQueueAttributes", client=CLIENT)
    return sum(call.parameters["QueueUrl"].endswith(f"/{queue}") for call in calls)


def test_what_a_reload_was_is_kept(shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]) -> None:
    """The past of every scaler says when an edit was refused, and when one was taken."""
    stays = idle()
    daemon.reload(configuration(shared_aws, stays))
    daemon.reload("scalers: []")
    events = json.loads(daemon.get(f"/history?scaler={stays['name']}")[1])["events"]
    assert ["reload", "reload refused"] == [event["event"] for event in events][-2:]


def test_scalers_come_and_go(shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]) -> None:
    """A new scaler is polled at once; a removed one has no series, no status and no poll any more."""
    gone, stays, new = idle(), idle(), idle(poll_interval="1h")
    daemon.reload(configuration(shared_aws, gone, stays))
    eventually(lambda: {gone["name"], stays["name"]} <= daemon.scalers_with_series(), within=SOON)
    eventually(lambda: daemon.last(gone["name"]), within=SOON)
    taken = daemon.reload(configuration(shared_aws, stays, new))
    assert (TAKEN, 2) == (taken["event"], taken["scalers"])
    eventually(lambda: daemon.last(new["name"]), within=SOON)
    eventually(lambda: daemon.scalers_with_series() == {stays["name"], new["name"]}, within=SOON)
    assert [stays["name"], new["name"]] == [each["name"] for each in daemon.status()["scalers"]]
    of_gone, of_stays = polls(shared_aws, gone["name"]), polls(shared_aws, stays["name"])
    eventually(lambda: polls(shared_aws, stays["name"]) >= of_stays + 2, within=SOON)
    assert of_gone == polls(shared_aws, gone["name"])


@pytest.fixture(scope="module")
def busy(shared_aws: EmbeddedAws, daemon: Daemon, template: str) -> Document:
    """Make a scaler whose two tasks run until the end of the module."""
    send_messages(shared_aws, create_queue(shared_aws, "busy").url, 2)
    made = scaler("busy", template, cluster=CLUSTER)
    daemon.reload(configuration(shared_aws, made))
    eventually(lambda: daemon.last("busy").get("running") == 2, within=SOON)
    return made


def test_who_stays_keeps_level_and_cooldowns(
    shared_aws: EmbeddedAws, daemon: Daemon, busy: Document, idle: Callable[..., Document]
) -> None:
    """A changed scaler keeps its level and both cooldowns, launches nothing anew, and its tasks run on."""
    kept = ("level", "launch_cooldown_until", "fall_cooldown_until", "tasks")
    before = {key: daemon.scaler("busy")[key] for key in kept}
    daemon.reload(configuration(shared_aws, idle(), busy | {"max_containers": 7}))
    eventually(lambda: daemon.sample("containers_max", scaler="busy") == 7, within=SOON)
    polled = polls(shared_aws, "busy")
    eventually(lambda: polls(shared_aws, "busy") >= polled + 2, within=SOON)
    assert before == {key: daemon.scaler("busy")[key] for key in kept}
    assert None not in before.values()
    assert 1 == len(daemon.decisions("busy", outcome="launched"))
    tasks = [task for task in shared_aws.ecs.tasks(CLUSTER) if task.group == "busy"]
    assert ["RUNNING", "RUNNING"] == [task.last_status for task in tasks]


def test_tasks_of_a_removed_scaler_run_on(
    shared_aws: EmbeddedAws, daemon: Daemon, busy: Document, idle: Callable[..., Document]
) -> None:
    """A removed scaler's tasks are left alone; when it comes back it finds them and launches nothing beside them."""
    other = idle()
    daemon.reload(configuration(shared_aws, other))
    eventually(lambda: "busy" not in daemon.scalers_with_series(), within=SOON)
    daemon.reload(configuration(shared_aws, busy, other))
    eventually(lambda: daemon.last("busy").get("running") == 2, within=SOON)
    assert ("satisfied", 2) == (daemon.last("busy")["reason"], daemon.scaler("busy")["level"])
    tasks = [task for task in shared_aws.ecs.tasks(CLUSTER) if task.group == "busy"]
    assert ["RUNNING", "RUNNING"] == [task.last_status for task in tasks]


def test_a_changed_interval_is_rescheduled(
    shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]
) -> None:
    """A scaler that was polled every hour is polled every second from the reload on."""
    slow = idle(poll_interval="1h")
    daemon.reload(configuration(shared_aws, slow))
    eventually(lambda: daemon.last(slow["name"]), within=SOON)
    before = polls(shared_aws, slow["name"])
    daemon.reload(configuration(shared_aws, slow | {"poll_interval": "1s"}))
    eventually(lambda: polls(shared_aws, slow["name"]) >= before + 2, within=SOON)


def test_a_bad_file_changes_nothing(shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]) -> None:
    """Every error is logged with its line, the last good configuration ticks on, and a later good one is taken."""
    good = idle()
    assert TAKEN == daemon.reload(configuration(shared_aws, good))["event"]
    taken_at = daemon.sample("config_last_reload_success_timestamp_seconds")
    in_force = daemon.status()["config"]["hash"]
    failures = daemon.sample("config_reloads_total", outcome="failure") or 0
    refused = daemon.reload(configuration(shared_aws, good | {"max_containers": 0, "pol_interval": "1s"}))
    max_line, typo_line = daemon.line_of("max_containers"), daemon.line_of("pol_interval")
    assert (NOT_TAKEN, "error") == (refused["event"], refused["level"])
    assert [
        f"{daemon.config}:{max_line}:19: scalers[0].max_containers: must be at least 1, not 0",
        f"{daemon.config}:{typo_line}:3: scalers[0].pol_interval: is not a known key; did you mean poll_interval?",
    ] == refused["problems"]
    eventually(lambda: daemon.sample("config_last_reload_successful") == 0, within=SOON)
    assert failures + 1 == daemon.sample("config_reloads_total", outcome="failure")
    assert taken_at == daemon.sample("config_last_reload_success_timestamp_seconds")
    shown = daemon.status()["config"]
    assert (in_force, False, "\n".join(refused["problems"])) == (
        shown["hash"],
        shown["last_reload"]["successful"],
        shown["last_reload"]["error"],
    )
    before = polls(shared_aws, good["name"])
    eventually(lambda: polls(shared_aws, good["name"]) >= before + 2, within=SOON)
    assert TAKEN == daemon.reload(configuration(shared_aws, good | {"max_containers": 3}))["event"]
    eventually(lambda: daemon.sample("config_last_reload_successful") == 1, within=SOON)
    assert 3 == daemon.sample("containers_max", scaler=good["name"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("scalers: [", "not YAML"), ("", "empty"), ("\x00" * 100, "not YAML"), ("[" * 100_000, "nested")],
    ids=["not YAML", "empty", "noise", "deep"],
)
def test_a_file_that_is_no_configuration(daemon: Daemon, text: str, complaint: str) -> None:
    """Noise is refused like any other mistake; the daemon answers on."""
    refused = daemon.reload(text)
    assert (NOT_TAKEN, 1) == (refused["event"], len(refused["problems"]))
    assert complaint in refused["problems"][0]
    assert (200, "ok\n") == daemon.get("/healthz")


def test_what_only_a_restart_can_change(shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]) -> None:
    """Another name, slot protocol or address is refused by key and line, and nothing else of the file is taken."""
    changed = configuration(shared_aws, idle(), name="other")
    changed["aws"]["consistency_window"] = "2s"
    changed["server"] = {"host": "127.0.0.1", "port": 8081}
    before = [each["name"] for each in daemon.status()["scalers"]]
    refused = daemon.reload(yaml.safe_dump(changed, sort_keys=False))
    ending = "and cannot change while it runs: restart to take it"
    assert [
        (daemon.line_of("consistency_window"), f"aws.consistency_window: differs from what runs (0.5), {ending}"),
        (daemon.line_of("port"), f"server.port: differs from what runs (0), {ending}"),
        (daemon.line_of("name: other"), f"name: differs from what runs (ecsq), {ending}"),
    ] == sorted(
        ((int(problem.split(":")[1]), problem.split(": ", 1)[1]) for problem in refused["problems"]),
    )
    assert before == [each["name"] for each in daemon.status()["scalers"]]


def test_the_log_follows_the_file(shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]) -> None:
    """A reload changes the level of the log: with warning no decision is logged, and with info they are again."""
    quiet, loud = idle(), idle()
    before = len(daemon.lines())
    daemon.write(configuration(shared_aws, quiet, log={"format": "json", "level": "warning"}))
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: daemon.last(quiet["name"]), within=SOON)
    assert [] == [line for line in daemon.lines()[before:] if line["event"] == "decision"]
    daemon.reload(configuration(shared_aws, quiet, loud))
    eventually(lambda: daemon.decisions(loud["name"]), within=SOON)
    assert [] == daemon.decisions(quiet["name"])


def test_a_cluster_that_is_used_again_is_listed_again(
    shared_aws: EmbeddedAws, daemon: Daemon, idle: Callable[..., Document]
) -> None:
    """Nothing is kept of one that no scaler uses: what lives there by now is found out, as after a restart."""
    moves, first, other = idle(), create_cluster(shared_aws), create_cluster(shared_aws)

    def listings(cluster: str) -> int:
        calls = shared_aws.journal.calls("ecs", "ListTasks", client=CLIENT)
        return sum(call.parameters["cluster"] == cluster for call in calls)

    for cluster, number in ((first, 1), (other, 1), (first, 2)):
        daemon.reload(configuration(shared_aws, moves | {"task": moves["task"] | {"cluster": cluster}}))
        eventually(lambda cluster=cluster, number=number: listings(cluster) == number, within=SOON)


def test_an_edit_that_is_refused_is_told_to_others(daemon: Daemon) -> None:
    """Once, however often it is looked at, and that one was taken after it; the list itself is taken by a reload."""
    good = yaml.safe_load(daemon.config.read_text())
    with LoopbackServer(lambda _: make_answer(b"ok")) as server:
        good["events"] = [{"webhook": f"http://127.0.0.1:{server.port}/events"}]
        bad = good | {"poll_interval": "soon"}
        taken = [daemon.reload(document)["event"] for document in (good, bad, bad, good)]
        assert [TAKEN, NOT_TAKEN, NOT_TAKEN, TAKEN] == taken
        eventually(lambda: len(server.received) >= 2, within=SOON)
        kinds = [json.loads(request.body)["type"] for request in server.received]
        daemon.reload({key: value for key, value in good.items() if key != "events"})
    assert ["configuration_refused", "configuration_taken"] == [kind.rpartition(".")[2] for kind in kinds]

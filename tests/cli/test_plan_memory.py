"""``ecsq plan --from URL``: decided with what a running daemon remembers; and the budget, which all scalers share."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli import daemon_status, main
from controller.core.decision.budget import Place
from controller.core.decision.state import ScalerState
from controller.core.words import format_clock
from controller.scaling.memory import Memory, to_plain
from tests.support.aws import create_cluster, create_queue, eventually, register_template, run_tasks, send_messages
from tests.support.controller import NOBODY_LISTENS
from tests.support.daemon import SOON, Daemon, Document, configuration, running, scaler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

COLD = (
    "Decided like a daemon that has just started. Only a running one knows levels,\n"
    "cooldowns, uncertain launches and whose turn it is: add --from URL."
)


def plan(path: Path, wanted: Document, *arguments: str) -> Result:
    """Run ``ecsq plan`` on a configuration."""
    path.write_text(yaml.safe_dump(wanted))
    return CliRunner().invoke(main, ["plan", "--config", str(path), *arguments])


def explained(text: str, name: str) -> dict[str, str]:
    """Return the lines of a scaler by what they are about."""
    block = next(block for block in text.split("\n\n") if block.startswith(f"scaler {name}\n"))
    return dict(re.findall(r"^  (\w+) +(.*)$", block, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def daemon(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon whose scaler has launched four, and whose level may not fall yet though the work is gone."""
    aws = embedded_aws
    aws.reset()
    create_cluster(aws, "main")
    queue = create_queue(aws, "busy")
    create_queue(aws, "unknown")
    send_messages(aws, queue.url, 4)
    busy = scaler("busy", register_template(aws, "worker"), cluster="main", demand={"messages_per_container": 1})
    with running(tmp_path_factory.mktemp("memory"), configuration(aws, busy)) as process:
        eventually(lambda: process.last("busy").get("running") == 4, within=SOON)
        aws.client("sqs").purge_queue(QueueUrl=queue.url)
        eventually(lambda: process.last("busy").get("backlog") == 0, within=SOON)
        yield process
    aws.reset()


@pytest.fixture
def wanted(embedded_aws: EmbeddedAws, daemon: Daemon) -> Document:
    """Give the daemon's configuration, and a scaler that it does not run."""
    there = yaml.safe_load(daemon.config.read_text())["scalers"]
    return configuration(embedded_aws, *there, scaler("unknown", "worker", cluster="main"))


def test_a_daemons_memory_goes_into_the_decision(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Its level holds until the fall cooldown is over; without it the level is that of a restart."""
    path = tmp_path / "config.yaml"
    warm, cold = plan(path, wanted, "--from", daemon.url), plan(path, wanted)
    assert (0, "", 0, "") == (warm.exit_code, warm.stderr, cold.exit_code, cold.stderr)
    levels = [explained(result.stdout, "busy")["level"].partition(":")[0] for result in (warm, cold)]
    assert ["4", "0"] == levels


def test_it_says_whose_memory_it_is(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Below the scalers, once, with the scalers that the daemon does not run; programs find it at each scaler."""
    path = tmp_path / "config.yaml"
    assert COLD == plan(path, wanted).stdout.rstrip("\n").split("\n\n")[-1]
    assert [
        f"Decided with what the daemon at {daemon.url} remembers.",
        "It does not run unknown: decided as if just started.",
        f"It runs another configuration than {path} holds now.",
    ] == plan(path, wanted, "--from", daemon.url).stdout.rstrip("\n").split("\n\n")[-1].splitlines()
    told = json.loads(plan(path, wanted, "--from", f"{daemon.url}/status", "--json").stdout)
    assert [("busy", True), ("unknown", False)] == [(each["scaler"], each["remembered"]) for each in told]


def test_the_daemons_own_configuration_needs_no_word(daemon: Daemon, tmp_path: Path) -> None:
    """With the file that the daemon runs there is nothing to add."""
    wanted = yaml.safe_load(daemon.config.read_text())
    text = plan(tmp_path / "config.yaml", wanted, "--from", daemon.url).stdout
    assert f"Decided with what the daemon at {daemon.url} remembers.\n" == text.split("\n\n")[-1]


def test_a_daemon_of_another_name_is_refused(daemon: Daemon, wanted: Document, tmp_path: Path) -> None:
    """Its scalers may have the same names, and drive other tasks."""
    result = plan(tmp_path / "config.yaml", wanted | {"name": "nightly"}, "--from", daemon.url)
    assert (1, "") == (result.exit_code, result.stdout)
    expected = f"Error: the daemon at {daemon.url} is the controller ecsq, and this configuration is for nightly\n"
    assert expected == result.stderr


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        pytest.param(NOBODY_LISTENS, f"no daemon answers at {NOBODY_LISTENS}: ", id="nobody"),
        pytest.param("{aws}", "{aws} answers, but {aws}/status is ", id="somebody else"),
        pytest.param("", "'' is not the address of a daemon: write it as http://HOST:PORT", id="empty"),
        pytest.param("ftp://host", "'ftp://host' is not the address of a daemon", id="another protocol"),
        pytest.param("http://host:port", "'http://host:port' is not the address of a daemon", id="no port"),
    ],
)
def test_whoever_is_no_daemon_is_named(
    embedded_aws: EmbeddedAws, wanted: Document, tmp_path: Path, url: str, complaint: str
) -> None:
    """Nothing is decided with a memory that could not be had."""
    result = plan(tmp_path / "config.yaml", wanted, "--from", url.replace("{aws}", embedded_aws.url))
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(f"Error: {complaint.replace('{aws}', embedded_aws.url)}")


def test_a_password_in_the_address_is_not_repeated(wanted: Document, tmp_path: Path) -> None:
    """It is refused before anybody is asked, without being shown."""
    result = plan(tmp_path / "config.yaml", wanted, "--from", "http://somebody:secret@127.0.0.1:1")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "Error: a daemon takes no user and password: write its address as http://HOST:PORT\n" == result.stderr


def test_a_definition_needs_no_memory(wanted: Document, tmp_path: Path) -> None:
    """The two options together are a mistake, and not half ignored."""
    result = plan(tmp_path / "config.yaml", wanted, "--from", NOBODY_LISTENS, "--definition", "2")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "--from has no effect with --definition" in result.stderr


DEEP = "[" * 200_000
MEMORY = json.loads(
    json.dumps(
        to_plain(Memory(ScalerState(history_read=True), 3.0, Place(), None, cluster="", start_delay=None, tasks=()))
    )
)


def status_of(memory: object) -> str:
    """Return a status whose one scaler remembers this."""
    return json.dumps({"name": "ecsq", "config": {"hash": ""}, "scalers": [{"name": "busy", "memory": memory}]})


@contextmanager
def answering(*chunks: str) -> Iterator[str]:
    """Serve an answer in these chunks, and give its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            for chunk in chunks:
                self.wfile.write(chunk.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("<html>", id="a page"),
        pytest.param("[]", id="a list"),
        pytest.param(DEEP, id="nested beyond reading"),
        pytest.param('{"name": "ecsq", "scalers": [{"name": "busy"}]}', id="a version without a memory"),
        pytest.param(status_of(MEMORY | {"start_delay": 1e300}), id="a time that cannot be"),
        pytest.param(status_of(MEMORY | {"start_delay": -1}), id="a negative time"),
        pytest.param(status_of(MEMORY).replace('{"hash": ""}', "null"), id="no configuration"),
    ],
)
def test_an_answer_that_is_no_status_is_one_line(wanted: Document, tmp_path: Path, answer: str) -> None:
    """Never a traceback, and nothing is decided with a part of it."""
    with answering(answer) as url:
        result = plan(tmp_path / "config.yaml", wanted, "--from", url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"Error: what answers at {url}/status is not ecsq, or another version of it\n" == result.stderr


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [("MAX_BYTES", "is not ecsq, or another version of it"), ("MAX_SECONDS", "its answer was not complete after 0 s")],
    ids=["endless", "trickling"],
)
def test_an_answer_without_an_end_is_left(
    monkeypatch: pytest.MonkeyPatch, wanted: Document, tmp_path: Path, limit: str, complaint: str
) -> None:
    """After so many bytes, or so long, the command gives up instead of its machine's memory or its user's patience."""
    monkeypatch.setattr(daemon_status, limit, 0)
    with answering(status_of(MEMORY)) as url:
        result = plan(tmp_path / "config.yaml", wanted, "--from", url)
    assert (1, True) == (result.exit_code, complaint in result.stderr), result.stderr


def warm(aws_: EmbeddedAws, path: Path, wanted: Document, **memory: Any) -> dict[str, str]:
    """Return what is explained with a daemon's memory that has these parts, of the scaler's cluster."""
    state = {key: memory.pop(key) for key in list(memory) if key in MEMORY["state"]}
    told = MEMORY | {"cluster": wanted["task"]["cluster"]} | memory | {"state": MEMORY["state"] | state}
    with answering(status_of(told)) as url:
        return explained(plan(path, configuration(aws_, wanted), "--from", url).stdout, "busy")


@pytest.fixture
def busy(aws: EmbeddedAws, cluster: str) -> Document:
    """Give a scaler with three messages of which nothing lives."""
    send_messages(aws, create_queue(aws, "busy").url, 3)
    return scaler("busy", register_template(aws, "worker"), cluster=cluster, poll_interval="1h")


def test_the_coming_poll_is_previewed(aws: EmbeddedAws, busy: Document, tmp_path: Path) -> None:
    """A burst that came just after the daemon's last poll is seen by the next: a preview is no look between two."""
    level = {"level": 0, "awake": False, "tail": False, "waiting_since": None, "polled_at": time(), "asked": [0]}
    said = warm(aws, tmp_path / "config.yaml", busy, level=level | {"asked_padded": [0], "rose_at": None})
    assert ("3: the demand", True) == (said["level"], "3 more than" in said["desired"])


def test_tasks_that_no_listing_shows_yet_are_known(aws: EmbeddedAws, busy: Document, tmp_path: Path) -> None:
    """The daemon has them from the answer to its launch."""
    aws.ecs.listing_lag = 60.0
    (arn,) = run_tasks(aws, busy["task"]["cluster"], "worker", 1, startedBy="ecsq", group="busy")
    task = {"arn": arn, "running": 0, "starting": 1, "created_at": time(), "missing_since": None}
    task |= {"stopped": 0, "draining": False, "provider": None}
    said = warm(aws, tmp_path / "config.yaml", busy, tasks=[task])
    assert said["fleet"].startswith("1 live container")
    elsewhere = warm(aws, tmp_path / "config.yaml", busy, tasks=[task], cluster="another")
    assert elsewhere["fleet"].startswith("0 live containers")


def test_a_measured_start_delay_is_taken(aws: EmbeddedAws, busy: Document, tmp_path: Path) -> None:
    """The demand of a goal hangs on it."""
    goal = busy | {"demand": {"start_within": "90s", "seconds_per_message": 10}}
    assert "a start takes 7s" in warm(aws, tmp_path / "config.yaml", goal, start_delay=7.0)["work"]


def test_other_slots_are_refused(aws: EmbeddedAws, busy: Document, tmp_path: Path) -> None:
    """Its slots count by another consistency window, which only a restart can change."""
    with answering(status_of(MEMORY | {"slot_length": 6.0})) as url:
        result = plan(tmp_path / "config.yaml", configuration(aws, busy), "--from", url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"Error: the daemon at {url} has another aws.consistency_window" in result.stderr


def test_a_daemon_that_waits_after_a_failure_says_when_it_tries_again(
    aws: EmbeddedAws, busy: Document, tmp_path: Path
) -> None:
    """Until then nothing is launched, whatever is decided."""
    at = time() + 40
    said = warm(aws, tmp_path / "config.yaml", busy, retry_at=at)
    expected = f"not before {format_clock(at)}: after a failure the daemon waits longer each time"
    assert (expected, "would launch when it may") == (said["retry"], said["plan"].partition(":")[0])


@pytest.fixture
def sharing(aws: EmbeddedAws, cluster: str) -> Document:
    """Give three scalers of eight containers between them: one has three that run, one goes before the other."""
    template = register_template(aws, "worker")
    for name in ("has", "first", "later"):
        create_queue(aws, name)
    run_tasks(aws, cluster, template, 3, startedBy="ecsq", group="has")
    for name in ("first", "later"):
        send_messages(aws, create_queue(aws, f"{name}-work").url, 4)
    scalers = [
        scaler("later", template, cluster=cluster, queue="later-work"),
        scaler("has", template, cluster=cluster),
        scaler("first", template, cluster=cluster, queue="first-work", priority=5),
    ]
    return configuration(aws, *scalers, budget={"max_containers": 8})


def grants(directory: Path, wanted: Document, memories: dict[str, Any]) -> dict[str, int | None]:
    """Return what each scaler is granted beside a daemon that remembers this of them."""
    scalers = [{"name": each["name"], "memory": MEMORY | memories.get(each["name"], {})} for each in wanted["scalers"]]
    with answering(json.dumps({"name": "ecsq", "config": {"hash": ""}, "scalers": scalers})) as url:
        told = json.loads(plan(directory / "config.yaml", wanted, "--from", url, "--json").stdout)
    return {each["scaler"]: each["granted"] for each in told}


def test_the_budget_of_all_scalers_counts(sharing: Document, tmp_path: Path) -> None:
    """As in the daemon: live containers take their part, then the higher priority, and the rest is for the others."""
    told = json.loads(plan(tmp_path / "config.yaml", sharing, "--json").stdout)
    assert [("later", 4, 1), ("has", 0, None), ("first", 4, 4)] == [
        (each["scaler"], each["wanted"], each["granted"]) for each in told
    ]


def test_one_scaler_is_planned_beside_the_others(sharing: Document, tmp_path: Path) -> None:
    """With --scaler too: the others are looked at, for they share the budget, and not shown."""
    text = plan(tmp_path / "config.yaml", sharing, "--scaler", "later").stdout
    expected = "1 of 4 granted: the budget of 8 containers is held by first 4, has 3, later 1"
    assert expected == explained(text, "later")["budget"]
    assert "scaler first" not in text


def test_whoever_has_waited_longest_goes_first(sharing: Document, tmp_path: Path) -> None:
    """The places in the line are the daemon's: among equals they decide."""
    for each in sharing["scalers"]:
        each["priority"] = 0
    waits = {"later": time() - 60, "has": None, "first": time() - 5}
    places = {name: {"place": {"held_since": since, "reserved": 0, "wanted": 0}} for name, since in waits.items()}
    assert {"later": 4, "has": None, "first": 1} == grants(tmp_path, sharing, places)


def test_what_is_granted_already_is_taken(sharing: Document, tmp_path: Path) -> None:
    """One that waits for its slot has reserved its part, whoever goes before it now."""
    later = {"place": {"held_since": time() - 5, "reserved": 4, "wanted": 0}}
    assert 1 == grants(tmp_path, sharing, {"later": later})["first"]


def test_whoever_waits_after_a_failure_takes_nothing_from_the_others(sharing: Document, tmp_path: Path) -> None:
    """The daemon leaves it out until then, however high its priority is."""
    told = grants(tmp_path, sharing, {"first": {"retry_at": time() + 40}})
    assert (4, 1) == (told["later"], told["first"])


def test_a_budget_that_is_used_up_holds(sharing: Document, tmp_path: Path) -> None:
    """What the daemon would not launch, a plan does not promise."""
    sharing["budget"]["max_containers"] = 7
    said = explained(plan(tmp_path / "config.yaml", sharing, "--scaler", "later").stdout, "later")
    expected = "hold: 4 containers short, but the budget of 7 containers is held by first 4, has 3 (4 messages, "
    assert said["decision"].startswith(expected)
    assert said["plan"].startswith("would launch when it may: 4 containers")

"""A configuration that AWS keeps: a start that waits for it, edits, and earlier versions."""

from __future__ import annotations

import json
import signal
from time import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import yaml

from controller.config import ConfigError
from controller.config.kept import CannotReadError
from controller.config.pins import Pins
from controller.daemon.reload import KeptConfiguration
from tests.config.files import LEAST
from tests.support.aws import eventually
from tests.support.daemon import (
    CREDENTIALS,
    NOT_TAKEN,
    SOON,
    STARTED_WITHIN,
    TAKEN,
    Daemon,
    configuration,
    end,
    free_port,
    launch,
    scaler,
)
from tests.support.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controller.sandbox.aws import EmbeddedAws

BAD = "scalers: []"


def test_an_edit_is_taken_at_the_first_look() -> None:
    """What AWS keeps changes at once and whole, so nobody looks twice before it is taken."""
    shelf = Shelf([LEAST])
    kept = KeptConfiguration(shelf, time)
    shelf.versions.insert(0, f"{LEAST}poll_interval: 7s\n")
    assert [True, False] == [kept.reload_if_changed(), kept.reload_if_changed()]
    assert 7.0 == kept.spec.scalers[0].policy.poll_interval


def test_a_place_out_of_reach_changes_nothing_but_the_time_of_the_last_reading() -> None:
    """A look in vain is no failed reload; an edit made meanwhile is taken once the place answers again."""
    shelf = Shelf([LEAST])
    kept = KeptConfiguration(shelf, time)
    read_at, report = kept.read_at, kept.report
    shelf.is_out_of_reach = True
    shelf.versions.insert(0, f"{LEAST}poll_interval: 7s\n")
    assert not kept.reload_if_changed()
    assert (read_at, report) == (kept.read_at, kept.report)
    shelf.is_out_of_reach = False
    assert kept.reload_if_changed()
    assert read_at < kept.read_at


def test_whoever_asks_for_a_reload_is_told_that_it_cannot_be() -> None:
    """A signal is a question that deserves an answer: out of reach is then a failure, which a good look ends."""
    shelf = Shelf([LEAST])
    kept = KeptConfiguration(shelf, time)
    shelf.is_out_of_reach = True
    with pytest.raises(CannotReadError):
        kept.reload()
    assert "ssm:/shelf:1:1: cannot be read: nobody answers" == kept.report.error
    shelf.is_out_of_reach = False
    assert kept.reload_if_changed()
    assert kept.report.error is None


def test_the_newest_earlier_version_that_is_good_is_taken_at_the_start() -> None:
    """A restart must not fail over a bad edit: it runs what ran before, and reports what is wrong with the newest."""
    kept = KeptConfiguration(Shelf([BAD, "a: [", f"{LEAST}poll_interval: 7s\n", LEAST]), time)
    assert ("2", 7.0) == (kept.earlier, kept.spec.scalers[0].policy.poll_interval)
    assert (kept.report.error or "").startswith("ssm:/shelf:1:1: scalers: ")


def test_a_bad_newest_version_is_not_taken_for_an_edit() -> None:
    """After such a start the bad version is not told again at each look, and a good one is taken."""
    shelf = Shelf([BAD, LEAST])
    kept = KeptConfiguration(shelf, time)
    assert not kept.reload_if_changed()
    shelf.versions.insert(0, f"{LEAST}poll_interval: 7s\n")
    assert kept.reload_if_changed()


def test_without_a_good_version_the_newest_is_what_is_told() -> None:
    """Whoever reads the error has to mend the newest, whatever the others say."""
    with pytest.raises(ConfigError, match=r"^ssm:/shelf:1:1: scalers: "):
        KeptConfiguration(Shelf([BAD, "a: ["]), time)


def test_what_is_wrong_with_the_newest_is_told_where_earlier_versions_cannot_be_read() -> None:
    """To mend the newest is the one way out that is always there."""
    with pytest.raises(ConfigError) as refused:
        KeptConfiguration(Shelf([BAD, LEAST], keeps_history_back=True), time)
    newest, earlier = sorted(map(str, refused.value.problems), reverse=True)
    assert newest.startswith("ssm:/shelf:1:1: scalers: ")
    assert "ssm:/shelf:1:1: earlier versions: cannot be read: they are not yours to read" == earlier


def test_a_version_that_disagrees_with_the_environment_is_bad() -> None:
    """At the start it is passed over, and while the controller runs it is refused with the way to change it."""
    renamed = f"{LEAST}name: other\n"
    shelf = Shelf([renamed, LEAST])
    kept = KeptConfiguration(shelf, time, Pins("ecsq", 5.0))
    assert ("1", "ecsq") == (kept.earlier, kept.spec.name)
    shelf.versions.insert(0, f"{LEAST}name: another\n")
    with pytest.raises(ConfigError, match=r"name: is another, but ECSQ_NAME says ecsq: put it back, or stop every"):
        kept.reload_if_changed()


def ask(port: int, path: str) -> tuple[int, str]:
    """Return status and text of a page; 0 if nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=SOON) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except URLError:
        return 0, ""


@pytest.fixture
def waiting(aws: EmbeddedAws, tmp_path: Path) -> Iterator[tuple[Daemon, int]]:
    """Start a daemon whose parameter is not there, and give it with the port that it listens on meanwhile."""
    port = free_port()
    variables = CREDENTIALS | {"AWS_ENDPOINT_URL": aws.url, "AWS_DEFAULT_REGION": aws.region, "ECSQ_NAME": "ecsq"}
    options = ["--config", "ssm:/late/config", "--listen", f"127.0.0.1:{port}", "--watch", "--alive"]
    daemon = launch(tmp_path, "not read", *options, variables=variables)
    try:
        yield daemon, port
    finally:
        end(daemon.process)


def test_a_start_waits_for_its_configuration_and_says_so(
    aws: EmbeddedAws, waiting: tuple[Daemon, int], cluster: str, template: str
) -> None:
    """It lives and is not ready, a signal makes it look at once, and edits are taken or refused with their place."""
    daemon, port = waiting
    eventually(lambda: ask(port, "/readyz")[0] == 503, within=STARTED_WITHIN)
    assert (200, "ok\n") == ask(port, "/healthz")
    assert (
        'no configuration yet: ssm:/late/config:1:1: cannot be read: parameter "/late/config" does not'
        in ask(port, "/readyz")[1]
    )

    # On the port that it waits on, as in a deployment.
    wanted = configuration(aws, scaler("orders", template, cluster=cluster), server={"host": "127.0.0.1", "port": port})

    def put(document: object) -> None:
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        aws.client("ssm").put_parameter(Name="/late/config", Value=text, Type="String", Overwrite=True)
        daemon.process.send_signal(signal.SIGHUP)

    put(wanted)
    eventually(lambda: daemon.events("started"), within=SOON)
    assert "ssm:/late/config" == eventually(lambda: daemon.status()["config"]["path"], within=SOON)
    assert 0.0 < (eventually(lambda: daemon.sample("config_source_last_read_timestamp_seconds"), within=SOON) or 0.0)
    put("scalers: []")
    refused = eventually(lambda: daemon.events(NOT_TAKEN), within=SOON)[0]
    assert ["ssm:/late/config:1:1"] == [problem.split(": ")[0] for problem in refused["problems"]]
    taken = len(daemon.events(TAKEN))
    put(wanted | {"poll_interval": "2s"})
    eventually(lambda: len(daemon.events(TAKEN)) > taken, within=SOON)
    assert json.loads(daemon.get("/status")[1])["config"]["last_reload"]["successful"]
    assert 0 == daemon.stop()

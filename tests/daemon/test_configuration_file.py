from __future__ import annotations

import os
from pathlib import Path
from time import time

import pytest

from controller.config import ConfigError
from controller.config.kept import KeptFile
from controller.daemon.reload import KeptConfiguration
from tests.config.files import LEAST, scaler


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write the least configuration."""
    path = tmp_path / "config.yaml"
    path.write_text(LEAST)
    return path


def said(error: ConfigError, path: Path) -> list[str]:
    return [str(problem).removeprefix(f"{path}:") for problem in error.problems]


def test_a_file_that_is_wrong_from_the_start(path: Path) -> None:
    """Without a last good configuration there is nothing to run on."""
    path.write_text("scalers: []")
    with pytest.raises(ConfigError):
        KeptConfiguration(KeptFile(path), time)


def test_a_good_file_is_taken(path: Path) -> None:
    """A reload takes what the file says now, its warnings and its hash, and reports success."""
    configuration = KeptConfiguration(KeptFile(path), time)
    before = configuration.hash
    path.write_text(scaler("min_containers: 1"))
    configuration.reload()
    assert 1 == configuration.spec.scalers[0].policy.min_containers
    assert ["scalers[0].min_containers"] == [warning.key for warning in configuration.warnings]
    assert before != configuration.hash
    assert configuration.report.error is None


def test_the_content_in_force_is_not_parsed_again(path: Path) -> None:
    """A reload of what is in force is a success that keeps the very specification, also after a file that was bad."""
    configuration = KeptConfiguration(KeptFile(path), time)
    spec, taken_at = configuration.spec, configuration.report.at
    configuration.reload()
    assert spec is configuration.spec
    assert taken_at < configuration.report.at
    path.write_text("scalers: []")
    with pytest.raises(ConfigError):
        configuration.reload()
    path.write_text(LEAST)
    configuration.reload()
    assert spec is configuration.spec
    assert configuration.report.error is None


def test_scalers_that_stay_are_the_same(path: Path) -> None:
    """A scaler that a reload leaves as it was is the very same specification, beside one that is new."""
    configuration = KeptConfiguration(KeptFile(path), time)
    before = configuration.spec.scalers[0]
    path.write_text(LEAST + LEAST.removeprefix("scalers:\n").replace("content-ingest", "other"))
    configuration.reload()
    assert [before.name, "other"] == [scaler.name for scaler in configuration.spec.scalers]
    assert before is configuration.spec.scalers[0]


@pytest.mark.parametrize(
    "text", ["scalers: []", "", "a: [", "\0", None], ids=["invalid", "empty", "torn", "noise", "gone"]
)
def test_a_bad_file_is_not(path: Path, text: str | None) -> None:
    """What was last good stays whole, its warnings and its hash included, and the report holds the error."""
    path.write_text(scaler("min_containers: 1"))
    configuration = KeptConfiguration(KeptFile(path), time)
    before = (configuration.spec, configuration.hash, configuration.warnings)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        configuration.reload()
    assert before == (configuration.spec, configuration.hash, configuration.warnings)
    assert str(refused.value) == configuration.report.error


def test_a_path_that_became_a_directory(path: Path) -> None:
    """A path that is no file any more is an error like any other."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError):
        configuration.reload()
    assert "content-ingest" == configuration.spec.scalers[0].name


def test_good_after_bad(path: Path) -> None:
    """After a bad file the next good one is taken, and the report says so."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text("scalers: []")
    with pytest.raises(ConfigError):
        configuration.reload()
    path.write_text(scaler("max_containers: 3"))
    configuration.reload()
    assert (3, None) == (configuration.spec.scalers[0].policy.max_containers, configuration.report.error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: other\n", "9:7: name: differs from what runs (ecsq)"),
        ("aws:\n  region: eu-west-1\n", "10:11: aws.region: differs from what runs (not set)"),
        ("aws: {endpoint_url: 'http://127.0.0.1:1'}\n", "9:21: aws.endpoint_url: differs from what runs (not set)"),
        ("aws: {consistency_window: 6s}\n", "9:27: aws.consistency_window: differs from what runs (5.0)"),
        ("aws: {call_timeout: 6s}\n", "9:21: aws.call_timeout: differs from what runs (5.0)"),
        ("server: {host: 127.0.0.1}\n", "9:16: server.host: differs from what runs (0.0.0.0)"),
        ("server: {port: 8081}\n", "9:16: server.port: differs from what runs (8080)"),
    ],
    ids=["name", "region", "endpoint", "window", "time-out", "host", "port"],
)
def test_what_only_a_restart_can_change(path: Path, text: str, expected: str) -> None:
    """Who the controller is, what it assumes of AWS and where it listens are refused by key and line."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text(LEAST + text)
    with pytest.raises(ConfigError) as refused:
        configuration.reload()
    assert [f"{expected}, and cannot change while it runs: restart to take it"] == said(refused.value, path)


def test_every_fixed_key_is_named(path: Path) -> None:
    """Several such keys are named in one reload."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text(f"{LEAST}name: other\nserver: {{port: 1, host: 127.0.0.1}}\n")
    with pytest.raises(ConfigError) as refused:
        configuration.reload()
    assert {"name", "server.port", "server.host"} == {problem.key for problem in refused.value.problems}


@pytest.mark.parametrize(
    "text",
    ["name: ecsq\n", "aws: {consistency_window: 5000ms}\n", "log: {level: debug}\n", "poll_interval: 7s\n"],
    ids=["name as it is", "window in other words", "log", "interval"],
)
def test_what_may_change(path: Path, text: str) -> None:
    """A key that only says what runs already, and every other key, is taken."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text(LEAST + text)
    configuration.reload()
    assert configuration.report.error is None


def test_a_change_counts_once_it_stands_still(path: Path) -> None:
    """A content that differs is taken when two looks in a row have seen it, and not again after that."""
    configuration = KeptConfiguration(KeptFile(path), time)
    assert not configuration.reload_if_changed()
    path.write_text(scaler("max_containers: 3"))
    assert not configuration.reload_if_changed()
    path.write_text(scaler("max_containers: 4"))
    assert [False, True] == [configuration.reload_if_changed(), configuration.reload_if_changed()]
    assert 4 == configuration.spec.scalers[0].policy.max_containers
    assert not configuration.reload_if_changed()


def test_a_bad_change_counts_once(path: Path) -> None:
    """A file that was refused is not read again until it changes again."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text("scalers: []")
    assert not configuration.reload_if_changed()
    with pytest.raises(ConfigError):
        configuration.reload_if_changed()
    assert [False, False] == [configuration.reload_if_changed(), configuration.reload_if_changed()]


def test_a_file_that_is_gone_counts_once(path: Path) -> None:
    """A watched file that cannot be read any more is one error, and a good one again when it is back."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.unlink()
    assert not configuration.reload_if_changed()
    with pytest.raises(ConfigError):
        configuration.reload_if_changed()
    assert not configuration.reload_if_changed()
    path.write_text(LEAST)
    assert [False, True] == [configuration.reload_if_changed(), configuration.reload_if_changed()]


def test_a_touched_file_has_not_changed(path: Path) -> None:
    """The content decides, not the time of the file."""
    configuration = KeptConfiguration(KeptFile(path), time)
    path.write_text(LEAST)
    assert [False, False] == [configuration.reload_if_changed(), configuration.reload_if_changed()]


def test_a_pipe() -> None:
    """A configuration may come out of a pipe, which gives it once: a reload of it says so and changes nothing."""
    read_end, write_end = os.pipe()
    os.write(write_end, LEAST.encode())
    os.close(write_end)
    try:
        configuration = KeptConfiguration(KeptFile(Path(f"/dev/fd/{read_end}")), time)
        with pytest.raises(ConfigError) as refused:
            configuration.reload()
    finally:
        os.close(read_end)
    assert "content-ingest" == configuration.spec.scalers[0].name
    assert "what a pipe held is gone once it was read" in str(refused.value)


def test_a_file_without_end() -> None:
    """A device that never ends is too large, and is not read any further."""
    with pytest.raises(ConfigError, match="is larger than"):
        KeptConfiguration(KeptFile(Path("/dev/zero")), time)

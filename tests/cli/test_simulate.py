from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from controller.cli.simulate import command as simulate
from tests.cli.answering import serving
from tests.config.files import LEAST

BURST = ("--arrivals", "burst 40 every 30m", "--for", "1h")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with the least configuration that there is, on a terminal that wraps nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("ECSQ_CONFIG", raising=False)
    (tmp_path / "config.yaml").write_text(LEAST)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(simulate, arguments)


def test_json_has_a_row_for_each(directory: Path) -> None:
    """This first, then the others, and the bound; seconds and plain numbers."""
    result = run(*BURST, "--json")
    document = json.loads(result.stdout)
    rows = {row["name"]: row for row in document["rows"]}
    assert [
        "this",
        "lambda",
        "keda-default",
        "keda-accurate",
        "keda-eager",
        "ecs",
        "pipes",
        "batch",
        "one-task",
        "bound",
    ] == [*rows]
    this = rows["this"]
    assert 0 < this["wait"]["p50"] <= this["wait"]["p95"] <= this["wait"]["p99"] <= this["wait"]["max"]
    assert {"late_share", "container_hours", "dollars", "empty", "killed", "containers", "launches", "run_task_calls",
            "revisions", "peak", "polls"} <= set(this)  # fmt: skip
    assert rows["bound"]["container_hours"] <= this["container_hours"]
    assert "messages" in document["verdict"]


def test_text_and_markdown(directory: Path) -> None:
    """The table, the assumptions and the verdict, lined up or for a pull request."""
    text, markdown = run(*BURST).stdout, run(*BURST, "--markdown").stdout
    assert "80 messages in" in text
    assert "assumed: work exp(1m), a worker drains, starts 30s..1m30s" in text
    assert re.search(r"^this +\d", text, flags=re.MULTILINE)
    assert "| this | " in markdown
    assert all(
        line.count("|") == markdown.count("\n| this") * 19 for line in markdown.splitlines() if line.startswith("|")
    )


def test_without_a_terminal_the_answer_has_80_columns(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pages it or reads the log of a CI run sees the columns below each other, and none of them torn."""
    monkeypatch.delenv("COLUMNS")
    lines = run(*BURST, "--alone").stdout.splitlines()
    assert 60 < max(map(len, lines)) <= 80
    assert 2 == sum(line.startswith("this ") for line in lines)


def test_alone_there_is_nothing_beside(directory: Path) -> None:
    """One row, and no need of what the daemon does not need."""
    rows = json.loads(run(*BURST, "--alone", "--json").stdout)["rows"]
    assert ["this"] == [row["name"] for row in rows]


def test_the_same_command_gives_the_same_answer(directory: Path) -> None:
    """At any time; another seed gives another."""
    first, again, other = (run(*BURST, "--alone", "--json", "--seed", seed).stdout for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_processes_change_nothing(directory: Path) -> None:
    """Rows come in the same order from several of them."""
    many = ("--arrivals", "burst 1000 every 1h", "--for", "3h", "--json")
    assert run(*many, "--processes", "1").stdout == run(*many, "--processes", "2").stdout


def test_another_configuration_is_a_row_of_its_own(directory: Path) -> None:
    """Named as its file; promises may compare with it."""
    (directory / "old.yaml").write_text(LEAST)
    result = run(
        *BURST, "--against", "old.yaml", "--json", "--expect", "cost <= 1.0 * old", "--expect", "wait_max <= old"
    )
    rows = {row["name"]: row for row in json.loads(result.stdout)["rows"]}
    assert (0, rows["this"]["dollars"]) == (result.exit_code, rows["old"]["dollars"])


def test_rows_of_two_files_of_one_name_are_told_apart(directory: Path) -> None:
    """By their whole paths, as those are that are called like a row of ours."""
    (directory / "other").mkdir()
    for name in ("old.yaml", "other/old.yaml", "this.yaml"):
        (directory / name).write_text(LEAST)
    against = [part for name in ("old.yaml", "other/old.yaml", "this.yaml") for part in ("--against", name)]
    rows = json.loads(run(*BURST, *against, "--json").stdout)["rows"]
    assert ["this", "old", "other/old.yaml", "this.yaml"] == [row["name"] for row in rows[:4]]


def test_another_configuration_has_its_own_budget(directory: Path) -> None:
    """Whatever this one has."""
    (directory / "old.yaml").write_text(f"budget: {{max_containers: 2}}\n{LEAST}")
    rows = {row["name"]: row for row in json.loads(run(*BURST, "--against", "old.yaml", "--json").stdout)["rows"]}
    assert (True, 2) == (rows["this"]["peak"] > 2, rows["old"]["peak"])


def test_a_configuration_from_a_pipe_is_read_once(directory: Path) -> None:
    """What it held is gone then, and is all that is needed to say what to change."""
    os.mkfifo(directory / "pipe")
    writer = Thread(target=(directory / "pipe").write_text, args=(LEAST,))
    writer.start()
    result = run(*BURST, "--config", "pipe", "--vary", "max_containers=2")
    writer.join()
    assert (0, True) == (result.exit_code, "max_containers: 2" in result.stdout)


def test_each_row_pays_for_where_its_own_tasks_run(directory: Path) -> None:
    """What Spot would save shows beside a configuration without it."""
    (directory / "spot.yaml").write_text(f"{LEAST}      capacity_providers: [{{provider: FARGATE_SPOT, weight: 1}}]\n")
    rows = {row["name"]: row for row in json.loads(run(*BURST, "--against", "spot.yaml", "--json").stdout)["rows"]}
    assert rows["this"]["container_hours"] == rows["spot"]["container_hours"]
    assert pytest.approx(0.3 * rows["this"]["dollars"]) == rows["spot"]["dollars"]
    ordered = LEAST.replace("      subnets", "      capacity: [FARGATE_SPOT, FARGATE]\n      subnets")
    (directory / "config.yaml").write_text(ordered)
    rows = {row["name"]: row for row in json.loads(run(*BURST, "--against", "spot.yaml", "--json").stdout)["rows"]}
    assert pytest.approx(rows["spot"]["dollars"]) == rows["this"]["dollars"]


def test_workers_that_delete_first_hide_their_work_from_the_others(directory: Path) -> None:
    """As `busy: running` says of them: who goes by what is in flight decides otherwise."""
    rows, steady = [], ("--arrivals", "burst 9 every 1m", "--for", "20m", "--json")
    for busy in ("in_flight", "running"):
        (directory / "config.yaml").write_text(f"{LEAST}    busy: {busy}\n")
        rows.append({row["name"]: row for row in json.loads(run(*steady).stdout)["rows"]})
    assert rows[0]["lambda"] == rows[1]["lambda"]
    assert rows[0]["keda-default"] != rows[1]["keda-default"]


def test_a_broken_promise_ends_with_1(directory: Path) -> None:
    """And says which one, and by how much."""
    result = run(*BURST, "--alone", "--expect", "wait_p99 <= 1s", "--expect", "peak <= 1000")
    assert 1 == result.exit_code
    assert re.fullmatch(r"broken: wait_p99 <= 1s: it is \S+ and not 1s, \S+ % more\n", result.stderr)
    wrong = run(*BURST, "--alone", "--expect", "cost <= 1.1 * new")
    assert (1, True) == (wrong.exit_code, "there is no row new; there are: this" in wrong.stderr)


def test_exploring_names_the_key_to_change(directory: Path) -> None:
    """What it does, what changes nothing, and the edit as a diff."""
    result = run(*BURST, "--explore")
    assert 0 == result.exit_code, result.output
    assert re.search(
        r"^\*? +max_containers: \d+|change nothing here: .*max_containers", result.stdout, flags=re.MULTILINE
    )
    assert "--- config.yaml" in result.stdout


def test_a_named_key_is_tried_at_its_values(directory: Path) -> None:
    """A value that is invalid is said to be, by its key and not by a line of the file, which is right."""
    result = run(*BURST, "--vary", "max_containers=2,3")
    assert "max_containers: 2" in result.stdout
    assert "max_containers: 3" in result.stdout
    both = run(*BURST, "--vary", "max_containers=2", "--vary", "max_containers=3")
    assert result.stdout == both.stdout
    steps = run(*BURST, "--vary", "hysteresis={rise_after: 2, fall_after: 4},{rise_after: 5}")
    assert "hysteresis: {rise_after: 2, fall_after: 4}" in steps.stdout
    wrong = run(*BURST, "--vary", "max_containers=many")
    assert (1, True) == (wrong.exit_code, wrong.stderr.startswith("Error: --vary: scalers[0].max_containers: must be"))


def test_pictures_need_no_network(directory: Path) -> None:
    """One file of HTML with everything in it, and the same as PNG in light and dark."""
    result = run(*BURST, "--html", "report.html", "--png", "pictures")
    assert 0 == result.exit_code, result.output
    page = (directory / "report.html").read_text()
    assert "<script" not in page
    assert [] == re.findall(r'(?:src|href|srcset)="(?!data:)', page)
    assert 8 == page.count("data:image/svg+xml;base64,")
    names = {f"{name}{theme}.png" for name in ("cost", "course", "waits", "worst") for theme in ("", "-dark")}
    assert names == {path.name for path in (directory / "pictures").iterdir()}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (directory / "pictures").iterdir())


def test_a_full_disk_does_not_take_the_answer_along(directory: Path) -> None:
    """It was shown before the report is written, and the error names the report."""
    result = run(*BURST, "--alone", "--html", "/dev/full")
    assert (1, True) == (result.exit_code, "this " in result.stdout), result.output
    assert "/dev/full: cannot be written: No space left on device" in result.stderr


def test_the_report_has_what_was_explored(directory: Path) -> None:
    """Each point that one changed key gives stands there by its name, below what it costs."""
    run(*BURST, "--explore", "--html", "report.html")
    page = (directory / "report.html").read_text()
    explored = page.partition("<h2>Which key to change</h2><pre>")[2].partition("</pre>")[0]
    assert (True, True) == ("key " in explored, "change nothing here: " in explored)


def test_a_trace_that_tells_the_work_needs_no_assumption_of_it(directory: Path) -> None:
    """The answer says so, and whoever gives one is told that it would not count."""
    (directory / "trace.csv").write_text("time,seconds\n2026-01-01T00:00:00Z,30\n")
    assert "assumed: work as the file has it, a worker drains" in run("--file", "trace.csv", "--alone").stdout
    refused = run("--file", "trace.csv", "--alone", "--work", "3s")
    assert (2, True) == (refused.exit_code, "tells how long each message takes: leave out --work" in refused.stderr)


def test_a_bad_trace_is_named_with_its_place(directory: Path) -> None:
    """File, line and column, each problem on a line of its own."""
    (directory / "trace.csv").write_text("time,count\n1,x\n2,y\n")
    result = run("--file", "trace.csv", "--alone")
    expected = "trace.csv:2:3: 'x' is not a number\ntrace.csv:3:3: 'y' is not a number\n"
    assert (1, expected) == (result.exit_code, result.stderr)


def test_a_trace_is_simulated(directory: Path) -> None:
    """From its first row on."""
    (directory / "trace.csv").write_text("time,seconds\n" + "".join(f"2026-01-01T00:0{n}:00Z,30\n" for n in range(9)))
    row = json.loads(run("--file", "trace.csv", "--alone", "--json").stdout)["rows"][0]
    assert (0, True) == (row["left"], row["containers"] > 0)


def test_the_history_of_a_daemon_is_simulated(directory: Path) -> None:
    """By what its last decisions have seen."""
    decisions = [{"at": 1e9 + 10 * n, "visible": 3 * n, "in_flight": 0} for n in range(20)]
    status = {"scalers": [{"name": "content-ingest", "decisions": decisions}]}
    with serving(200, json.dumps(status).encode()) as url:
        row = json.loads(run("--status", url, "--alone", "--json").stdout)["rows"][0]
    assert (0, True) == (row["left"], row["containers"] > 0)


def test_what_prometheus_has_is_simulated(directory: Path) -> None:
    """The counts of this scaler, by state."""
    values = [[1e9 + 15 * n, str(n % 7)] for n in range(40)]
    result = [{"metric": {"state": state}, "values": values} for state in ("visible", "in_flight")]
    with serving(200, json.dumps({"data": {"result": result}}).encode()) as url:
        row = json.loads(run("--prometheus", url, "--alone", "--json").stdout)["rows"][0]
    assert (0, True) == (row["left"], row["containers"] > 0)


def test_the_metrics_of_the_queue_are_simulated(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent arrives, and its work is told by Little's law: six in flight while three a minute were done.

    Workers that delete a message as they take it have none in flight while they work, so it tells nothing of them.
    """
    for name, value in (("ACCESS_KEY_ID", "any"), ("SECRET_ACCESS_KEY", "any"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    dimensions = [{"Name": "QueueName", "Value": "content-ingest"}]
    metrics = ("NumberOfMessagesSent", "NumberOfMessagesDeleted", "ApproximateNumberOfMessagesNotVisible")
    with mock_aws():
        client = boto3.client("cloudwatch")
        for minute in range(20, 30):
            at = datetime.now(UTC) - timedelta(minutes=minute)
            data = [
                {"MetricName": metric, "Dimensions": dimensions, "Value": value, "Timestamp": at}
                for metric, value in zip(metrics, (3, 3, 6), strict=True)
            ]
            client.put_metric_data(Namespace="AWS/SQS", MetricData=data)
        result = run("--cloudwatch", "1h", "--alone")
        (directory / "config.yaml").write_text(f"{LEAST}    busy: running\n")
        untold = run("--cloudwatch", "1h", "--alone")
        found = {name: LEAST.replace("queue: content-ingest", f"queues: {{prefix: {name}}}") for name in ("con", "no")}
        boto3.client("sqs").create_queue(QueueName="content-ingest")
        for name, text in found.items():
            (directory / "config.yaml").write_text(text)
            found[name] = run("--cloudwatch", "1h", "--alone").output
    assert "30 messages in" in found["con"], found
    assert 'no queues named "no..." were found' in found["no"]
    assert "30 messages in" in result.stdout, result.output
    assert ("work exp(2m)" in result.stdout, "work exp(1m)" in untold.stdout) == (True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what arrives, with one of --file, --arrivals"),
        ((*BURST, "--log", "log"), "--arrivals and --log each say what arrives: give only one of them"),
        ((*BURST, "--alone", "--explore"), "--alone compares with nothing"),
        (("--arrivals", "rain"), "'rain' does not say what arrives"),
        (("--arrivals", "burst 1 at 2h", "--for", "1h"), "no message arrives in that time"),
        ((*BURST, "--json", "--markdown"), "--json and --markdown are two ways"),
        (
            (*BURST, "--html", "nowhere/report.html"),
            "nowhere/report.html: cannot be written: there is no folder nowhere",
        ),
        ((*BURST, "--spread"), "--spread is for the rows of --file"),
        ((*BURST, "--scaler", "other"), "there is no scaler 'other'"),
        ((*BURST, "--work", "soon"), "write it as 45s"),
        ((*BURST, "--size", "300/512"), "the next larger is 512/1024"),
        ((*BURST, "--vary", "max_containers"), "write it as KEY=VALUE"),
        ((*BURST, "--vary", "max_containers=0"), "--vary: scalers[0].max_containers: must be at least 1, not 0"),
        ((*BURST, "--expect", "fast"), "write it as"),
        (
            (*BURST, "--expect", "wait_max <= 5x"),
            "5x is not a duration, and there is no row 5x; there are: this",
        ),
        ((*BURST, "--price", "-1", "0"), "-1 dollars: must be 0 or more"),
        ((*BURST, "--price", "0", "nan"), "nan dollars: must be 0 or more"),
        ((*BURST, "--for", "999d"), "must be at most a year"),
        (("--cloudwatch", "64d"), "keeps what it has by five minutes for 63 days"),
        ((*BURST, "--goal", "0s"), "must be more than 0 seconds"),
        (("--log", "nowhere"), "cannot be read"),
        (("--prometheus", "127.0.0.1:1"), "Prometheus does not answer"),
    ],
)
def test_what_cannot_be_simulated_is_said(directory: Path, arguments: tuple[str, ...], said: str) -> None:
    """In one line, with exit code 1 or 2."""
    result = run(*arguments)
    assert (True, True) == (result.exit_code in {1, 2}, said in result.stderr), result.output


def test_without_the_extra_one_line_says_what_to_install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And alone it does without."""
    for module in [name for name in sys.modules if name.startswith(("numpy", "scipy", "controller.simulate.bound"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "numpy", None)
    result = run(*BURST)
    assert 1 == result.exit_code
    assert "the simulation needs numpy, which is not installed: install the wheel" in result.stderr
    assert 0 == run(*BURST, "--alone").exit_code


HOURLY = ("--arrivals", "burst 100 every 30m", "--for", "6h", "--alone", "--json")


def promise(directory: Path, *, pace: str = "", top: str = "") -> dict[str, float]:
    """Return the row of a scaler that promises five minutes."""
    text = LEAST.replace("messages_per_container: 5", f"start_within: 5m{pace}")
    assert text != LEAST
    (directory / "config.yaml").write_text(top + text)
    return json.loads(run(*HOURLY).stdout)["rows"][0]  # type: ignore[no-any-return]


def test_a_promise_is_simulated_as_it_learns(directory: Path) -> None:
    """The goal is its own; whoever is told how long a message takes, or learns it, needs fewer containers."""
    given = promise(directory, pace="\n      seconds_per_message: 1m")
    learned = promise(directory)
    unlearned = promise(directory, top="aws: {cloudwatch: off}\n")
    assert 0 == max(row["late_share"] for row in (given, learned, unlearned))
    assert given["containers"] < learned["containers"] < unlearned["containers"]


def test_what_counts_at_first_is_the_work_too(directory: Path) -> None:
    """As one that is given is; and --explore knows where it stands in the file."""
    promise(directory, pace="\n      seconds_per_message: {at_first: 2m}")
    assert "work exp(2m)" in run(*BURST, "--alone").stdout
    explored = json.loads(run(*BURST, "--explore", "--json").stdout)["explored"]
    assert "demand.seconds_per_message.at_first: 4m" in [row["name"] for row in explored]

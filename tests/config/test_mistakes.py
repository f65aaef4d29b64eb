"""The mistakes that a user can make, each with its place and its message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.config.files import LEAST, demand, problems, scaler, task

if TYPE_CHECKING:
    from pathlib import Path

LEAST_KEYS = (
    "name: a, queue: q, demand: {messages_per_container: 1}, task: {definition: d, subnets: [subnet-0123456789abcdef0]}"
)
DURATION = "write it as 10s, 5m, 1h30m, 500ms, or as whole seconds"

KEYS = [
    pytest.param(
        f"{LEAST}nmae: x\n", ["9:1: nmae: is not a known key; did you mean name?"], id="misspelt key at the top"
    ),
    pytest.param(
        scaler("hysteresis: {rise_aftr: 1}"),
        ["9:18: scalers[0].hysteresis.rise_aftr: is not a known key; did you mean rise_after?"],
        id="misspelt key deep down",
    ),
    pytest.param(
        f"{LEAST}log: {{zzz: 1}}\n",
        ["9:7: log.zzz: is not a known key; use one of format, level"],
        id="unknown key with nothing near",
    ),
    pytest.param(
        scaler("queue: other"),
        ["9:5: scalers[0].queue: is a duplicate: the key is already in line 3; remove one of the two"],
        id="duplicate key",
    ),
    pytest.param("name: x\n", ["1:1: scalers: is required and missing"], id="no scalers"),
    pytest.param("scalers: []\n", ["1:1: scalers: must have at least 1 item, not 0"], id="empty list of scalers"),
    pytest.param(
        LEAST.replace("      definition: content-worker\n", ""),
        ["6:5: scalers[0].task.definition: is required and missing"],
        id="missing key",
    ),
    pytest.param(
        f"{LEAST}aws:\n", ["9:5: aws: has no value: give it one, or remove the key"], id="a section with nothing"
    ),
    pytest.param("- a\n", ["1:1: must be a mapping of key: value, not a list"], id="a list at the top"),
]

MISSPELT = [
    pytest.param(
        LEAST.replace("queue:", "quue:"),
        ["3:5: scalers[0].quue: is not a known key; did you mean queue?"],
        id="a required key",
    ),
    pytest.param(
        LEAST.replace("scalers:", "scaler:"), ["1:1: scaler: is not a known key; did you mean scalers?"], id="scalers"
    ),
    pytest.param(
        demand("steps:\n  - {backlog: 1, container: 1}\n  - {backlog: 2, containers: 2}"),
        ["6:24: scalers[0].demand.steps[0].container: is not a known key; did you mean containers?"],
        id="a required key in a list",
    ),
    pytest.param(
        demand("messages_per_containr: 5"),
        ["5:7: scalers[0].demand.messages_per_containr: is not a known key; did you mean messages_per_container?"],
        id="the strategy",
    ),
    pytest.param(
        demand("start_within: 5m\nsecond_per_message: 60"),
        ["6:7: scalers[0].demand.second_per_message: is not a known key; did you mean seconds_per_message?"],
        id="what a strategy needs beside it",
    ),
    pytest.param(
        demand("drain_within: 5m\nseconds_per_message: 60"),
        ["5:7: scalers[0].demand.drain_within: is now called start_within: write that instead"],
        id="a key of an earlier version",
    ),
    pytest.param(
        LEAST.replace("subnets:", "subnet:"),
        ["8:7: scalers[0].task.subnet: is not a known key; did you mean subnets?"],
        id="what Fargate needs",
    ),
    pytest.param(
        scaler("max_container: many"),
        ["9:5: scalers[0].max_container: is not a known key; did you mean max_containers?"],
        id="a value that is wrong for what was meant",
    ),
    pytest.param(
        LEAST.replace("queue:", "quue: 1\n    queeu:"),
        [
            "3:5: scalers[0].quue: is not a known key; did you mean queue?",
            "4:5: scalers[0].queeu: is not a known key; did you mean queue?",
        ],
        id="one key in two spellings",
    ),
    pytest.param(
        scaler("quue: other").replace("queue: content-ingest", "queue: 5"),
        [
            "3:12: scalers[0].queue: must be text, not the number 5; put it in quotes if it is meant as text",
            "9:5: scalers[0].quue: is not a known key; did you mean queue?",
        ],
        id="beside the key that was meant",
    ),
    pytest.param(
        scaler("max_container: 4\nmin_containers: 5"),
        [
            "9:5: scalers[0].max_container: is not a known key; did you mean max_containers?",
            "10:21: scalers[0].min_containers: must be at most max_containers (4), not 5",
        ],
        id="another key is held against what was meant",
    ),
    pytest.param(
        "scalers: {nmae: a}\n", ["1:1: scalers: must be a list, not a mapping"], id="no list, so no keys of its items"
    ),
    pytest.param(
        "scalers:\n  - zzz: 1\n",
        [
            "2:5: scalers[0].name: is required and missing",
            "2:5: scalers[0].demand: is required and missing",
            "2:5: scalers[0].task: is required and missing",
            "2:5: scalers[0].zzz: is not a known key; use one of aws, backlog, breaker, busy, cooldown, demand, "
            "hysteresis, max_containers, min_containers, name, paused, poll_interval, priority, queue, queue_env, "
            "queues, rollout, schedule, task",
            "2:5: scalers[0].queue: is required and missing: name the queue, or several under queues",
        ],
        id="nothing near leaves required keys missing",
    ),
    pytest.param(
        task("run_task: {volumeConfigurations: [{nmae: data}]}"),
        [
            "9:42: scalers[0].task.run_task.volumeConfigurations[0].nmae: "
            "is not a known key of TaskVolumeConfiguration; did you mean name?"
        ],
        id="inside run_task",
    ),
]

ONCE = [
    pytest.param(
        demand("steps: [{backlog: 1, containers: 1}, {backlog: 0, containers: 2}]"),
        ["5:54: scalers[0].demand.steps[1].backlog: must be at least 1, not 0"],
        id="a value that breaks its own bound and a rule",
    ),
    pytest.param(
        LEAST.replace("task:", "task: &task").replace("content-worker", "'?'")
        + LEAST.removeprefix("scalers:\n").partition("    task:")[0].replace("name: content-ingest", "name: b")
        + "    task: *task\n",
        ['7:19: scalers[0].task.definition: must be a task definition: family, family:revision or ARN; this is "?"'],
        id="a value inside an anchor",
    ),
    pytest.param(
        LEAST.replace("task:", "task: &task").replace("      subnets: [subnet-0123456789abcdef0]\n", "")
        + LEAST.removeprefix("scalers:\n").partition("    task:")[0].replace("name: content-ingest", "name: b")
        + "    task: *task\n",
        ["6:5: scalers[0].task.subnets: Fargate needs at least one subnet"],
        id="what an anchor lacks",
    ),
    pytest.param(
        LEAST.replace("- name", "- &first\n    name").replace("queue:", "quue:") + "  - <<: *first\n    name: b\n",
        ["4:5: scalers[0].quue: is not a known key; did you mean queue?"],
        id="a misspelling that is merged",
    ),
]

TYPES = [
    pytest.param(
        scaler("max_containers: '90'"),
        [
            '9:21: scalers[0].max_containers: must be a whole number, not the text "90"; '
            "write it in plain decimal digits, without quotes, leading zeros or underscores"
        ],
        id="a number in quotes",
    ),
    pytest.param(
        scaler("max_containers: 010"),
        [
            '9:21: scalers[0].max_containers: must be a whole number, not the text "010"; '
            "write it in plain decimal digits, without quotes, leading zeros or underscores"
        ],
        id="a number that YAML 1.1 reads as octal",
    ),
    pytest.param(
        scaler("max_containers: 1_000"),
        [
            '9:21: scalers[0].max_containers: must be a whole number, not the text "1_000"; '
            "write it in plain decimal digits, without quotes, leading zeros or underscores"
        ],
        id="a number with an underscore",
    ),
    pytest.param(
        scaler("max_containers: true"),
        ["9:21: scalers[0].max_containers: must be a whole number, not true"],
        id="a boolean for a number",
    ),
    pytest.param(
        scaler("hysteresis: {dead_band: false}"),
        ["9:29: scalers[0].hysteresis.dead_band: must be a number, not false"],
        id="a boolean for a fraction",
    ),
    pytest.param(
        scaler("paused: yes"), ['9:13: scalers[0].paused: must be true or false, not the text "yes"'], id="yes"
    ),
    pytest.param(scaler("paused: 1"), ["9:13: scalers[0].paused: must be true or false, not the number 1"], id="1"),
    pytest.param(
        scaler("max_containers: 1.5"),
        ["9:21: scalers[0].max_containers: must be a whole number, not the number 1.5"],
        id="a fraction",
    ),
    pytest.param(
        task("environment: {RELEASE: 1.10}"),
        [
            "9:30: scalers[0].task.environment.RELEASE: must be text, not the number 1.1; "
            "put it in quotes if it is meant as text"
        ],
        id="a number for a variable",
    ),
    pytest.param(
        scaler("cooldown: 5m"),
        ['9:15: scalers[0].cooldown: must be a mapping of key: value, not the text "5m"'],
        id="text for a section",
    ),
    pytest.param(
        task("tags: [a]"), ["9:7: scalers[0].task.tags: must be a mapping of key: value, not a list"], id="a list"
    ),
    pytest.param(
        scaler("max_containers: 0"), ["9:21: scalers[0].max_containers: must be at least 1, not 0"], id="below"
    ),
    pytest.param(
        task("max_containers_per_task: 10"),
        ["9:32: scalers[0].task.max_containers_per_task: must be at most 9, not 10"],
        id="above",
    ),
    pytest.param(
        task("packing: tight"),
        ['9:16: scalers[0].task.packing: must be spread or dense, not "tight"'],
        id="none of the words",
    ),
    pytest.param(
        f"{LEAST}name: Über\n",
        [
            "9:7: name: must be 1 to 40 lower-case letters, digits and hyphens, and not begin with a hyphen; "
            'this is "Über"'
        ],
        id="a name",
    ),
    pytest.param(
        LEAST.replace("queue: content-ingest", 'queue: "two words"'),
        ['3:12: scalers[0].queue: must be the name, the URL or the ARN of an SQS queue; this is "two words"'],
        id="a queue",
    ),
    pytest.param(
        task("tags: {team: a;b}"),
        ['9:20: scalers[0].task.tags.team: may contain only letters, digits, spaces and _.:/=+-@, not ";"'],
        id="a tag's character",
    ),
    pytest.param(
        task(f"tags: {{{', '.join(f'k{i}: v' for i in range(51))}}}"),
        ["9:7: scalers[0].task.tags: must have at most 50 items, not 51"],
        id="too many tags",
    ),
]

DURATIONS = [
    pytest.param(
        scaler("poll_interval: 1:30"),
        [f"9:20: scalers[0].poll_interval: must have units, since colons can be read in two ways: {DURATION}"],
        id="a colon",
    ),
    pytest.param(
        task("deadline: 5s"),
        ["9:17: scalers[0].task.deadline: must be between 10s and 720h, not 5s"],
        id="a deadline that leaves no time",
    ),
    pytest.param(
        task("keeper_image: busy box"),
        ['9:21: scalers[0].task.keeper_image: must be the name of a container image; this is "busy box"'],
        id="an image with a space",
    ),
    pytest.param(
        task("capacity: SPOT"),
        [
            "9:17: scalers[0].task.capacity: must be a list of capacity providers, the first choice first, "
            "or default or EXTERNAL"
        ],
        id="a capacity that is no list",
    ),
    pytest.param(
        task("capacity: FARGATE"),
        [
            "9:17: scalers[0].task.capacity: must be a list of capacity providers, the first choice first, "
            "or default or EXTERNAL: write [FARGATE]"
        ],
        id="a provider by itself",
    ),
    pytest.param(
        task("capacity: external"),
        [
            "9:17: scalers[0].task.capacity: must be a list of capacity providers, the first choice first, "
            "or default or EXTERNAL: did you mean EXTERNAL?"
        ],
        id="a word of capacity in small letters",
    ),
    pytest.param(
        task("capacity: [FARGATE_SPT, FARGATE]"),
        [
            '9:7: scalers[0].task.capacity: names "FARGATE_SPT", which AWS does not have: did you mean FARGATE_SPOT?',
        ],
        id="a misspelt provider of Fargate",
    ),
    pytest.param(
        task("capacity: [FARGATE_SPOT, EXTERNAL]"),
        [
            "9:7: scalers[0].task.capacity: names EXTERNAL, which is no capacity provider: it stands alone, "
            "as capacity: EXTERNAL"
        ],
        id="a launch type among providers",
    ),
    pytest.param(
        task("capacity: []"),
        ["9:7: scalers[0].task.capacity: must name 1 to 20 capacity providers, not 0"],
        id="an order of nothing",
    ),
    pytest.param(
        task("capacity: [FARGATE, FARGATE_SPOT, FARGATE]"),
        ['9:7: scalers[0].task.capacity: must name each capacity provider once: "FARGATE" is there 2 times'],
        id="an order with one twice",
    ),
    pytest.param(
        task("capacity: [FARGATE SPOT]"),
        [
            "9:7: scalers[0].task.capacity: must be the name of a capacity provider: 1 to 255 letters, digits, "
            'hyphens and underscores; this is "FARGATE SPOT"'
        ],
        id="a provider with a space",
    ),
    pytest.param(
        task("capacity: [FARGATE_SPOT]\nlaunch_type: FARGATE\ncapacity_providers: [{provider: a, weight: 1}]"),
        [
            "10:20: scalers[0].task.launch_type: cannot be combined with capacity: keep one of the two",
            "10:20: scalers[0].task.launch_type: cannot be combined with capacity_providers: keep one of the two",
            "11:7: scalers[0].task.capacity_providers: cannot be combined with capacity: keep one of the two",
        ],
        id="an order beside a launch type and weights",
    ),
    pytest.param(
        task("capacity: EXTERNAL"),
        [
            "8:7: scalers[0].task.subnets: external instances have no AWS subnets: remove subnets, security_groups "
            "and assign_public_ip"
        ],
        id="subnets of external instances",
    ),
    pytest.param(
        task("capacity: [instances, FARGATE]").replace("      subnets: [subnet-0123456789abcdef0]\n", ""),
        ["6:5: scalers[0].task.subnets: Fargate needs at least one subnet"],
        id="an order with Fargate in it, without subnets",
    ),
    pytest.param(
        task("deadline: never"),
        [f"9:17: scalers[0].task.deadline: is not a duration: {DURATION}"],
        id="a deadline that is no duration",
    ),
    pytest.param(
        scaler("poll_interval: 5 min"),
        [f"9:20: scalers[0].poll_interval: has an unknown unit, or its units are in the wrong order: {DURATION}"],
        id="an unknown unit",
    ),
    pytest.param(
        scaler("poll_interval: 1.5"),
        ["9:20: scalers[0].poll_interval: must not have a fraction: write it as 1s500ms"],
        id="a fraction",
    ),
    pytest.param(
        scaler("poll_interval: 0.5s"),
        ["9:20: scalers[0].poll_interval: must not have a fraction: write it as 500ms"],
        id="a fraction with a unit",
    ),
    pytest.param(
        scaler("poll_interval: true"),
        [f"9:20: scalers[0].poll_interval: must be a duration: {DURATION}"],
        id="a boolean",
    ),
    pytest.param(
        scaler("poll_interval: 500ms"),
        ["9:20: scalers[0].poll_interval: must be between 1s and 1h, not 500ms"],
        id="an interval below a second",
    ),
    pytest.param(
        "poll_interval: 3601\n" + LEAST,
        ["1:16: poll_interval: must be between 1s and 1h, not 1h1s"],
        id="an interval above an hour",
    ),
    pytest.param(
        scaler("cooldown: {fall: -5}"),
        ["9:22: scalers[0].cooldown.fall: must be between 0 and one year"],
        id="a negative time",
    ),
]

RULES = [
    pytest.param(
        LEAST + LEAST.removeprefix("scalers:\n"),
        ['9:11: scalers[1].name: must be unique: scalers[0] is already named "content-ingest"'],
        id="two scalers of one name",
    ),
    pytest.param(
        scaler("min_containers: 5\nmax_containers: 4"),
        ["9:21: scalers[0].min_containers: must be at most max_containers (4), not 5"],
        id="min above max",
    ),
    pytest.param(
        scaler("min_containers: 91"),
        ["9:21: scalers[0].min_containers: must be at most max_containers (90), not 91"],
        id="min above the default max",
    ),
    pytest.param(
        scaler("min_containers: 5") + "budget: {max_containers: 4}\n",
        ["10:26: budget.max_containers: must be at least 5, the sum of the scalers' min_containers, not 4"],
        id="budget below the sum of all minima",
    ),
    pytest.param(
        f"{LEAST}budget: {{}}\n", ["9:1: budget.max_containers: is required and missing"], id="budget of nothing"
    ),
    pytest.param(
        f"{LEAST}aws: {{launch_rate: {{tasks_per_second: 0, burst: 9}}}}\n",
        [
            "9:39: aws.launch_rate.tasks_per_second: must be above 0, not 0",
            "9:49: aws.launch_rate.burst: must be at least 10, not 9",
        ],
        id="a launch rate that no call fits in",
    ),
    pytest.param(
        demand("steps: [{backlog: 5, containers: 2}, {backlog: 5, containers: 3}]"),
        ["5:54: scalers[0].demand.steps[1].backlog: must be more than in the step before (5), not 5"],
        id="steps that do not rise in backlog",
    ),
    pytest.param(
        demand("steps: [{backlog: 5, containers: 2}, {backlog: 6, containers: 1}]"),
        ["5:69: scalers[0].demand.steps[1].containers: must be more than in the step before (2), not 1"],
        id="steps that do not rise in containers",
    ),
    pytest.param(
        LEAST.replace("\n      messages_per_container: 5", " {}"),
        ["4:5: scalers[0].demand: has no strategy: set one of start_within, steps, messages_per_container"],
        id="no strategy",
    ),
    pytest.param(
        demand("messages_per_container: 1\nsteps: [{backlog: 1, containers: 1}]"),
        ["4:5: scalers[0].demand: must have one strategy, not 2: keep one of steps, messages_per_container"],
        id="two strategies",
    ),
    pytest.param(
        demand("start_within: 5m\nseconds_per_message: soon"),
        [f"6:28: scalers[0].demand.seconds_per_message: is not a duration: {DURATION}"],
        id="a pace that is no time",
    ),
    pytest.param(
        demand("start_within: 5m\nseconds_per_message: {at_frist: 60}"),
        ["6:29: scalers[0].demand.seconds_per_message.at_frist: is not a known key; did you mean at_first?"],
        id="a misspelt start of a pace",
    ),
    pytest.param(
        demand("messages_per_container: 1\nseconds_per_message: 5"),
        [
            "6:28: scalers[0].demand.seconds_per_message: "
            "has no effect without start_within: set that, too, or remove this key"
        ],
        id="a pace without a goal",
    ),
    pytest.param(
        scaler("backlog: [in_flight]"),
        ["9:5: scalers[0].backlog: must contain visible: visible messages always count"],
        id="a backlog without visible",
    ),
    pytest.param(
        scaler("backlog: [visible, visible]"),
        ['9:24: scalers[0].backlog[1]: "visible" is listed twice: remove one of the two'],
        id="a state twice",
    ),
    pytest.param(
        scaler("cooldown: {launch: 29s}"),
        ["9:24: scalers[0].cooldown.launch: must be at least one slot, 6 x aws.consistency_window = 30s, not 29s"],
        id="a launch cooldown below a slot",
    ),
    pytest.param(
        "aws: {consistency_window: 2s, call_timeout: 5s}\n" + LEAST,
        ["1:45: aws.call_timeout: must be at most 2 x aws.consistency_window = 4s, not 5s"],
        id="a time-out above two windows",
    ),
    pytest.param(
        task("launch_type: FARGATE\ncapacity_providers: [{provider: FARGATE, weight: 1}]"),
        ["9:20: scalers[0].task.launch_type: cannot be combined with capacity_providers: keep one of the two"],
        id="launch type and providers",
    ),
    pytest.param(
        LEAST.replace("      subnets: [subnet-0123456789abcdef0]\n", ""),
        ["6:5: scalers[0].task.subnets: Fargate needs at least one subnet"],
        id="Fargate by default, without subnets",
    ),
    pytest.param(
        LEAST.replace(
            "subnets: [subnet-0123456789abcdef0]", "capacity_providers: [{provider: FARGATE_SPOT, weight: 1}]"
        ),
        ["6:5: scalers[0].task.subnets: Fargate needs at least one subnet"],
        id="Fargate Spot without subnets",
    ),
    pytest.param(
        LEAST.replace("subnets: [subnet-0123456789abcdef0]", "launch_type: EC2\n      assign_public_ip: true"),
        ["9:25: scalers[0].task.assign_public_ip: has no effect without subnets: set them, too, or remove this key"],
        id="an address without subnets",
    ),
    pytest.param(
        task("launch_type: EC2\nassign_public_ip: true\nrun_task: {platformVersion: LATEST}"),
        [
            "10:25: scalers[0].task.assign_public_ip: only tasks on Fargate can have a public address: "
            "set it to false, or remove it",
            "11:35: scalers[0].task.run_task.platformVersion: only Fargate has platform versions: remove it",
        ],
        id="what only Fargate has",
    ),
    pytest.param(
        task("run_task: {placementConstraints: [{type: distinctInstance}], placementStrategy: [{type: random}]}"),
        [
            "9:18: scalers[0].task.run_task.placementConstraints: Fargate takes none: remove it, "
            "or set launch_type to EC2",
            "9:68: scalers[0].task.run_task.placementStrategy: Fargate takes none: remove it, "
            "or set launch_type to EC2",
        ],
        id="placement on Fargate",
    ),
    pytest.param(
        task("run_task: {propagateTags: SERVICE}"),
        [
            "9:33: scalers[0].task.run_task.propagateTags: no ECS service starts these tasks, so none "
            "has tags for them: make it TASK_DEFINITION, or remove it"
        ],
        id="tags of a service",
    ),
    pytest.param(
        task("capacity_providers: [{provider: FARGATE}]"),
        ["9:7: scalers[0].task.capacity_providers: at least one provider needs a weight above 0"],
        id="no weight",
    ),
    pytest.param(
        task("capacity_providers: [{provider: FARGATE, weight: 1}, {provider: big-machines, weight: 1}]"),
        [
            "9:7: scalers[0].task.capacity_providers: "
            "ECS cannot mix Fargate with other providers in one strategy: keep one kind"
        ],
        id="mixed providers",
    ),
    pytest.param(
        task("capacity_providers: [{provider: FARGATE, weight: 1, base: 1}, {provider: FARGATE_SPOT, base: 1}]"),
        [
            "9:100: scalers[0].task.capacity_providers[1].base: "
            "only one provider may have a base, and capacity_providers[0] already has one"
        ],
        id="two bases",
    ),
    pytest.param(
        task("tags: {aws:team: content}"),
        ["9:14: scalers[0].task.tags.aws:team: must not begin with aws:, which AWS reserves: choose another key"],
        id="a tag of AWS's own",
    ),
]


BUSY = [
    pytest.param("runing", ['9:11: scalers[0].busy: must be in_flight or running, not "runing"'], id="a word"),
    pytest.param("true", ["9:11: scalers[0].busy: must be in_flight or running, not true"], id="a boolean"),
    pytest.param("[running]", ['9:5: scalers[0].busy: must be in_flight or running, not ["running"]'], id="a list"),
    pytest.param("", ["9:10: scalers[0].busy: has no value: give it one, or remove the key"], id="nothing"),
]


@pytest.mark.parametrize(("value", "expected"), BUSY)
def test_a_mistake_in_busy_is_named(tmp_path: Path, value: str, expected: list[str]) -> None:
    """Its two words are named."""
    assert expected == problems(tmp_path, scaler(f"busy: {value}"))


NOT_OFF = "must be off, or a mapping with after and within, not"
ON = "; it is on when the key is left out"
BREAKER = [
    pytest.param("on", [f'9:14: scalers[0].breaker: {NOT_OFF} the text "on"{ON}'], id="on"),
    pytest.param("true", [f"9:14: scalers[0].breaker: {NOT_OFF} true{ON}"], id="what YAML 1.1 makes of on"),
    pytest.param("5", [f"9:14: scalers[0].breaker: {NOT_OFF} the number 5{ON}"], id="a number"),
    pytest.param("[off]", [f"9:5: scalers[0].breaker: {NOT_OFF} a list{ON}"], id="a list"),
    pytest.param("", ["9:13: scalers[0].breaker: has no value: give it one, or remove the key"], id="nothing"),
    pytest.param("{aftr: 3}", ["9:15: scalers[0].breaker.aftr: is not a known key; did you mean after?"], id="a key"),
    pytest.param("{after: 0}", ["9:22: scalers[0].breaker.after: must be at least 1, not 0"], id="after nothing"),
    pytest.param("{after: 1001}", ["9:22: scalers[0].breaker.after: must be at most 1,000, not 1001"], id="too many"),
    pytest.param("{within: 0}", ["9:23: scalers[0].breaker.within: must be between 1s and 24h, not 0s"], id="at once"),
    pytest.param("{within: x}", [f"9:23: scalers[0].breaker.within: is not a duration: {DURATION}"], id="no duration"),
]


@pytest.mark.parametrize(("value", "expected"), BREAKER)
def test_a_mistake_in_a_breaker_is_named(tmp_path: Path, value: str, expected: list[str]) -> None:
    """It is off or has keys; whoever writes on learns that it is on without the key."""
    assert expected == problems(tmp_path, scaler(f"breaker: {value}"))


PINNED = "which is always revision 7; leave the revision out there, or remove this key"
ROLLOUT = [
    pytest.param("{canary: 0}", ["9:23: scalers[0].rollout.canary: must be at least 1, not 0"], id="no canary"),
    pytest.param("{canary: 11}", ["9:23: scalers[0].rollout.canary: must be at most 10, not 11"], id="too many"),
    pytest.param("{prove: 0}", ["9:22: scalers[0].rollout.prove: must be between 1s and 24h, not 0s"], id="at once"),
    pytest.param(
        "{prove: 25h}", ["9:22: scalers[0].rollout.prove: must be between 1s and 24h, not 25h"], id="too long"
    ),
    pytest.param("{prove: x}", [f"9:22: scalers[0].rollout.prove: is not a duration: {DURATION}"], id="no duration"),
    pytest.param(
        "{on_failure: hold}",
        ['9:27: scalers[0].rollout.on_failure: must be go_back, not "hold"'],
        id="something else on failure",
    ),
    pytest.param(
        "{proof: 2m}", ["9:15: scalers[0].rollout.proof: is not a known key; did you mean prove?"], id="a key"
    ),
]


@pytest.mark.parametrize(("value", "expected"), ROLLOUT)
def test_a_mistake_in_a_rollout_is_named(tmp_path: Path, value: str, expected: list[str]) -> None:
    """Each key by itself."""
    assert expected == problems(tmp_path, scaler(f"rollout: {value}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            scaler("rollout: {}").replace("content-worker", "content-worker:7"),
            [f'9:5: scalers[0].rollout: has no effect: task.definition is "content-worker:7", {PINNED}'],
            id="a fixed revision",
        ),
        pytest.param(
            scaler("rollout: {prove: 11m}").replace("      subnets", "      deadline: 10m\n      subnets"),
            [
                "10:22: scalers[0].rollout.prove: must be at most task.deadline (10m), not 11m: no task would run for "
                "long enough"
            ],
            id="a proof beyond the deadline",
        ),
        pytest.param(
            scaler("max_containers: 2\nrollout: {canary: 3}"),
            ["10:23: scalers[0].rollout.canary: must be at most max_containers (2), not 3"],
            id="more than may live",
        ),
    ],
)
def test_a_rollout_that_could_not_end_is_refused(tmp_path: Path, text: str, expected: list[str]) -> None:
    """It never begins, or no task could prove anything."""
    assert expected == problems(tmp_path, text)


@pytest.mark.parametrize(("text", "expected"), [*KEYS, *MISSPELT, *ONCE, *TYPES, *DURATIONS, *RULES])
def test_a_mistake_is_named(tmp_path: Path, text: str, expected: list[str]) -> None:
    """A mistake is reported with line, column, key, what is wrong and what to do, and nothing else is reported."""
    assert expected == problems(tmp_path, text)


def test_all_mistakes_in_one_run(tmp_path: Path) -> None:
    """Mistakes of every kind are reported together, in the order of the file, and none hides another."""
    text = """\
nmae: x
aws: {region: 5, call_timeout: 11s}
scalers:
  - name: a
    name: b
    queue: q
    paused: yes
    demand: {}
    min_containers: 99
    cooldown: {launch: 1s, fall: later}
    task: {definition: d, run_task: {count: 3}}
  - name: a
"""
    keys = [problem.split(" ")[1] for problem in problems(tmp_path, text)]
    assert keys == [
        "nmae:",
        "aws.region:",
        "aws.call_timeout:",
        "scalers[0].name:",
        "scalers[0].paused:",
        "scalers[0].demand:",
        "scalers[0].min_containers:",
        "scalers[0].cooldown.launch:",
        "scalers[0].cooldown.fall:",
        "scalers[0].task.subnets:",
        "scalers[0].task.run_task.count:",
        "scalers[1].demand:",
        "scalers[1].task:",
        "scalers[1].queue:",
        "scalers[1].name:",
    ]


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        pytest.param(
            9,
            [
                "9:7: scalers[0].task.environment: takes 9,591 characters of overrides for 9 copies of the container, "
                "and ECS allows 8,192: shorten it, or lower max_containers_per_task to 7"
            ],
            id="9 copies",
        ),
        pytest.param(7, [], id="7 copies"),
    ],
)
def test_overrides_fit_in_a_call(tmp_path: Path, copies: int, expected: list[str]) -> None:
    """The environment of as many copies as a task may have is checked against ECS's limit."""
    lines = f"environment: {{TEXT: {'x' * 1000}}}\nmax_containers_per_task: {copies}\ncontainer: worker"
    assert expected == problems(tmp_path, task(lines))


def test_mistakes_in_an_anchor_of_many_aliases_are_reported_once(tmp_path: Path) -> None:
    """However many aliases repeat a mistake, it is reported once, and always in the same words."""
    keys = ", ".join(f"zzz{number}: 1" for number in range(40))
    aliases = "  - *first\n" * 500
    found = problems(tmp_path, f"scalers:\n  - &first {{{keys}, {LEAST_KEYS}}}\n{aliases}")
    assert [f"scalers[0].zzz{number}:" for number in range(40)] == [line.split(" ")[1] for line in found[:40]]
    assert len(found) == 41  # and that all are of one name


def test_a_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    """Of more than a thousand problems, only the number of the rest is reported."""
    found = problems(tmp_path, LEAST + "".join(f"k{number}: 1\n" for number in range(1500)))
    assert (len(found), found[-1]) == (1001, "1009:1: 500 more problems from here on")


ELSEWHERE = "is in eu-west-1, but aws.region is us-east-1: change one of the two, or set scalers[0].aws.region"
QUEUE = "queue: content-ingest"
DEFINITION = "definition: content-worker"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ((QUEUE, "queue: arn:aws:sqs:eu-west-1:111122223333:work"), "3:12: scalers[0].queue"),
        ((QUEUE, "queue: https://sqs.eu-west-1.amazonaws.com/111122223333/work"), "3:12: scalers[0].queue"),
        ((QUEUE, "queue: https://eu-west-1.queue.amazonaws.com/111122223333/work"), "3:12: scalers[0].queue"),
        (
            (DEFINITION, "definition: arn:aws:ecs:eu-west-1:111122223333:task-definition/w:7"),
            "7:19: scalers[0].task.definition",
        ),
        (
            (DEFINITION, f"{DEFINITION}\n      cluster: arn:aws:ecs:eu-west-1:111122223333:cluster/main"),
            "8:16: scalers[0].task.cluster",
        ),
    ],
    ids=["queue by ARN", "queue by URL", "queue by old URL", "definition", "cluster"],
)
def test_a_name_in_another_region_is_refused(tmp_path: Path, given: tuple[str, str], place: str) -> None:
    """Unless the scaler says that it works there: both regions are named, and the key that says so."""
    text = LEAST.replace(*given)
    (told,) = problems(tmp_path, f"{text}aws: {{region: us-east-1}}\n")
    assert told.startswith(f"{place}: {ELSEWHERE}")
    assert [] == problems(tmp_path, f"{text}    aws: {{region: eu-west-1}}\naws: {{region: us-east-1}}\n")
    assert [] == problems(tmp_path, f"{text}aws: {{region: eu-west-1}}\n")
    assert [] == problems(tmp_path, text)


@pytest.mark.parametrize(
    ("aws", "queue"),
    [
        ("region: us-east-1", "content-ingest"),
        ("region: us-east-1", "https://sqs.example.com/111122223333/work"),
        ("region: us-east-1", "https://queue.amazonaws.com/111122223333/work"),
        ("{region: us-east-1, endpoint_url: 'http://localhost:4566'}", "arn:aws:sqs:eu-west-1:111122223333:work"),
        (
            "{region: us-east-1, endpoint_url: 'http://localhost:4566'}",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/work",
        ),
    ],
    ids=["a name", "a host of one's own", "a host without region", "an ARN elsewhere", "a URL elsewhere"],
)
def test_a_name_without_a_region_is_accepted(tmp_path: Path, aws: str, queue: str) -> None:
    """A name that does not tell its region is accepted, and so is any name at an endpoint of one's own."""
    aws = aws if aws.startswith("{") else f"{{{aws}}}"
    assert [] == problems(tmp_path, LEAST.replace(QUEUE, f"queue: {queue}") + f"aws: {aws}\n")


def test_an_invalid_region_is_reported_alone(tmp_path: Path) -> None:
    """A region that is not valid is the only thing reported: no name is compared with it."""
    text = LEAST.replace(QUEUE, "queue: arn:aws:sqs:eu-west-1:111122223333:work")
    found = problems(tmp_path, f"{text}aws: {{region: us east}}\n")
    assert ["aws.region:"] == [line.split(" ")[1] for line in found]


EVENTS = [
    pytest.param(
        "{}", ["10:5: events[0]: does not say who is told: set one of eventbridge, webhook, webhook_env"], id="none"
    ),
    pytest.param(
        "{eventbridge: default, webhook_env: SLACK_URL}",
        ["10:5: events[0]: must have one receiver, not 2: keep one of eventbridge, webhook_env"],
        id="two",
    ),
    pytest.param(
        "{eventbridge: default, format: cloudevents}",
        ["10:36: events[0].format: has no effect on eventbridge, which takes CloudEvents: remove this key"],
        id="format of a bus",
    ),
    pytest.param(
        "{webhook_env: HOOK, format: teams}",
        ['10:33: events[0].format: must be cloudevents or slack, not "teams"'],
        id="format",
    ),
    pytest.param(
        "{eventbridge: a bus}",
        ['10:19: events[0].eventbridge: must be the name or the ARN of an EventBridge bus; this is "a bus"'],
        id="bus",
    ),
    pytest.param(
        "{webhook: https://hooks.slack.com/services/T/B/s3cret}",
        [
            "10:15: events[0].webhook: is a secret, as every URL of hooks.slack.com is: put it into a variable of the "
            "controller's environment, and name that in webhook_env instead"
        ],
        id="secret by its host",
    ),
    *(
        pytest.param(
            f"{{webhook: '{url}'}}",
            [
                "10:15: events[0].webhook: must be an http or https URL without user, query and fragment; one that "
                "holds a secret belongs in a variable of the environment, which webhook_env names"
            ],
            id=kind,
        )
        for kind, url in {
            "secret in a user": "https://me:s3cret@example.com/",
            "secret in a query": "https://example.com/?token=s3cret",
            "no URL": "s3cret",
            "broken": "http://[::1/s3cret",
        }.items()
    ),
    pytest.param(
        "{webhook_env: 'https://hooks.slack.com/services/T/B/s3cret'}",
        ["10:19: events[0].webhook_env: must be the name of a variable of the environment, such as SLACK_URL"],
        id="secret for its name",
    ),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_events(tmp_path: Path, event: str, expected: list[str]) -> None:
    """Who is told is named once, and no message repeats what may be a secret."""
    found = problems(tmp_path, f"{LEAST}events:\n  - {event}\n")
    assert expected == found
    assert "s3cret" not in str(found)


def test_a_bus_of_another_region(tmp_path: Path) -> None:
    """PutEvents knows the buses of its own region."""
    text = f"{LEAST}events:\n  - eventbridge: arn:aws:events:us-east-1:123456789012:event-bus/work\n"
    expected = "is in us-east-1, but aws.region is eu-west-1: name a bus there, which may pass events on"
    assert [f"10:18: events[0].eventbridge: {expected}"] == problems(tmp_path, f"{text}aws: {{region: eu-west-1}}\n")
    assert [] == problems(tmp_path, f"{text}aws: {{region: us-east-1}}\n")

"""Files that are not a configuration, or that are written to do harm."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.config import ConfigError, Loaded, load
from controller.config.scalars import read_scalar
from controller.config.source import MAX_BYTES, parse
from tests.config.files import LEAST

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def failure(path: Path) -> str:
    """Return the last problem of a file that cannot be loaded, as LINE:COL: message."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value.problems[-1]).removeprefix(f"{path}:")


def bomb() -> bytes:
    """Return ten levels of nine aliases each, which stand for 3,486,784,401 values."""
    names = "abcdefghijk"
    levels = [f"{name}: &{name} [{', '.join(9 * [f'*{below}'])}]" for below, name in pairwise(names)]
    return "\n".join(["a: &a x", *levels]).encode()


def merge_bomb() -> bytes:
    """Return thirty mappings, each of which merges the one before it twice."""
    lines = ["k0: &a0 {x: 1}"]
    lines += [f"k{n}: &a{n} {{<<: *a{n - 1}, y{n}: {{<<: *a{n - 1}}}}}" for n in range(1, 31)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "1:1: is empty; start from the commented example config.yaml", id="empty"),
        pytest.param(b"# only this\n", "1:1: is empty; start from the commented example config.yaml", id="comment"),
        pytest.param(
            b"a: 1\nb: \xe9\n",
            "2:4: is not UTF-8: the byte 0xe9 is not valid here; save the file as UTF-8",
            id="Latin-1",
        ),
        pytest.param(
            LEAST.encode("utf-16"),
            "1:1: is not UTF-8: the byte 0xff is not valid here; save the file as UTF-8",
            id="UTF-16",
        ),
        pytest.param(b"a: 1\nb: \0\n", "2:4: is not YAML: the character U+0000 is not allowed; remove it", id="NUL"),
        pytest.param(
            b"#" * (8 * MIB + 1),
            "1:1: is larger than 8,388,608 bytes, the most that a configuration may have",
            id="too large",
        ),
        pytest.param(
            b"a: 1\n---\nb: 1\n",
            "2:1: a second YAML document starts here: a configuration must be a single one",
            id="2",
        ),
        pytest.param(
            b"a: !!python/name:os.system\n",
            '1:4: a: the tag "tag:yaml.org,2002:python/name:os.system" is not supported: '
            "remove it, or put the text in quotes",
            id="tag",
        ),
        pytest.param(b"? [a]\n: b\n", "1:3: a key must be text, not a list, a mapping or an alias", id="complex key"),
        pytest.param(b"a: *b\n", '1:4: a: the alias "b" has no anchor above it', id="unknown alias"),
        pytest.param(
            b"a: &a [*a]\n", '1:8: a[0]: the alias "a" is inside the value that it stands for', id="recursive alias"
        ),
        pytest.param(
            b"a:\n  <<: 5\n",
            "2:3: a.<<: can only merge mappings: give it an alias of a mapping, or a list of such aliases",
            id="merged scalar",
        ),
        pytest.param(b"[" * 100_000, "1:34: [0][0][0]: is nested more than 32 levels deep", id="deep lists"),
        pytest.param(b"{a: " * 100_000, "1:133: a.a.a: is nested more than 32 levels deep", id="deep mappings"),
        pytest.param(b"- " * 100_000, "1:67: [0][0][0]: is nested more than 32 levels deep", id="deep blocks"),
        pytest.param(
            b"[" * 100_000 + b"]" * 100_000, "1:34: [0][0][0]: is nested more than 32 levels deep", id="deep and closed"
        ),
        pytest.param(
            b"a: &a [[[[[[[[[[1]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: [[[[[[[[[[[[*b]]]]]]]]]]]]\n",
            "3:16: c[0][0]: is nested more than 32 levels deep",
            id="deep by aliases",
        ),
        pytest.param(
            b"- &a\n" + b"  - x\n" * 99_999 + b"- *a\n" * 10,
            "100009:3: [9]: the file has more than 1,000,000 values when its aliases are followed",
            id="many values",
        ),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, expected: str) -> None:
    """A file that cannot be read gets a message of one line, with the place where reading ends."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert expected == failure(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"a: [1, 2\nb: 3\n", "2:2: is not YAML: ", id="unclosed list"),
        pytest.param(b"a: b: c\n", "1:5: is not YAML: ", id="two colons"),
        pytest.param(b"a: 1\n\tb: 2\n", "2:1: is not YAML: ", id="a tab"),
        pytest.param(b"a: 1\n  b: 2\n", "2:4: is not YAML: ", id="indentation"),
        pytest.param(b'a: "x\n', "2:1: is not YAML: ", id="unclosed quotes"),
    ],
)
def test_not_yaml(tmp_path: Path, content: bytes, reason: str) -> None:
    """A mistake in the YAML itself is reported at its place."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert failure(path).startswith(reason)


@pytest.mark.parametrize("content", [pytest.param(bomb(), id="lists"), pytest.param(merge_bomb(), id="merges")])
def test_bombs(tmp_path: Path, content: bytes) -> None:
    """Aliases count as the values that they stand for, so a bomb of aliases exceeds the limit."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert failure(path).endswith("the file has more than 1,000,000 values when its aliases are followed")


@pytest.mark.parametrize(
    "alphabet",
    [
        pytest.param(bytes(range(256)), id="bytes"),
        pytest.param(bytes(range(32, 127)), id="printable"),
        pytest.param(b"abc:-[]{},&*!|>'\"%@#? \n", id="YAML's own characters"),
        pytest.param(b"ab \n", id="words"),
    ],
)
def test_noise(tmp_path: Path, alphabet: bytes) -> None:
    """A megabyte of noise is an error."""
    path = tmp_path / "config.yaml"
    path.write_bytes(bytes(random.Random(7).choices(alphabet, k=MAX_BYTES)))
    assert failure(path)


def test_duplicates_are_reported_with_the_syntax_error(tmp_path: Path) -> None:
    """A duplicate key before a syntax error is reported along with it."""
    path = tmp_path / "config.yaml"
    path.write_text("a: 1\na: 2\nb: [\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [f"{problem.line}:{problem.column}" for problem in caught.value.problems] == ["2:1", "4:1"]


def test_a_missing_file(tmp_path: Path) -> None:
    """A missing file is one problem, which says how to name another file."""
    path = tmp_path / "config.yaml"
    assert failure(path) == "1:1: does not exist; name the configuration with --config or ECSQ_CONFIG"


def test_a_directory(tmp_path: Path) -> None:
    """A directory is not read."""
    assert failure(tmp_path) == "1:1: is a directory, not a configuration file"


def test_a_path_through_a_file(tmp_path: Path) -> None:
    """Any other failure of the system is reported in the system's own words."""
    (tmp_path / "file").write_text("")
    assert failure(tmp_path / "file" / "config.yaml") == "1:1: cannot be read: Not a directory"


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """The byte order mark that some editors write is not part of the first key."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
    assert load(path).spec.scalers[0].name == "content-ingest"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False),
        ("0", 0), ("-7", -7), ("90", 90), ("0.2", 0.2), (".5", 0.5), ("1e3", 1000.0),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("010", "010"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("0b1", "0b1"), ("1_000", "1_000"),
        ("1:30", "1:30"), ("2026-01-31", "2026-01-31"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"),
        ("012345678901", "012345678901"), ("9" * 30, "9" * 30), ("\u0665", "\u0665"),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, expected: object) -> None:
    """A plain scalar is a number, a boolean or null only if it cannot be read in another way."""
    result = read_scalar(text)
    assert (type(expected), expected) == (type(result), result)


def test_keys_are_text() -> None:
    """A key is always the text that is written there."""
    assert parse("{on: 1, 010: 2, null: 3, 1.10: 4}", "f").take_data() == {"on": 1, "010": 2, "null": 3, "1.10": 4}


def outcome(path: Path, content: bytes) -> Any:
    path.write_bytes(content)
    try:
        return load(path)
    except ConfigError as error:
        return error


fuzzed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
yaml_text = st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@#?<~ \n\t01.é\N{LINE SEPARATOR}"), max_size=60)


@fuzzed
@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
)
@example(content=b"\xef\xbb\xbf")
@example(content=b"\xef\xbb\xbf\xff")
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    """Any bytes lead to a configuration or to its problems."""
    assert isinstance(outcome(tmp_path / "config.yaml", content), Loaded | ConfigError)


@fuzzed
@given(text=yaml_text)
def test_any_yaml(tmp_path: Path, text: str) -> None:
    """Whatever text YAML's own characters form, every problem has a place in the file and takes one line."""
    result = outcome(tmp_path / "config.yaml", text.encode())
    assert isinstance(result, ConfigError)
    assert [problem for problem in result.problems if problem.line < 1 or problem.column < 1] == []
    assert len(result.problems) == len(str(result).splitlines())


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), st.text(max_size=8),
        st.sampled_from(["5m", "1:30", "FARGATE", "visible", "subnet-0123456789abcdef0", "steps", "SERVICE"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["name", "steps", "backlog", "containers", "provider", "weight", "launch", "type", "x y"]),
            inner, max_size=3,
        ),
    ),
    max_leaves=6,
)  # fmt: skip


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in paths(item, (*path, key)))]


WHOLE: dict[str, Any] = {
    "name": "a", "aws": {"consistency_window": "5s", "call_timeout": 5}, "poll_interval": "10s",
    "server": {"port": 0}, "log": {"level": "info"},
    "scalers": [{
        "name": "b", "queue": "q", "backlog": ["visible"], "min_containers": 0, "max_containers": 9,
        "demand": {"steps": [{"backlog": 1, "containers": 1}, {"backlog": 2, "containers": 2}]},
        "hysteresis": {"dead_band": 0.2}, "cooldown": {"launch": "30s"},
        "task": {
            "definition": "d", "max_containers_per_task": 2, "environment": {"A": "b"}, "tags": {"a": "b"},
            "subnets": ["subnet-0123456789abcdef0"], "capacity_providers": [{"provider": "FARGATE", "weight": 1}],
            "run_task": {"propagateTags": "NONE", "volumeConfigurations": [{"name": "data"}]},
        },
    }],
}  # fmt: skip


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(fuzzed, max_examples=80)
@given(path=st.sampled_from(paths(WHOLE)), value=values)
def test_any_value_in_any_place(tmp_path: Path, path: tuple[str | int, ...], value: Any) -> None:
    """Any value in the place of a valid one leads to a configuration or to problems of one line each."""
    content = yaml.safe_dump(replaced(WHOLE, path, value), allow_unicode=True, sort_keys=False)
    result = outcome(tmp_path / "config.yaml", content.encode(errors="replace"))
    assert isinstance(result, Loaded | ConfigError)
    if isinstance(result, ConfigError):
        assert len(result.problems) == len(str(result).splitlines())

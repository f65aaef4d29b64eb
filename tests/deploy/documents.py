"""Reads what is deployed: the JSON inputs, the Dockerfile, and the places they stand in."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def read_json(name: str) -> dict[str, Any]:
    """Return one JSON document of deploy/, by its path below it."""
    document = json.loads((DEPLOY / name).read_text())
    assert isinstance(document, dict)
    return document


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a Dockerfile."""

    name: str
    """What follows AS."""
    base: str
    """What follows FROM: an image, or an earlier stage's name."""
    instructions: tuple[tuple[str, str], ...]
    """Keyword and argument of each instruction, in order."""

    def all(self, keyword: str) -> list[str]:
        """Return the arguments of every instruction of one keyword."""
        return [argument for found, argument in self.instructions if found == keyword]


def dockerfile_stages(text: str) -> dict[str, Stage]:
    """Return a Dockerfile's stages by name, in order; comments dropped, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    for part in re.split(r"^FROM ", "\n".join(lines).replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        first, *rest = [line.strip() for line in part.splitlines() if line.strip()]
        base, _, name = first.partition(" AS ")
        instructions = tuple((line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in rest)
        stages[name] = Stage(name, base, instructions)
    return stages


def inherited(stages: dict[str, Stage], name: str, keyword: str) -> list[str]:
    """Return the arguments of one keyword in a stage and the stages it is built on, the oldest first."""
    stage = stages[name]
    below = inherited(stages, stage.base, keyword) if stage.base in stages else []
    return below + stage.all(keyword)

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.config.files import LEAST

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("texts", "code"), [((LEAST,), 0), ((LEAST, "scalers: 5\n", LEAST), 1)])
def test_the_hook_checks_every_file_that_it_is_given(tmp_path: Path, texts: tuple[str, ...], code: int) -> None:
    """As pre-commit calls it: the entry, and the files behind it; one that is invalid is enough."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*shlex.split(hook["entry"]), *map(str, files)], env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    valid = [f"{file}: valid, 1 scaler" for file, text in zip(files, texts, strict=True) if text == LEAST]
    assert (code, valid) == (done.returncode, done.stdout.splitlines()), done.stderr

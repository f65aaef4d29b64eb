"""The command ``ecsq`` with other constants: ``python -m tests.support.hurried MODULE:NAME=SECONDS ... -- run ...``.

For periods that no configuration says, so that a test of several processes need not wait for them as they are.
"""

from __future__ import annotations

import sys
from importlib import import_module


def hurry(constants: list[str]) -> None:
    """Set constants, each given as ``MODULE:NAME=SECONDS``. Raises AttributeError for one that there is not."""
    for constant in constants:
        place, seconds = constant.split("=")
        module, name = place.split(":")
        found = import_module(module)
        assert isinstance(getattr(found, name), float)
        setattr(found, name, float(seconds))


if __name__ == "__main__":
    from controller.cli import main

    end = sys.argv.index("--")
    hurry(sys.argv[1:end])
    del sys.argv[1 : end + 1]
    main()

"""``python -m controller`` is ``ecsq``."""

from controller.cli import main

if __name__ == "__main__":
    main()

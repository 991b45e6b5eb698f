"""The entry point: `tfdriver`, or `python -m tfdriver`. Handles Ctrl-C during the imports too."""

from __future__ import annotations

import gc
import sys

from tfdriver.cli.streams import open_missing
from tfdriver.interrupts import obeyed, stopped_by


def main() -> None:
    """Run the command line and exit."""
    open_missing()
    with obeyed():
        # The imports leave no garbage. Collecting during and after them takes an eighth of the time of a short command.
        gc.disable()
        try:
            from tfdriver.cli.main import main as run
        except KeyboardInterrupt as interrupt:
            sys.exit(f"error[interrupted]: {stopped_by(interrupt)}")
        gc.freeze()
        gc.enable()
        run()


if __name__ == "__main__":
    main()

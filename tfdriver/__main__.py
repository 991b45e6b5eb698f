"""`python -m tfdriver`."""

from tfdriver.cli import main

main()

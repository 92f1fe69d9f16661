"""`python -m notifier`: the command `notifier` without its script."""

from notifier.cli import main

main(prog_name="notifier")

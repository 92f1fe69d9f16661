"""`python -m bench [--only mail,intake,planning,idle] [--rounds 3]`: run benchmarks, print figures, ratios and floors.

Exits 1 when a floor of issue A section 10 does not hold. See bench/README.md for what it installs.
"""

import argparse
import importlib
import os
import platform
import sys
import time

from bench.floors import Measured

BENCHMARKS = ("idle", "intake", "planning", "mail")


def main() -> int:
    """Run what was asked for and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Notifier against its peers, in the same rounds."
    )
    parser.add_argument("--only", default=",".join(BENCHMARKS), help=f"some of {','.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of peer and product (default 3)")
    arguments = parser.parse_args()
    wanted = [name.strip() for name in arguments.only.split(",") if name.strip()]
    if unknown := set(wanted) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    machine = f"{platform.platform()}, {os.cpu_count()} cores, CPython {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}")
    measured: list[Measured] = []
    for name in wanted:
        began = time.monotonic()
        outcomes: list[Measured] = importlib.import_module(f"bench.{name}").run(arguments.rounds)
        measured += outcomes
        for outcome in outcomes:
            print(f"\n{outcome.table()}", flush=True)
        print(f"  ({time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})", flush=True)
    floors = [floor for one in measured for floor in one.floors]
    print("\nFloors")
    for floor in floors:
        print(floor.line())
    return 0 if all(floor.holds for floor in floors) else 1


if __name__ == "__main__":
    sys.exit(main())

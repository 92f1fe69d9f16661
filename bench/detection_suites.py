"""The suites of the detection benchmark as files: `detection_suites.py BENCHMARK FOLDER [SUITE,...] [SEED,...]`.

Runs in the benchmark's own environment (numpy, pandas, scipy). Writes each suite without injections as
FOLDER/SUITE.csv, and the times that the benchmark does not judge as FOLDER/SUITE.truth.csv, in the format of
`notifier detection backtest --truth`: there an incident may come an hour before the onset, so onsets are an hour later.
With seeds, also with outages and floods injected, as FOLDER/SUITE-SEED.csv; what they explain is in their truth.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import pandas as pd

HALF_HOUR, HOUR = 1800, 3600
Row = tuple[str, str, int, int]
Mask = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    """Write what was asked for."""
    benchmark, folder = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(benchmark.parent))
    import detect_bench

    suites = sys.argv[3].split(",") if len(sys.argv) > 3 else detect_bench.SUITES
    seeds = [int(seed) for seed in sys.argv[4].split(",") if seed] if len(sys.argv) > 4 else []
    for suite in suites:
        complaints = detect_bench.load(suite)
        zone = detect_bench.TZ[suite.split("-")[0]]
        columns = {"ts": detect_bench.iso(complaints.t.values, zone)}
        columns |= {name: complaints[name] for name in ("region", "category", "customer")}
        pd.DataFrame(columns).to_csv(folder / f"{suite}.csv", index=False)
        masked = _masked(detect_bench.mask_fn(suite, complaints)[0], complaints)
        _write_truth(detect_bench, masked, zone, folder / f"{suite}.truth.csv")
        for seed in seeds:
            with TemporaryDirectory() as made:
                _, injected = detect_bench.make(suite, seed, made)
                (Path(made) / "complaints.csv").rename(folder / f"{suite}-{seed}.csv")
            used = [  # as the benchmark scores: until two hours after the last chance of a hit
                (row.region, row.category, row.onset + HOUR, row.onset + detect_bench.HIT + 2 * HOUR)
                for row in injected.itertuples()
            ]
            _write_truth(detect_bench, masked + used, zone, folder / f"{suite}-{seed}.truth.csv")


def _masked(masked: Mask, complaints: pd.DataFrame) -> list[Row]:
    """Return the times that are not judged: region, category, onset, end."""
    times = np.arange(complaints.t.min() // HOUR * HOUR, complaints.t.max(), HALF_HOUR)
    rows = []
    for region, category in sorted(set(zip(complaints.region, complaints.category, strict=True))):
        inside = masked(np.array([region] * len(times)), np.array([category] * len(times)), times)
        edges = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
        ends = np.where(edges == -1)[0]
        for start, end in zip(np.where(edges == 1)[0], ends, strict=True):
            last = max(times[end - 1] + HALF_HOUR, times[start] + HOUR)
            rows.append((region, category, int(times[start] + HOUR), int(last)))
    return rows


def _write_truth(detect_bench: ModuleType, rows: list[Row], zone: str, path: Path) -> None:
    truth = pd.DataFrame(rows, columns=["region", "category", "onset", "end"])
    for name in ("onset", "end"):
        truth[name] = detect_bench.iso(truth[name].values, zone) if len(truth) else truth[name]
    truth.to_csv(path, index=False)


if __name__ == "__main__":
    main()

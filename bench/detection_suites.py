"""The suites of the detection benchmark as files: `detection_suites.py BENCHMARK FOLDER [SUITE,...]`.

Runs in the benchmark's own environment (numpy, pandas, scipy). Writes each suite without injections as
FOLDER/SUITE.csv, and the times that the benchmark does not judge as FOLDER/SUITE.truth.csv, in the format of
`notifier detection backtest --truth`: there an incident may come an hour before the onset, so onsets are an hour later.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HALF_HOUR, HOUR = 1800, 3600


def main() -> None:
    """Write what was asked for."""
    benchmark, folder = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(benchmark.parent))
    import detect_bench

    suites = sys.argv[3].split(",") if len(sys.argv) > 3 else detect_bench.SUITES
    for suite in suites:
        complaints = detect_bench.load(suite)
        zone = detect_bench.TZ[suite.split("-")[0]]
        columns = {"ts": detect_bench.iso(complaints.t.values, zone)}
        columns |= {name: complaints[name] for name in ("region", "category", "customer")}
        pd.DataFrame(columns).to_csv(folder / f"{suite}.csv", index=False)
        masked, _ = detect_bench.mask_fn(suite, complaints)
        times = np.arange(complaints.t.min() // HOUR * HOUR, complaints.t.max(), HALF_HOUR)
        rows = []
        for region, category in sorted(set(zip(complaints.region, complaints.category, strict=True))):
            inside = masked(np.array([region] * len(times)), np.array([category] * len(times)), times)
            edges = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
            ends = np.where(edges == -1)[0]
            for start, end in zip(np.where(edges == 1)[0], ends, strict=True):
                rows.append(
                    (region, category, times[start] + HOUR, max(times[end - 1] + HALF_HOUR, times[start] + HOUR))
                )
        truth = pd.DataFrame(rows, columns=["region", "category", "onset", "end"])
        for name in ("onset", "end"):
            truth[name] = detect_bench.iso(truth[name].values, zone) if len(truth) else truth[name]
        truth.to_csv(folder / f"{suite}.truth.csv", index=False)


if __name__ == "__main__":
    main()

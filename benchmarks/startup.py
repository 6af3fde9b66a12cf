"""How long ``od --help`` and a usage error take, against ``python -c pass``.

    python -m benchmarks.startup

The three in turn, twenty rounds; medians in milliseconds and ratios (goal: at most 15).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "od --help": ["-m", "od", "--help"],
    "od finetune --nonsense": ["-m", "od", "finetune", "--nonsense"],
}


def main() -> None:
    """Time and print."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(20):
        for name, arguments in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
            times[name].append(time.perf_counter() - started)
    base = statistics.median(times["python -c pass"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:24} {median * 1000:6.0f} ms  {median / base:5.1f}x")


if __name__ == "__main__":
    main()

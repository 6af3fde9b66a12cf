"""How long ``od export --target myriad`` takes, stage by stage, with the toolchain set up.

    python -m benchmarks.export_myriad runs/ssd_mobilenet_v2_320x320 --repeat 3

The command runs as a user runs it; the time of each of its stages is taken from the lines it
prints.  The goal for ssd_mobilenet_v2_320x320 is 60 s on two cores; the ratio to it is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 60.0  # seconds


def timed_export(run: Path, output: Path) -> tuple[float, list[tuple[str, float]]]:
    """Export once; return the seconds in all and of each stage."""
    command = [sys.executable, "-m", "od", "export", str(run), "--target", "myriad"]
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, "--output", str(output), "--unfinished"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    begun = [("starting", started)]
    for line in process.stderr:
        if line.rstrip().endswith("..."):
            begun.append((line.rstrip(" .\n"), time.monotonic()))
        elif line.startswith(("Error", "Hint", "no blobs")):
            print(line, end="")
    ended = time.monotonic()
    if process.wait():
        sys.exit(f"od export ended with status {process.returncode}")
    ends = [at for _, at in begun[1:]] + [ended]
    return ended - started, [(name, end - at) for (name, at), end in zip(begun, ends, strict=True)]


def main() -> None:
    """Export again and again; print each time and the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    seconds = []
    for _ in range(options.repeat):
        with tempfile.TemporaryDirectory() as folder:
            total, stages = timed_export(options.run, Path(folder, "myriad"))
        seconds.append(total)
        parts = ", ".join(f"{name} {part:.1f}" for name, part in stages)
        print(f"{total:.1f} s: {parts}", flush=True)
    best = min(seconds)
    print(f"best {best:.1f} s, {best / GOAL:.2f} of the {GOAL:.0f} s that are the goal")


if __name__ == "__main__":
    main()

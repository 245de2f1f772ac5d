"""Runs taskvec and its NumPy peer on the same adapters, by turns, each run in a process of its own.

    bench.py COMPARE.TEST [RUNS]

COMPARE.TEST is the compiled test binary of stages/compare. Times are taken inside the processes, from the first byte
read to the last number (start-up and imports left out on both sides); memory is the peak of the process. Prints
medians and ratios.
"""

import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.py")
ADAPTERS = os.path.join(tempfile.gettempdir(), "taskvec-bench-13-mistral", "task-*")


def measured(command):
    """Standard output of a command, and its peak memory in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed: {out}")
    return out, usage.ru_maxrss / 1024


def main():
    binary, runs = (
        os.path.abspath(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 7,
    )

    def ours(part):
        out, memory = measured(
            [
                binary,
                "-test.run",
                "^$",
                "-test.bench",
                f"^BenchmarkThirteen$/^{part}$",
                "-test.benchtime",
                "1x",
            ]
        )
        return float(re.search(r"1\s+(\d+(?:\.\d+)?) ns/op", out)[1]) / 1e9, memory

    def peer(part, *options):
        out, memory = measured(
            [sys.executable, PEER, *options, *sorted(glob.glob(ADAPTERS))]
        )
        seconds = json.loads(out)
        return seconds["measures"] + (seconds["csv"] if part == "csv" else 0), memory

    def peer_csv():
        with tempfile.TemporaryDirectory() as folder:
            return peer("csv", "--csv", folder)

    contestants = {
        "reading the files once": lambda: ours("read"),
        "taskvec: read, all measures": lambda: ours("measures"),
        "NumPy, a thread a core over modules: the same": lambda: peer("measures"),
        "NumPy, OpenBLAS on every core: the same": lambda: peer("measures", "--blas"),
        "taskvec: the same, nulls, CSV and Arrow": lambda: ours("compare"),
        "NumPy, a thread a core: the same, no nulls, CSV": peer_csv,
    }
    ours("read")  # writes the adapters the first time
    seen = {name: [] for name in contestants}
    for _ in range(runs):
        for name, run in contestants.items():
            seen[name].append(run())
    median = {
        name: statistics.median(s for s, _ in values) for name, values in seen.items()
    }
    print(
        f"13 adapters of Mistral 7B's shape; {runs} runs by turns; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"{'':50}{'median s':>10}{'fastest s':>11}{'peak MiB':>10}")
    for name, values in seen.items():
        fastest, memory = min(s for s, _ in values), max(m for _, m in values)
        print(f"{name:50}{median[name]:10.3f}{fastest:11.3f}{memory:10.0f}")
    read, mine, pool, blas, *whole = median.values()
    pairs = [
        (p[0] / m[0]) for m, p in zip(list(seen.values())[1], list(seen.values())[2])
    ]
    print(
        f"NumPy / taskvec: {pool / mine:.2f} (median of paired runs {statistics.median(pairs):.2f}), ",
        end="",
    )
    print(
        f"OpenBLAS on every core / taskvec: {blas / mine:.2f}, with CSV {whole[1] / whole[0]:.2f}"
    )
    print(f"taskvec / reading once: {mine / read:.2f}")


if __name__ == "__main__":
    main()

"""Runs taskvec's reader of CoNLL-2012 and that of allennlp-models on the same files, by turns.

    bench.py READERS.TEST [RUNS]

READERS.TEST is the compiled test binary of datasets, which writes the corpus the first time. Times are taken inside the
processes, start-up and imports left out. Every document is read, trees included, and let go. Prints medians as a table.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.py")
CORPUS = os.path.join(tempfile.gettempdir(), "taskvec-bench-conll-100", "files")


def ours(binary):
    """Megabytes a second by name of the benchmark."""
    out = subprocess.run(
        [
            binary,
            "-test.run",
            "^$",
            "-test.bench",
            "^BenchmarkCorpus$",
            "-test.benchtime",
            "3x",
        ],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    return {
        m[1]: float(m[2])
        for m in re.finditer(r"^BenchmarkCorpus/(\S+?)(?:-\d+)?\s.*?([\d.]+) MB/s", out, re.M)
    }


def peer(size):
    out = subprocess.run(
        [sys.executable, PEER, "time", CORPUS],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    return size / json.loads(out)["seconds"] / 1e6


def main():
    binary = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ours(binary)  # writes the corpus the first time
    size = sum(
        os.path.getsize(os.path.join(folder, file))
        for folder, _, files in os.walk(CORPUS)
        for file in files
    )
    seen = {}
    for _ in range(runs):
        for name, speed in [*ours(binary).items(), ("allennlp-models", peer(size))]:
            seen.setdefault(name, []).append(speed)
    slow = statistics.median(seen["allennlp-models"])
    print(
        f"{size / 1e6:.1f} MB in files of about 32 kB or in one file; {runs} runs by turns; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print("| reader | median MB/s | fastest | times the peer |\n|---|---|---|---|")
    for name, speeds in seen.items():
        median = statistics.median(speeds)
        print(f"| {name} | {median:.0f} | {max(speeds):.0f} | {median / slow:.1f} |")


if __name__ == "__main__":
    main()

"""Runs taskvec's reader of CoNLL-2012 and that of allennlp-models on the same files, by turns.

    bench.py READERS.TEST [RUNS]

READERS.TEST is the compiled test binary of datasets, which writes the corpus the first time. Times are taken inside the
processes, start-up and imports left out. Every document is read, trees included, and let go. Prints medians as a table; what is read in a
second of a processor depends little on what else the machine does.
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


def start(binary, which):
    return subprocess.Popen(
        [
            binary,
            "-test.run",
            "^$",
            "-test.bench",
            which,
            "-test.benchtime",
            "5x",
        ],
        text=True,
        stdout=subprocess.PIPE,
    )


def ours(started):
    """Megabytes a second, and in a second of a processor, by name of the benchmark."""
    out, _ = started.communicate()
    if started.returncode:
        sys.exit(out)
    speeds = (
        r"^BenchmarkCorpus/(\S+?)(?:-\d+)?\s.*?([\d.]+) MB/s\s+([\d.]+) MB/processor-s"
    )
    return {
        m[1]: (float(m[2]), float(m[3])) for m in re.finditer(speeds, out, re.MULTILINE)
    }


def apart(binary):
    """What the machine gives: a process a core, each reading the whole corpus with one, at the same time."""
    which = "^BenchmarkCorpus$/^files$/^read$/^cores=1$"
    together = [start(binary, which) for _ in range(os.cpu_count())]
    speeds = [s for p in together for s in ours(p).values()]
    return sum(wall for wall, _ in speeds), statistics.mean(used for _, used in speeds)


def peer(size):
    out = subprocess.run(
        [sys.executable, PEER, "time", CORPUS],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    took = json.loads(out)
    return size / took["seconds"] / 1e6, size / took["processor_seconds"] / 1e6


def main():
    binary = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    everything = "^BenchmarkCorpus$"
    ours(start(binary, everything))  # writes the corpus the first time
    size = sum(
        os.path.getsize(os.path.join(folder, file))
        for folder, _, files in os.walk(CORPUS)
        for file in files
    )
    seen = {}
    for _ in range(runs):
        for name, speed in [
            *ours(start(binary, everything)).items(),
            ("files/read, a process a core", apart(binary)),
            ("allennlp-models", peer(size)),
        ]:
            seen.setdefault(name, []).append(speed)
    print(
        f"{size / 1e6:.1f} MB in files of about 32 kB or in one file; {runs} runs by turns; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print("| reader | MB/s | times the peer | MB in a processor's second | times |")
    print("|---|---|---|---|---|")
    slow = [statistics.median(s) for s in zip(*seen["allennlp-models"])]
    for name, speeds in seen.items():
        wall, used = [statistics.median(s) for s in zip(*speeds)]
        print(
            f"| {name} | {wall:.1f} | {wall / slow[0]:.1f} | {used:.1f} | {used / slow[1]:.1f} |"
        )


if __name__ == "__main__":
    main()

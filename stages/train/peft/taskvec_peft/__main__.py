"""Trains the job of a folder: python -m taskvec_peft [JOB], /job by default."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from . import job as contract

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave(*_) -> None:
    """Ends at once, before there is anything to save: importing and loading take their time, and the
    first process of a container ignores a signal that it does not handle."""
    os.write(2, b"stopped before the first step\n")
    os._exit(contract.TRY_AGAIN)


if __name__ == "__main__":
    for number in SIGNALS:
        signal.signal(number, leave)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers

from .train import Stopped, Training, out_of_memory

ADVICE = "set gradient_checkpointing: true, a smaller max_length or quantization: nf4, or use a device with more memory"


def halve(training: Training) -> int:
    """Notes half the batch and twice the accumulation for the next attempt: the same steps in less
    memory. Once only, and not below one example."""
    path = training.checkpoint / "memory.json"
    if training.batch_size < 2 or path.exists():
        print(
            f"out of memory with batch_size {training.batch_size}: {ADVICE}",
            file=sys.stderr,
        )
        return 1
    half = training.batch_size // 2
    accumulation = -(-training.step_size // half)
    contract.write_json(path, {"batch_size": half, "accumulation": accumulation})
    print(
        f"out of memory with batch_size {training.batch_size}: trying again with {half} and accumulation {accumulation}; "
        f"to avoid the attempt set them in the experiment, or {ADVICE}",
        file=sys.stderr,
    )
    return contract.TRY_AGAIN


def main(folder: Path) -> int:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    stopping = []
    training = None
    try:
        training = Training(folder, contract.read(folder), lambda: bool(stopping))
        for number in SIGNALS:
            signal.signal(number, lambda *_: stopping.append(True))
        training.run()
    except contract.BadData as e:
        print(f"bad data: {e}", file=sys.stderr)
        return contract.BAD_DATA
    except Stopped:
        print(
            f"stopped at step {training.state.step}; the next attempt goes on from there",
            file=sys.stderr,
        )
        return contract.TRY_AGAIN
    except (torch.OutOfMemoryError, RuntimeError) as e:
        if not out_of_memory(e):
            raise
        if training is None:
            print(f"out of memory while loading the model: {ADVICE}", file=sys.stderr)
            return 1
        return halve(training)
    return contract.DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "/job")))

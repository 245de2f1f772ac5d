"""Trains the job of a folder: python -m taskvec_peft [JOB], /job by default."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers

from . import job as contract
from .train import Stopped, Training


def out_of_memory(e: BaseException) -> bool:
    return isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e)


def halve(training: Training) -> int:
    """Notes half the batch and twice the accumulation for the next attempt: the same steps in less
    memory. Once only, and not below one example."""
    path = training.checkpoint / "memory.json"
    advice = "set gradient_checkpointing: true, a smaller max_length or quantization: nf4, or use a device with more memory"
    if training.batch_size < 2 or path.exists():
        print(
            f"out of memory with batch_size {training.batch_size}: {advice}",
            file=sys.stderr,
        )
        return 1
    half = training.batch_size // 2
    accumulation = -(-training.step_size // half)
    contract.write_json(path, {"batch_size": half, "accumulation": accumulation})
    print(
        f"out of memory with batch_size {training.batch_size}: trying again with {half} and accumulation {accumulation}; "
        f"to avoid the attempt set them in the experiment, or {advice}",
        file=sys.stderr,
    )
    return contract.TRY_AGAIN


def main(folder: Path) -> int:
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    training = None
    try:
        training = Training(folder, contract.read(folder), lambda: bool(stopping))
        training.run()
    except contract.BadData as e:
        print(f"bad data: {e}", file=sys.stderr)
        return contract.BAD_DATA
    except Stopped:
        print(
            f"stopped at step {training.state.step}; a checkpoint is saved",
            file=sys.stderr,
        )
        return contract.TRY_AGAIN
    except (torch.OutOfMemoryError, RuntimeError) as e:
        if training is None or not out_of_memory(e):
            raise
        return halve(training)
    return contract.DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "/job")))

"""The contract with whoever starts a training: job.json, train.json, exit codes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

DONE = 0
BAD_DATA = 65  # the examples or the base model cannot be trained on
TRY_AGAIN = 75  # stopped after a checkpoint, or a passing fault


class BadData(Exception):
    """A fault of the examples or the base model, which trying again does not mend."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A job.json. Unknown fields are refused: a setting that has no effect is a wrong result."""

    family: str  # llama, mistral or roberta
    model_name: str  # what adapter_config.json calls the base model
    model_path: Path
    task: str
    examples: Path
    rank: int
    alpha: float
    dropout: float
    target_modules: list[str]
    epochs: int
    learning_rate: float
    schedule: str  # constant, linear or cosine, after warm-up
    warmup: float  # share of the steps
    batch_size: int
    accumulation: int
    max_length: int
    weight_decay: float
    clip: float  # largest gradient norm; 0 = none
    patience: int  # epochs without a better validation loss; 0 = no end
    init_seed: int
    data_seed: int
    optimizer: str  # adamw or paged_adamw_32bit
    dtype: str  # of the base model: auto, bfloat16 or float32
    gradient_checkpointing: bool
    quantization: str  # of the base model: none or nf4
    group_by_length: bool
    digest: str  # SHA-256 of what determines the result


def read(folder: Path) -> Job:
    path = folder / "job.json"
    text = path.read_bytes()
    try:
        raw = json.loads(text)
        model, lora = raw.pop("model"), raw.pop("lora")
        digest = hashlib.sha256(
            json.dumps([model["name"], lora, raw], sort_keys=True).encode()
        ).hexdigest()
        return Job(
            family=model["family"],
            model_name=model["name"],
            model_path=Path(model["path"]),
            examples=Path(raw.pop("examples")),
            rank=lora["r"],
            alpha=lora["lora_alpha"],
            dropout=lora["lora_dropout"],
            target_modules=list(lora["target_modules"]),
            optimizer=raw.pop("optimizer", "adamw"),
            dtype=raw.pop("dtype", "auto"),
            gradient_checkpointing=raw.pop("gradient_checkpointing", False),
            quantization=raw.pop("quantization", "none"),
            group_by_length=raw.pop("group_by_length", False),
            digest=digest,
            **raw,
        )
    except (KeyError, TypeError, ValueError) as e:
        raise BadData(f"{path} is no job: {e}") from e


def write_json(path: Path, value: object) -> None:
    """Writes a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")
        f.flush()
        os.fsync(f.fileno())
    part.replace(path)

"""Examples as token sequences: what the model reads and what the loss counts."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pyarrow as pa
import torch

from .job import BadData, Job

IGNORED = -100  # a target the loss leaves out


@dataclasses.dataclass
class Sequence:
    """One tokenised example: the ids, and the answer's length at their end or the label."""

    ids: list[int]
    answer: int = 0  # supervised tokens at the end, the end token among them
    label: int = -1
    types: list[int] | None = None  # token type ids, where the model has them

    @property
    def supervised(self) -> int:
        return self.answer or 1


@dataclasses.dataclass
class Dataset:
    splits: dict[str, list[Sequence]]
    truncated: dict[str, int]
    labels: list[str]  # of classification, else empty

    @property
    def classification(self) -> bool:
        return bool(self.labels)


def read_examples(path: Path) -> tuple[list[dict], dict[str, str]]:
    """Reads examples.arrow: its rows and its metadata."""
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowInvalid) as e:
        raise BadData(f"{path}: {e}") from e
    meta = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    return table.to_pylist(), meta


def longest(job: Job, config, pad: int | None) -> int:
    """The most tokens a sequence can have: the job's or the model's limit."""
    limit = getattr(config, "max_position_embeddings", None) or job.max_length
    if job.family == "roberta":
        limit -= (pad or 0) + 1  # RoBERTa counts its positions from pad + 1
    return min(job.max_length, limit)


def prepare(job: Job, tokenizer, config) -> Dataset:
    """Tokenises the examples and checks what would spoil a training in silence: rows without a
    supervised token, a missing end token, a doubled start token."""
    rows, meta = read_examples(job.examples)
    labels = json.loads(meta["labels"]) if meta.get("kind") == "classification" else []
    limit = longest(job, config, tokenizer.pad_token_id)
    data = Dataset({"train": [], "validation": [], "test": []}, {}, labels)
    for row in rows:
        try:
            if labels:
                sequence, cut = classified(row, tokenizer, len(labels), limit)
            else:
                sequence, cut = completed(row, tokenizer, limit)
        except ValueError as e:
            raise BadData(f"example {row['id']}: {e}") from e
        data.splits[row["split"]].append(sequence)
        if cut:
            data.truncated[row["split"]] = data.truncated.get(row["split"], 0) + 1
    for split in ("train", "validation"):
        if not data.splits[split]:
            raise BadData(f"no {split} examples")
    return data


def encode(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def start(tokenizer) -> list[int]:
    """The start token, for a model whose tokenizer begins its sequences with one."""
    ids = tokenizer("a")["input_ids"]
    bos = tokenizer.bos_token_id
    return [bos] if bos is not None and ids and ids[0] == bos else []


def completed(row: dict, tokenizer, limit: int) -> tuple[Sequence, bool]:
    """BOS, prompt, completion, EOS, prompt and completion tokenised apart. Of an over-long one the
    middle of the prompt is left out, so that the instruction and the words that announce the answer
    stay."""
    bos, eos = start(tokenizer), tokenizer.eos_token_id
    if eos is None:
        raise ValueError(
            "the tokenizer has no end token: stopping could not be learned"
        )
    prompt, answer = (
        encode(tokenizer, row["prompt"]),
        encode(tokenizer, row["completion"]),
    )
    if not answer:
        raise ValueError("its answer is empty: nothing would be trained")
    if bos and prompt[:1] == bos:
        raise ValueError("it begins with two start tokens")
    room = limit - len(answer) - len(bos) - 1
    if room < min(len(prompt), 2):
        raise ValueError(
            f"its answer of {len(answer)} tokens leaves no room for the prompt in {limit}: raise max_length"
        )
    cut = len(prompt) > room
    if cut:
        head = room // 2
        prompt = prompt[:head] + prompt[len(prompt) - (room - head) :]
    return Sequence(ids=bos + prompt + answer + [eos], answer=len(answer) + 1), cut


def classified(row: dict, tokenizer, labels: int, limit: int) -> tuple[Sequence, bool]:
    """Text, or a pair of texts, framed as the tokenizer frames them. Of an over-long one the end of
    the longer text is left out."""
    if not 0 <= row["label"] < labels:
        raise ValueError(f"its label {row['label']} is none of the {labels} labels")
    pair = row["text_pair"] or None
    whole = tokenizer(row["text"], pair)
    cut = len(whole["input_ids"]) > limit
    if cut:
        whole = tokenizer(
            row["text"], pair, truncation="longest_first", max_length=limit
        )
    return Sequence(
        ids=whole["input_ids"], label=row["label"], types=whole.get("token_type_ids")
    ), cut


def epoch_order(
    sequences: list[Sequence],
    seed: int,
    epoch: int,
    step_size: int,
    group_by_length: bool,
) -> list[int]:
    """The order of an epoch's examples. Grouped by length, batches hold examples of like length: the
    examples are drawn, then sorted within pools of 50 steps, and the steps are drawn again."""
    rng = random.Random(f"{seed}/{epoch}")
    order = list(range(len(sequences)))
    rng.shuffle(order)
    if not group_by_length:
        return order
    pool = 50 * step_size
    grouped = []
    for i in range(0, len(order), pool):
        grouped += sorted(order[i : i + pool], key=lambda k: -len(sequences[k].ids))
    steps = [grouped[i : i + step_size] for i in range(0, len(grouped), step_size)]
    last = steps.pop() if len(steps[-1]) < step_size else []
    rng.shuffle(steps)
    return [k for step in steps for k in step] + last


def collate(batch: list[Sequence], pad: int, device) -> dict[str, torch.Tensor]:
    """Pads a batch on the left for answers, so that they end together, and on the right for labels."""
    width = max(len(s.ids) for s in batch)
    left = batch[0].answer > 0
    ids = torch.full((len(batch), width), pad)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for i, s in enumerate(batch):
        where = slice(width - len(s.ids), width) if left else slice(0, len(s.ids))
        ids[i, where] = torch.tensor(s.ids)
        mask[i, where] = 1
    out = {"input_ids": ids, "attention_mask": mask}
    if left:
        out["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        keep = max(s.answer for s in batch)
        targets = torch.full((len(batch), keep), IGNORED)
        for i, s in enumerate(batch):
            targets[i, keep - s.answer :] = torch.tensor(s.ids[-s.answer :])
        out["targets"] = targets
    else:
        out["targets"] = torch.tensor([s.label for s in batch])
        if batch[0].types is not None:
            types = torch.zeros_like(ids)
            for i, s in enumerate(batch):
                types[i, : len(s.ids)] = torch.tensor(s.types)
            out["token_type_ids"] = types
    return {k: v.to(device) for k, v in out.items()}

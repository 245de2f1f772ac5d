"""Validates trained adapters with the PEFT library: reads a JSON list of jobs (model, family, examples,
adapter and init folders) and prints for each the validation loss of both, the adapted modules, and the
tensors of the files that the library did not take. Tokens are framed here, by transformers' tokenizer."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    logging,
)

logging.set_verbosity_error()
logging.disable_progress_bar()


def unused(model, adapter: str) -> list[str]:
    """The file's tensors that are no parameter of the model with the same values."""
    named = {
        n.replace(".default", "").replace(".modules_to_save", ""): p
        for n, p in model.named_parameters()
        if "original_module" not in n
    }
    weights = load_file(Path(adapter) / "adapter_model.safetensors")
    return [
        k for k, v in weights.items() if k not in named or not torch.equal(named[k], v)
    ]


@torch.no_grad()
def validate(model, tokenizer, rows: list[dict], classify: bool) -> float:
    loss, count = 0.0, 0
    for row in rows:
        if classify:
            ids = tokenizer(row["text"], row["text_pair"] or None)["input_ids"]
            targets = torch.tensor([row["label"]])
            logits = model(torch.tensor([ids])).logits
        else:
            prompt, answer = (
                tokenizer(row[k], add_special_tokens=False)["input_ids"]
                for k in ("prompt", "completion")
            )
            answer = [*answer, tokenizer.eos_token_id]
            ids = [tokenizer.bos_token_id, *prompt, *answer]
            targets = torch.tensor(answer)
            logits = model(torch.tensor([ids])).logits[0, -len(answer) - 1 : -1]
        loss += torch.nn.functional.cross_entropy(
            logits, targets, reduction="sum"
        ).item()
        count += len(targets)
    return loss / count


def check(job: dict) -> dict:
    with pa.memory_map(job["examples"]) as source:
        rows = pa.ipc.open_file(source).read_all().to_pylist()
    rows = [row for row in rows if row["split"] == "validation"]
    classify = job["family"] == "roberta"
    kind = AutoModelForSequenceClassification if classify else AutoModelForCausalLM
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    out = {}
    for name in ("init", "adapter"):
        extra = {"num_labels": 2} if classify else {}
        base = kind.from_pretrained(job["model"], dtype=torch.float32, **extra)
        model = PeftModel.from_pretrained(base, job[name]).eval()
        out[name] = {
            "loss": validate(model, tokenizer, rows, classify),
            "modules": sum("lora_A" in n for n, _ in model.named_parameters()),
            "unused": unused(model, job[name]),
        }
    return out


print(json.dumps([check(job) for job in json.loads(sys.argv[1])]))

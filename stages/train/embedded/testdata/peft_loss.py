"""Prints the mean loss of an adapter that the PEFT library loads: MODEL FAMILY ADAPTER ITEMS."""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

folder, family, adapter, items = sys.argv[1:5]
if family == "roberta":
    base = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, dtype=torch.float32
    )
else:
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, adapter, is_trainable=True)
model.eval()
named = dict(model.named_parameters())
unused = []
for key, value in load_file(f"{adapter}/adapter_model.safetensors").items():
    found = [
        n
        for n in named
        if n.replace(".default", "").replace(".modules_to_save", "") == key
        and "original_module" not in n
        and torch.equal(named[n], value)
    ]
    if len(found) != 1:
        unused.append(key)
total, count = 0.0, 0
for item in json.loads(Path(items).read_text()):
    with torch.no_grad():
        logits = model(torch.tensor([item["tokens"]])).logits[0]
    if family == "roberta":
        logits, targets = logits.unsqueeze(0), torch.tensor([item["label"]])
    else:
        targets = torch.tensor(item["targets"])
        logits, targets = logits[targets >= 0], targets[targets >= 0]
    total += torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
    count += len(targets)
trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
json.dump({"loss": total / count, "trainable": trainable, "unused": unused}, sys.stdout)

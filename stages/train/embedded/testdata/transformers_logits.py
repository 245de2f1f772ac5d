"""Prints the ids and logits that transformers gives for texts: FOLDER FAMILY JSON-TEXTS."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

folder, family, texts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(folder)
kind = AutoModelForMaskedLM if family == "roberta" else AutoModelForCausalLM
model, info = kind.from_pretrained(
    folder, output_loading_info=True, dtype=torch.float32
)
problems = {k: sorted(map(str, v)) for k, v in info.items() if v}
if problems:
    sys.exit(f"loading is not clean: {problems}")
model.eval()
out = {"ids": [], "logits": []}
for text in texts:
    ids = tokenizer(text)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    out["ids"].append(ids)
    out["logits"].append(logits.flatten().tolist())
json.dump(out, sys.stdout)

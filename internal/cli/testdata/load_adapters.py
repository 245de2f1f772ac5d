"""Loads adapters with the PEFT library: a JSON list of {job, adapter, base}."""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
)

out = {}
for item in json.loads(sys.argv[1]):
    if AutoConfig.from_pretrained(item["base"]).model_type == "roberta":
        base = AutoModelForSequenceClassification.from_pretrained(
            item["base"], num_labels=2
        )
    else:
        base = AutoModelForCausalLM.from_pretrained(item["base"])
    model = PeftModel.from_pretrained(base, item["adapter"])
    loaded = {
        n.replace(".default", "").replace(".modules_to_save", ""): p
        for n, p in model.named_parameters()
        if "original_module" not in n
    }
    stored = load_file(item["adapter"] + "/adapter_model.safetensors")
    out[item["job"]] = {
        "modules": sum(k.endswith("lora_A.weight") for k in stored),
        "missing": [
            k
            for k, v in stored.items()
            if k not in loaded or not torch.equal(loaded[k], v)
        ],
        "zero_b": all(
            not v.any() for k, v in stored.items() if k.endswith("lora_B.weight")
        ),
    }
json.dump(out, sys.stdout)

"""Prints the relative error of ΔW of a GGUF adapter against its PEFT folder, the largest of each kind.

usage: import_error.py FILE FOLDER HEADS KEY-HEADS
"""

import json
import os
import sys

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import load_file

KINDS = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
}

file, folder = sys.argv[1:3]
heads = {"attn_q": int(sys.argv[3]), "attn_k": int(sys.argv[4])}
reader = GGUFReader(file)
alpha = reader.fields["adapter.lora.alpha"].contents()
tensors = {t.name: t.data.astype(np.float64) for t in reader.tensors}
with open(os.path.join(folder, "adapter_config.json")) as f:
    config = json.load(f)
peft = load_file(os.path.join(folder, "adapter_model.safetensors"))

worst = {}
for name, a in peft.items():
    if not name.endswith(".lora_A.weight"):
        continue
    b = peft[name.replace(".lora_A.", ".lora_B.")].astype(np.float64)
    layer, _, module = name.split("layers.")[1].split(".")[:3]
    kind = KINDS[module]
    want = config["lora_alpha"] / config["r"] * (b @ a)
    if kind in heads:
        # Rows as llama.cpp keeps them: of each head, the two rotated halves in turns.
        h = heads[kind]
        want = (
            want.reshape(h, 2, want.shape[0] // h // 2, want.shape[1])
            .swapaxes(1, 2)
            .reshape(want.shape)
        )
    ours_a, ours_b = (tensors[f"blk.{layer}.{kind}.weight.lora_{x}"] for x in "ab")
    got = alpha / ours_a.shape[0] * (ours_b @ ours_a)
    error = np.linalg.norm(got - want) / np.linalg.norm(want)
    worst[kind] = max(worst.get(kind, 0.0), error)
json.dump(worst, sys.stdout)

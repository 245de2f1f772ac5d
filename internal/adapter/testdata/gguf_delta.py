"""Compares adapters' GGUF files, read by the gguf library, with PEFT's own ΔW.

usage: gguf_delta.py OUT NAME...

OUT/NAME.gguf is the file, OUT/NAME.delta.safetensors the ΔW of each module by its name, and OUT/llama the
base model's configuration. Prints {NAME: [number of modules, largest relative error]}.
"""

import json
import os
import sys

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import load_file

MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def permuted(w, heads):
    """Rows as llama.cpp keeps them: of each head, the two rotated halves in turns."""
    return (
        w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1])
        .swapaxes(1, 2)
        .reshape(w.shape)
    )


out = sys.argv[1]
with open(os.path.join(out, "llama", "config.json")) as f:
    config = json.load(f)
heads = {
    "attn_q": config["num_attention_heads"],
    "attn_k": config["num_key_value_heads"],
}
result = {}
for name in sys.argv[2:]:
    file = GGUFReader(os.path.join(out, name + ".gguf"))
    fields = {k: f.contents() for k, f in file.fields.items()}
    assert fields["general.architecture"] == "llama", fields
    assert fields["general.type"] == "adapter", fields
    assert fields["adapter.type"] == "lora", fields
    tensors = {t.name: t.data for t in file.tensors}
    deltas = load_file(os.path.join(out, name + ".delta.safetensors"))
    assert len(tensors) == 2 * len(deltas), (len(tensors), len(deltas))
    worst = 0.0
    for module, delta in deltas.items():
        layer, within = module.removeprefix("model.layers.").split(".", 1)
        kind = MODULES[within]
        a, b = (
            tensors[f"blk.{layer}.{kind}.weight.lora_{x}"].astype(np.float64)
            for x in "ab"
        )
        got = fields["adapter.lora.alpha"] / a.shape[0] * (b @ a)
        want = permuted(delta, heads[kind]) if kind in heads else delta
        worst = max(worst, np.linalg.norm(got - want) / np.linalg.norm(want))
    result[name] = [len(deltas), worst]
json.dump(result, sys.stdout)

"""Saves adapters with the PEFT library itself, for the tests to read.

usage: peft_adapters.py OUT

OUT/NAME is a PEFT folder and OUT/NAME.delta.safetensors the ΔW of each of its modules as PEFT's
get_delta_weight computes it, by module name: the matrix that is added to the base weight. OUT/llama is the
configuration of the Llama models among the bases.
"""

import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
)


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40,
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=12,
            num_attention_heads=4,
            num_key_value_heads=2,
        )
    )


def roberta():
    return RobertaForSequenceClassification(
        RobertaConfig(
            vocab_size=40,
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_labels=3,
        )
    )


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=40, n_embd=24, n_layer=2, n_head=4, n_positions=16)
    )


CASES = {
    "plain": (
        llama,
        {"r": 4, "lora_alpha": 7.5, "target_modules": ["v_proj", "q_proj"]},
    ),
    "defaults": (llama, {"target_modules": ["q_proj"]}),
    "patterns": (
        llama,
        {
            "r": 4,
            "lora_alpha": 6,
            "use_rslora": True,
            "target_modules": ["q_proj", "v_proj", "o_proj"],
            # In sorted order, as PEFT saves them: it would read another order back than it trained.
            "rank_pattern": {
                r"layers\.1\.self_attn\.q_proj": 2,
                "self_attn.v_proj": 5,
                "v_proj": 3,
            },
            "alpha_pattern": {
                "layers.1.*_proj": 2.5,
                "model.layers.9.self_attn.o_proj": 9,
            },
        },
    ),
    "regex": (
        llama,
        {"r": 2, "lora_alpha": 3, "target_modules": r".*\.[0-3]\.mlp\.(up|down)_proj"},
    ),
    "all-modules": (
        llama,
        {
            "r": 2,
            "lora_alpha": 0.5,
            "target_modules": [
                "q_proj",
                "k_proj",
                "v_proj",
                "o_proj",
                "gate_proj",
                "up_proj",
                "down_proj",
            ],
        },
    ),
    "all-linear": (
        roberta,
        {
            "r": 2,
            "lora_alpha": 3,
            "target_modules": "all-linear",
            "task_type": "SEQ_CLS",
        },
    ),
    "head": (
        roberta,
        {
            "r": 2,
            "lora_alpha": 3,
            "target_modules": ["query", "value"],
            "task_type": "SEQ_CLS",
            "bias": "lora_only",
        },
    ),
    "transposed": (
        gpt2,
        {"r": 2, "lora_alpha": 3, "target_modules": ["c_attn"], "fan_in_fan_out": True},
    ),
    "embedding": (
        llama,
        {"r": 2, "lora_alpha": 3, "target_modules": ["embed_tokens", "q_proj"]},
    ),
    "dora": (llama, {"r": 2, "target_modules": ["q_proj"], "use_dora": True}),
    "pissa": (
        llama,
        {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": "pissa"},
    ),
    "olora": (
        llama,
        {"r": 2, "target_modules": ["q_proj"], "init_lora_weights": "olora"},
    ),
}


def main(out):
    torch.manual_seed(0)
    llama().config.save_pretrained(os.path.join(out, "llama"))
    for name, (base, config) in CASES.items():
        model = get_peft_model(base(), LoraConfig(**config)).double()
        deltas = {}
        for path, module in model.named_modules():
            if not hasattr(module, "get_delta_weight"):
                continue
            for factors in (module.lora_B, module.lora_embedding_B):
                for b in factors.values():
                    torch.nn.init.normal_(
                        b if isinstance(b, torch.nn.Parameter) else b.weight
                    )
            deltas[path.removeprefix("base_model.model.")] = (
                module.get_delta_weight("default").detach().contiguous()
            )
        model.save_pretrained(os.path.join(out, name), save_embedding_layers=False)
        save_file(deltas, os.path.join(out, name + ".delta.safetensors"))


main(sys.argv[1])

"""Saves small models with transformers, each with a tokenizer that the tokenizers library trained.

usage: hf_models.py OUT JSON-TEXTS

OUT/NAME is a Hugging Face folder. Prints {NAME: {"ids": […], "logits": […]}}: of each text its ids, and the
logits of the token after the last.
"""

import json
import os
import sys

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def words():
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def digits():
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(True), words()])


def llama3():
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.15,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
# pre-tokenizer, whether a word that is a token is not taken apart, whether texts begin with the start
# token, model, and what is special about it.
CASES = {
    "gpt2": (
        words,
        False,
        True,
        LlamaForCausalLM,
        LlamaConfig,
        {"tie_word_embeddings": True},
    ),
    "smollm": (
        digits,
        False,
        False,
        LlamaForCausalLM,
        LlamaConfig,
        {
            "num_key_value_heads": 2,
            "head_dim": 32,
            "rope_parameters": {"rope_type": "default", "rope_theta": 100.0},
        },
    ),
    "llama3": (
        llama3,
        True,
        True,
        MistralForCausalLM,
        MistralConfig,
        {
            "num_key_value_heads": 1,
            "sliding_window": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
        },
    ),
}


def main(out, texts):
    torch.manual_seed(0)
    result = {}
    for name, (pre, whole, start, model_class, config_class, special) in CASES.items():
        tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
        tokenizer.pre_tokenizer = pre()
        tokenizer.train_from_iterator(
            texts * 3,
            trainers.BpeTrainer(
                vocab_size=400,
                special_tokens=["<s>", "</s>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        if start:
            tokenizer.post_processor = processors.TemplateProcessing(
                single="<s> $A", special_tokens=[("<s>", 0)]
            )
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>"
        )
        # A few weights more than tokens, as many models have them.
        config = config_class(vocab_size=len(fast) + 7, **SIZES, **special)
        model = model_class(config).eval()
        folder = os.path.join(out, name)
        fast.save_pretrained(folder)
        model.save_pretrained(folder)
        ids, logits = [], []
        for text in texts:
            ids.append(fast(text)["input_ids"])
            with torch.no_grad():
                logits.append(model(torch.tensor([ids[-1]])).logits[0, -1].tolist())
        result[name] = {"ids": ids, "logits": logits}
    json.dump(result, sys.stdout)


main(sys.argv[1], json.loads(sys.argv[2]))

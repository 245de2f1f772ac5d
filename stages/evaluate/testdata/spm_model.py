"""Saves a small model of Mistral's kind, which our own GGUF writer refuses, and an adapter of it.

usage: spm_model.py OUT TOKENS JSON-PROMPTS

Its tokenizer is SentencePiece's BPE, with bytes for what it does not know, and its positions are scaled.
OUT/model is the Hugging Face folder, OUT/model.gguf the same for a server, written by the package gguf, and
OUT/out/adapter a PEFT folder of drawn factors. Prints {"none": […], "adapter": […]}: what follows each
prompt, TOKENS tokens, the likeliest each time.
"""

import json
import os
import sys

import gguf
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]
HEADS, KV_HEADS, FACTOR = 4, 2, 2.0


def spell():
    return normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )


def pieces(texts):
    """The pieces in the order of their scores: those that were merged, the earliest first, then letters."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = spell()
    # Lines apart: a newline is no piece, as in Mistral's vocabulary.
    lines = [line for text in texts * 3 for line in text.split("\n") if line]
    trained.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=200, show_progress=False)
    )
    by_id = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    names = [name for name, _ in by_id]
    return [n for n in names if len(n) > 1] + [n for n in names if len(n) == 1]


def tokenizer_of(names):
    vocab = {name: i for i, name in enumerate(SPECIAL + BYTES + names)}
    merges = []
    for name in (
        names
    ):  # every way to cut a piece in two, as SentencePiece merges whatever makes one
        cuts = [(name[:i], name[i:]) for i in range(1, len(name))]
        known = [c for c in cuts if c[0] in vocab and c[1] in vocab]
        merges += sorted(known, key=lambda c: (vocab[c[0]], vocab[c[1]]))
    tokenizer = Tokenizer(
        models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = spell()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def write_gguf(path, model, names):
    config = model.config
    w = gguf.GGUFWriter(path, "llama")
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    w.add_vocab_size(config.vocab_size)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(HEADS)
    w.add_head_count_kv(KV_HEADS)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    w.add_rope_dimension_count(config.hidden_size // HEADS)
    w.add_rope_freq_base(config.rope_parameters["rope_theta"])
    w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    w.add_rope_scaling_factor(FACTOR)
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list(SPECIAL + BYTES + names)
    w.add_token_scores(
        [0.0] * (len(SPECIAL) + 256) + [-float(i) for i in range(len(names))]
    )
    kinds = gguf.TokenType
    w.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
        + [kinds.BYTE] * 256
        + [kinds.NORMAL] * len(names)
    )
    w.add_unk_token_id(0)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    places = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in model.state_dict().items():
        array = weight.float().numpy()
        heads = {"q_proj": HEADS, "k_proj": KV_HEADS}.get(name.split(".")[-2])
        if heads:
            halves = array.reshape(heads, 2, -1, array.shape[1])
            array = halves.swapaxes(1, 2).reshape(array.shape)
        w.add_tensor(places.get_name(name, try_suffixes=[".weight"]), array)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def answers(model, tokenizer, prompts, tokens):
    out = []
    for prompt in prompts:
        ids = tokenizer(prompt)["input_ids"]
        start = len(ids)
        for _ in range(tokens):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        out.append(tokenizer.decode(ids[start:]))
    return out


def main(out, tokens, prompts):
    torch.manual_seed(0)
    names = pieces(prompts)
    tokenizer = tokenizer_of(names)
    config = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=512,
        initializer_range=0.15,
        sliding_window=None,
        bos_token_id=1,
        eos_token_id=2,
        rope_parameters={"rope_type": "linear", "factor": FACTOR, "rope_theta": 1e4},
    )
    model = MistralForCausalLM(config).eval()
    with torch.no_grad():  # it writes letters alone
        model.lm_head.weight[: len(SPECIAL) + 256] = 0
    folder = os.path.join(out, "model")
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    write_gguf(os.path.join(out, "model.gguf"), model, names)
    printed = {"none": answers(model, tokenizer, prompts, tokens)}
    modules = ["q_proj", "k_proj", "v_proj", "o_proj"]
    adapted = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules=modules)
    ).eval()
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    adapted.save_pretrained(os.path.join(out, "out", "adapter"))
    printed["adapter"] = answers(adapted, tokenizer, prompts, tokens)
    json.dump(printed, sys.stdout)


main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))

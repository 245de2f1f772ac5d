"""Writes tokenizers laid out as RoBERTa's, Llama 3's, Mistral's and SmolLM's into a folder, and the ids
that Hugging Face's tokenizers library gives the texts of texts.json there."""

import json
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def main(folder: Path) -> None:
    texts = json.loads((folder / "texts.json").read_text())
    byte_level = pre_tokenizers.ByteLevel
    alphabet = byte_level.alphabet()

    roberta = Tokenizer(models.BPE())
    roberta.pre_tokenizer = byte_level(add_prefix_space=False)

    llama3 = Tokenizer(models.BPE(ignore_merges=True))
    llama3.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), "isolated", False),
            byte_level(add_prefix_space=False, use_regex=False),
        ]
    )

    smollm = Tokenizer(models.BPE())
    smollm.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            byte_level(add_prefix_space=False),
        ]
    )

    mistral = Tokenizer(
        models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    mistral.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )

    metaspace = Tokenizer(
        models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    metaspace.pre_tokenizer = pre_tokenizers.Metaspace(
        prepend_scheme="first", split=False
    )

    fallback = [f"<0x{b:02X}>" for b in range(256)]
    for name, tokenizer, special, initial in [
        ("roberta", roberta, ["<s>", "</s>"], alphabet),
        ("llama3", llama3, ["<|begin_of_text|>"], alphabet),
        ("smollm", smollm, ["<|endoftext|>"], alphabet),
        ("mistral", mistral, ["<unk>", "<s>", "</s>", *fallback], []),
        ("metaspace", metaspace, ["<unk>", "<s>", "</s>", *fallback], []),
    ]:
        trainer = trainers.BpeTrainer(
            vocab_size=1500,
            special_tokens=special,
            initial_alphabet=initial,
            max_token_length=12,
            show_progress=False,
        )
        # Learnt from half of each text, so that some characters are unknown to those without bytes.
        tokenizer.train_from_iterator([t[: len(t) // 2] for t in texts], trainer)
        (folder / name).mkdir()
        tokenizer.save(str(folder / name / "tokenizer.json"))
        ids = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
        (folder / name / "ids.json").write_text(json.dumps(ids))


main(Path(sys.argv[1]))

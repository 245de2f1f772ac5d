"""Turns a GGUF file into a Hugging Face folder that can be trained on: its weights dequantised.

python -m taskvec_peft.gguf MODEL.gguf FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import torch
import transformers
from tokenizers import pre_tokenizers


def words(kind: str) -> pre_tokenizers.PreTokenizer:
    """How a file of this tokenizer.ggml.pre cuts text into words: transformers takes GPT-2's for all."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if kind == "gpt-2":
        return gpt2
    if kind == "smollm":
        return pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), gpt2]
        )
    raise SystemExit(
        f"tokenizer.ggml.pre is {kind!r}, and smollm and gpt-2 are known here: "
        "take the model's own Hugging Face folder"
    )


def convert(source: Path, folder: Path) -> None:
    """Writes config, weights in bfloat16 and tokenizer; a folder that is there is left alone."""
    if folder.exists():
        raise SystemExit(f"{folder} is there already")
    kind = gguf.GGUFReader(source).fields.get("tokenizer.ggml.pre")
    cut = words(kind.contents() if kind else "")
    transformers.logging.disable_progress_bar()
    where, name = str(source.parent), source.name
    model = transformers.AutoModelForCausalLM.from_pretrained(
        where, gguf_file=name, dtype=torch.float32
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(where, gguf_file=name)
    tokenizer.backend_tokenizer.pre_tokenizer = cut
    # What is left of the quantisation would make the folder claim to be quantised.
    model.hf_quantizer = None
    del model.config.quantization_config
    part = folder.with_name(folder.name + ".part")
    model.to(torch.bfloat16).save_pretrained(part)
    tokenizer.save_pretrained(part)
    for file in part.iterdir():
        file.chmod(0o644)  # a trainer reads it as another user
    part.rename(folder)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

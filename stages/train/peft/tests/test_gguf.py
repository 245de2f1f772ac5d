"""A GGUF file becomes a folder that transformers opens, with the file's weights and its way to cut text."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import gguf
import numpy as np
import transformers
from taskvec_peft import gguf as converter

# GPT-2's letter for a space, and pieces that a merge of digits would join.
TOKENS = ["<s>", "</s>", *"1234ain", "\u0120", "12", "34"]
MERGES = ["1 2", "3 4"]


def write(file: Path, kind: str) -> np.ndarray:
    """A Llama of one layer; returns its embeddings."""
    random = np.random.default_rng(1)
    width, hidden = 8, 16
    out = gguf.GGUFWriter(file, "llama")
    out.add_block_count(1)
    out.add_context_length(32)
    out.add_embedding_length(width)
    out.add_feed_forward_length(hidden)
    out.add_head_count(2)
    out.add_head_count_kv(2)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(width // 2)
    out.add_vocab_size(len(TOKENS))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(kind)
    out.add_token_list(TOKENS)
    out.add_token_merges(MERGES)
    out.add_token_types([3, 3, *[1] * (len(TOKENS) - 2)])
    out.add_bos_token_id(0)
    out.add_eos_token_id(1)
    shapes = {"token_embd": (len(TOKENS), width), "output_norm": (width,)}
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        shapes["blk.0." + part] = (width, width)
    shapes["blk.0.ffn_gate"] = shapes["blk.0.ffn_up"] = (hidden, width)
    shapes["blk.0.ffn_down"] = (width, hidden)
    shapes["blk.0.attn_norm"] = shapes["blk.0.ffn_norm"] = (width,)
    tensors = {
        n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()
    }
    for name, tensor in tensors.items():
        out.add_tensor(name + ".weight", tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return tensors["token_embd"]


class Convert(unittest.TestCase):
    def convert(self, kind: str) -> tuple[Path, np.ndarray]:
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        embeddings = write(work / "model.gguf", kind)
        converter.convert(work / "model.gguf", work / "folder")
        return work / "folder", embeddings

    def test_digits(self):
        """SmolLM2 reads numbers digit by digit, GPT-2 does not."""
        for kind, want in (
            ("smollm", ["i", "n", "\u0120", "1", "2", "3", "4"]),
            ("gpt-2", ["i", "n", "\u0120", "12", "34"]),
        ):
            with self.subTest(kind):
                folder, _ = self.convert(kind)
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
                self.assertEqual(tokenizer.tokenize("in 1234"), want)

    def test_weights(self):
        folder, embeddings = self.convert("smollm")
        model = transformers.AutoModelForCausalLM.from_pretrained(folder)
        got = model.get_input_embeddings().weight.detach().float().numpy()
        np.testing.assert_allclose(got, embeddings, rtol=2**-8)

    def test_other_tokenizers(self):
        with self.assertRaisesRegex(SystemExit, "'deepseek-llm'"):
            self.convert("deepseek-llm")


if __name__ == "__main__":
    unittest.main()

"""Tests of the trainer with real libraries and tiny models made on the spot."""

from __future__ import annotations

import contextlib
import io
import json
import math
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import pyarrow as pa
import safetensors.torch
import tokenizers
import torch
import transformers
from taskvec_peft import __main__ as program
from taskvec_peft import data, train
from taskvec_peft import job as contract

ALPHABET = "abcdefgh \n"


def make_tokenizer(bos: bool = True) -> transformers.PreTrainedTokenizerFast:
    """A tokenizer of single characters, with <s> and </s> around a sequence as Llama's adds <s>."""
    vocabulary = {
        token: i for i, token in enumerate(["<s>", "</s>", "<pad>", *ALPHABET])
    }
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    if bos:
        inner.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A",
            pair="<s> $A </s> $B",
            special_tokens=[("<s>", 0), ("</s>", 1)],
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def example(split: str, prompt: str, completion: str, number: int) -> dict:
    return {
        "id": f"nw/{number}/0",
        "split": split,
        "prompt": prompt,
        "completion": completion,
        "text": "",
        "text_pair": "",
        "label": 0,
    }


def make_job(folder: Path, **changes) -> Path:
    """A job's folder with a tiny random Llama and six examples."""
    model = folder / "model"
    config = transformers.LlamaConfig(
        vocab_size=13,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(7)
    transformers.LlamaForCausalLM(config).save_pretrained(model)
    make_tokenizer().save_pretrained(model)
    rows = [example("train", "abc" * (i + 1), "de\n", i) for i in range(4)]
    rows += [example("validation", "bcd", "de\n", 5), example("test", "cd", "e\n", 6)]
    table = pa.Table.from_pylist(rows).replace_schema_metadata(
        {"task": "x", "kind": "causal"}
    )
    with (
        pa.OSFile(str(folder / "examples.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    job = {
        "model": {"name": "tiny", "family": "llama", "path": str(model)},
        "task": "x",
        "examples": str(folder / "examples.arrow"),
        "lora": {
            "r": 2,
            "lora_alpha": 4,
            "lora_dropout": 0.1,
            "target_modules": ["q_proj", "v_proj"],
        },
        "epochs": 4,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "warmup": 0.1,
        "batch_size": 2,
        "accumulation": 1,
        "max_length": 48,
        "weight_decay": 0.01,
        "clip": 1.0,
        "patience": 0,
        "init_seed": 1,
        "data_seed": 2,
        **changes,
    }
    where = folder / "job"
    where.mkdir()
    (where / "job.json").write_text(json.dumps(job))
    return where


def run(job: Path, stop=lambda: False) -> train.Training:
    training = train.Training(job, contract.read(job), stop)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        training.run()
    return training


class Framing(unittest.TestCase):
    def test_completed(self):
        tokenizer = make_tokenizer()
        sequence, cut = data.completed(example("train", "ab", "c\n", 0), tokenizer, 10)
        self.assertEqual(
            (sequence.ids, sequence.answer, cut), ([0, 3, 4, 5, 12, 1], 3, False)
        )
        sequence, cut = data.completed(
            example("train", "abcdefgh", "c\n", 0), tokenizer, 8
        )
        # Four of the prompt's eight stay, two at each end.
        self.assertEqual((sequence.ids, cut), ([0, 3, 4, 9, 10, 5, 12, 1], True))
        sequence, _ = data.completed(
            example("train", "ab", "c", 0), make_tokenizer(bos=False), 10
        )
        self.assertEqual(sequence.ids, [3, 4, 5, 1])

    def test_refused(self):
        tokenizer = make_tokenizer()
        for row, limit, message in [
            (example("train", "ab", "", 0), 10, "its answer is empty"),
            (example("train", "<s>ab", "c", 0), 10, "two start tokens"),
            (
                example("train", "ab", "cdefgh", 0),
                8,
                "leaves no room for the prompt in 8",
            ),
        ]:
            with self.assertRaisesRegex(ValueError, message):
                data.completed(row, tokenizer, limit)

    def test_collate(self):
        short, long = (
            data.Sequence([0, 3, 1], answer=1),
            data.Sequence([0, 3, 4, 5, 1], answer=2),
        )
        batch = data.collate([short, long], 2, "cpu")
        self.assertEqual(
            batch["input_ids"].tolist(), [[2, 2, 0, 3, 1], [0, 3, 4, 5, 1]]
        )
        self.assertEqual(
            batch["position_ids"].tolist(), [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]
        )
        self.assertEqual(batch["targets"].tolist(), [[data.IGNORED, 1], [5, 1]])

    def test_epoch_order(self):
        sequences = [data.Sequence([0] * n, answer=1) for n in (5, 1, 9, 2, 7, 3, 8)]
        for grouped in (False, True):
            order = data.epoch_order(sequences, 1, 0, 2, grouped)
            self.assertEqual(sorted(order), list(range(7)))
            self.assertEqual(order, data.epoch_order(sequences, 1, 0, 2, grouped))
            others = {
                tuple(data.epoch_order(sequences, 1, epoch, 2, grouped))
                for epoch in range(1, 9)
            }
            self.assertGreater(len(others), 1)
        lengths = [len(sequences[k].ids) for k in order]
        self.assertEqual(
            {tuple(sorted(lengths[i : i + 2])) for i in (0, 2, 4)},
            {(8, 9), (5, 7), (2, 3)},
        )


class Rates(unittest.TestCase):
    def test_rate_at(self):
        with tempfile.TemporaryDirectory() as folder:
            job = contract.read(
                make_job(Path(folder), learning_rate=1.0, warmup=0.2, schedule="cosine")
            )
        self.assertEqual(
            [train.rate_at(i, 10, job) for i in (0, 1, 2)], [0.5, 1.0, 1.0]
        )
        self.assertAlmostEqual(train.rate_at(6, 10, job), 0.5)


class Training(unittest.TestCase):
    def test_trains_and_resumes(self):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            calm, disturbed = make_job(Path(a)), make_job(Path(b))
            run(calm)
            calls = iter(range(100))
            with self.assertRaises(train.Stopped):
                run(disturbed, stop=lambda: next(calls) == 3)
            training = run(disturbed)
            self.assertEqual(training.state.resumed_from, [3])
            for name in (
                "out/adapter/adapter_model.safetensors",
                "out/init/adapter_model.safetensors",
            ):
                self.assertEqual(
                    (calm / name).read_bytes(), (disturbed / name).read_bytes(), name
                )
            one, two = (
                json.loads((j / "out/train.json").read_text())
                for j in (calm, disturbed)
            )
            self.assertEqual(one["validation_losses"], two["validation_losses"])
            self.assertLess(
                min(one["validation_losses"]), one["initial_validation_loss"]
            )
            self.assertEqual(
                one["supervised_tokens"], {"train": 16, "validation": 4, "test": 3}
            )
            start = safetensors.torch.load_file(
                calm / "out/init/adapter_model.safetensors"
            )
            self.assertTrue(
                all((v == 0).all() == ("lora_B" in k) for k, v in start.items())
            )

    def test_accumulation_takes_the_same_steps(self):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            still = {
                "lora": {
                    "r": 2,
                    "lora_alpha": 4,
                    "lora_dropout": 0.0,
                    "target_modules": ["q_proj"],
                }
            }
            whole, parts = (
                make_job(Path(a), **still),
                make_job(Path(b), batch_size=1, accumulation=2, **still),
            )
            run(whole)
            run(parts)
            one, two = (
                json.loads((j / "out/train.json").read_text()) for j in (whole, parts)
            )
            for x, y in zip(
                one["validation_losses"], two["validation_losses"], strict=True
            ):
                self.assertTrue(math.isclose(x, y, rel_tol=1e-5), (x, y))

    def test_out_of_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(Path(folder))
            full = mock.patch.object(
                train.Training, "step", side_effect=torch.OutOfMemoryError("no room")
            )
            said = io.StringIO()
            with (
                full,
                contextlib.redirect_stderr(said),
                contextlib.redirect_stdout(said),
            ):
                self.assertEqual(program.main(job), contract.TRY_AGAIN)
                self.assertEqual(program.main(job), 1)
            self.assertIn("trying again with 1 and accumulation 2", said.getvalue())
            training = train.Training(job, contract.read(job), lambda: False)
            self.assertEqual(
                (training.batch_size, training.accumulation, training.step_size),
                (1, 2, 2),
            )

    def test_bad_data(self):
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(Path(folder), max_length=4)
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(program.main(job), contract.BAD_DATA)
            self.assertIn(
                "example nw/0/0: its answer of 3 tokens leaves no room", said.getvalue()
            )
            (job / "job.json").write_text("{}")
            with contextlib.redirect_stderr(said):
                self.assertEqual(program.main(job), contract.BAD_DATA)


if __name__ == "__main__":
    unittest.main()

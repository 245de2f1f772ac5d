"""Tests of the trainer with real libraries and tiny models made on the spot."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
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
from taskvec_peft import model as models

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
                run(disturbed, stop=lambda: next(calls) == 5)
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

    def test_stopped_while_validating(self):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            calm, disturbed = make_job(Path(a)), make_job(Path(b))
            run(calm)
            calls = iter(range(100))
            with self.assertRaises(train.Stopped):  # at the end of the first epoch
                run(disturbed, stop=lambda: next(calls) == 3)
            state = json.loads((disturbed / "checkpoint/latest/state.json").read_text())
            self.assertEqual((state["step"], state["epochs"]), (2, 0))
            run(disturbed)
            name = "out/adapter/adapter_model.safetensors"
            self.assertEqual(
                (calm / name).read_bytes(), (disturbed / name).read_bytes()
            )

    def test_damaged_checkpoint(self):
        for file, content in [
            ("weights.safetensors", b""),
            ("optimizer.pt", b"torn"),
            ("state.json", b"{}"),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                job = make_job(Path(folder))
                calls = iter(range(100))
                with self.assertRaises(train.Stopped):
                    run(job, stop=lambda c=calls: next(c) == 5)
                (job / "checkpoint/latest" / file).write_bytes(content)
                training = run(job)
                self.assertEqual(training.state.resumed_from, [], file)
                self.assertEqual(training.state.epochs, 4)

    def test_half_taken_checkpoint(self):
        """A checkpoint that fails in the middle of being taken leaves nothing of itself in the training that
        starts anew."""

        def reshape(path: Path) -> None:  # the last tensor, when the others are taken
            weights = safetensors.torch.load_file(path / "weights.safetensors")
            weights[list(weights)[-1]] = torch.zeros(3, 5, 7)
            safetensors.torch.save_file(weights, path / "weights.safetensors")

        def forget(path: Path) -> None:  # a parameter, when the weights are taken
            optimizer = torch.load(path / "optimizer.pt", weights_only=True)
            optimizer["param_groups"][0]["params"].pop()
            torch.save(optimizer, path / "optimizer.pt")

        names = [f"out/{n}/adapter_model.safetensors" for n in ("init", "adapter")]
        with tempfile.TemporaryDirectory() as folder:
            calm = make_job(Path(folder))
            run(calm)
            want = [(calm / name).read_bytes() for name in names]
        for damage in (reshape, forget):
            with tempfile.TemporaryDirectory() as folder:
                job = make_job(Path(folder))
                calls = iter(range(100))
                with self.assertRaises(train.Stopped):
                    run(job, stop=lambda c=calls: next(c) == 5)
                damage(job / "checkpoint/latest")
                self.assertEqual(run(job).state.resumed_from, [])
                self.assertEqual([(job / name).read_bytes() for name in names], want)
                self.assertTrue((job / "checkpoint/broken/state.json").exists())

    def test_passing_fault(self):
        """A fault of the disk or of memory while a checkpoint is read ends the attempt and leaves the
        checkpoint to the next."""
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(Path(folder))
            calls = iter(range(100))
            with self.assertRaises(train.Stopped):
                run(job, stop=lambda: next(calls) == 5)
            for fault in (
                OSError(errno.EIO, "Input/output error"),
                torch.OutOfMemoryError("no room"),
                RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            ):
                with (
                    mock.patch.object(torch, "load", side_effect=fault),
                    self.assertRaises(type(fault)) as raised,
                ):
                    run(job)
                self.assertIn("latest is kept", raised.exception.__notes__[0])
            self.assertEqual(run(job).state.resumed_from, [3])

    def test_head_is_float32(self):
        """Of a base model in bfloat16 all that is trained is float32, a classification head too."""
        config = transformers.RobertaConfig(
            vocab_size=13,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=50,
        )
        with tempfile.TemporaryDirectory() as folder:
            targets = {
                "r": 2,
                "lora_alpha": 4,
                "lora_dropout": 0.1,
                "target_modules": ["query"],
            }
            job = contract.read(
                make_job(
                    Path(folder),
                    lora=targets,
                    dtype="bfloat16",
                    gradient_checkpointing=True,
                )
            )
            transformers.RobertaForMaskedLM(config).save_pretrained(job.model_path)
            labels = data.Dataset({}, {}, ["no", "yes"])
            loaded = models.load(job, labels, torch.device("cpu"))
        trained = models.trained(loaded)
        self.assertTrue(any("classifier" in name for name in trained))
        self.assertEqual({p.dtype for p in trained.values()}, {torch.float32})
        self.assertEqual(
            loaded.base_model.model.roberta.embeddings.word_embeddings.weight.dtype,
            torch.bfloat16,
        )
        self.assertTrue(loaded.base_model.model.is_gradient_checkpointing)

    def test_choices(self):
        """The base model's type by device, and what needs a GPU."""
        with tempfile.TemporaryDirectory() as folder:
            job = contract.read(make_job(Path(folder), quantization="nf4"))
        cpu, cuda = torch.device("cpu"), torch.device("cuda")
        for computes, on, dtype, want in [
            (True, cuda, "auto", torch.bfloat16),
            (False, cuda, "auto", torch.float32),
            (True, cpu, "auto", torch.float32),
            (True, cpu, "bfloat16", torch.bfloat16),
            (True, cuda, "float32", torch.float32),
        ]:
            with mock.patch.object(
                torch.cuda, "is_bf16_supported", return_value=computes
            ):
                asked = dataclasses.replace(job, dtype=dtype)
                self.assertEqual(models.base_dtype(asked, on), want)
        with self.assertRaisesRegex(SystemExit, "nf4 needs a GPU"):
            models.load(job, data.Dataset({}, {}, []), cpu)

    def test_checkpointing_changes_nothing(self):
        """Activations computed again give the same steps, dropout among them."""
        results = []
        for again in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                training = run(make_job(Path(folder), gradient_checkpointing=again))
                results.append(training.state.validation_losses)
        for x, y in zip(*results, strict=True):
            self.assertTrue(math.isclose(x, y, rel_tol=1e-6), (x, y))

    def test_stopped_while_loading(self):
        """A signal that comes before the first step ends the trainer at once."""
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(Path(folder))
            process = subprocess.Popen(
                [sys.executable, "-m", "taskvec_peft", str(job)],
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(0.7)  # it imports its libraries for longer
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
            self.assertEqual(process.returncode, contract.TRY_AGAIN)
            self.assertEqual(said, "stopped before the first step\n")

    def test_bad_data(self):
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(Path(folder), max_length=4)
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertEqual(program.main(job), contract.BAD_DATA)
            self.assertIn(
                "example nw/0/0: its answer of 3 tokens leaves no room", said.getvalue()
            )
            adapted = json.loads((job / "job.json").read_text())
            adapted.update(max_length=48, learning_rate=1e30, clip=0.0, epochs=40)
            (job / "job.json").write_text(json.dumps(adapted))
            with (
                contextlib.redirect_stderr(said),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                self.assertEqual(program.main(job), contract.BAD_DATA)
            self.assertIn("the training diverged: its loss is", said.getvalue())
            (job / "job.json").write_text("{}")
            with contextlib.redirect_stderr(said):
                self.assertEqual(program.main(job), contract.BAD_DATA)


if __name__ == "__main__":
    unittest.main()

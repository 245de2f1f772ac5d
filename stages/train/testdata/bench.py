"""Compares the tokens a second of our trainer with TRL's SFTTrainer: the same tiny model with random
weights, the same examples, batches and LoRA settings, in one process, turn by turn.

Run it by make bench-trainer."""

import contextlib
import io
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as in the image
sys.path.insert(0, str(Path(__file__).parents[1] / "peft"))

import peft
import pyarrow as pa
import tokenizers
import torch
import transformers
import trl
from taskvec_peft import job as contract
from taskvec_peft import train

import datasets

WORDS, BATCH, EXAMPLES, LENGTH = 8000, 4, 64, 256
RATE, DROPOUT, RANK, ALPHA = 1e-4, 0.05, 8, 16


def make_model(folder: Path) -> None:
    """A Llama of four layers, 256 wide, its vocabulary 31 times that as Llama 3's is, and a tokenizer of
    whole words."""
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=WORDS + 3,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    vocabulary = {
        w: i
        for i, w in enumerate(
            ["<s>", "</s>", "<pad>", *(f"w{i}" for i in range(WORDS))]
        )
    }
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(vocabulary, unk_token="<pad>")
    )
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)


def make_rows() -> list[dict]:
    """Examples of one length, a quarter of them answer, so that padding favours neither."""
    rng = random.Random(1)

    def text(n: int) -> str:
        return " ".join(f"w{rng.randrange(WORDS)}" for _ in range(n))

    quarter = LENGTH // 4
    return [
        {"prompt": text(LENGTH - quarter - 1), "completion": text(quarter)}
        for _ in range(EXAMPLES)
    ]


def ours(folder: Path, model: Path, rows: list[dict]) -> tuple[float, int]:
    """Seconds and tokens of one epoch of our steps; validation and checkpoints left out, as of the peer."""
    folder.mkdir()
    blank = {"text": "", "text_pair": "", "label": 0}
    table = [
        {"id": str(i), "split": "train", **row, **blank} for i, row in enumerate(rows)
    ]
    table.append({**table[0], "split": "validation"})
    examples = folder / "examples.arrow"
    arrow = pa.Table.from_pylist(table).replace_schema_metadata({"kind": "causal"})
    with (
        pa.OSFile(str(examples), "wb") as sink,
        pa.ipc.new_file(sink, arrow.schema) as w,
    ):
        w.write_table(arrow)
    spec = {
        "model": {"name": "tiny", "family": "llama", "path": str(model)},
        "task": "bench",
        "examples": str(examples),
        "lora": {
            "r": RANK,
            "lora_alpha": ALPHA,
            "lora_dropout": DROPOUT,
            "target_modules": ["q_proj", "v_proj"],
        },
        "epochs": 1,
        "learning_rate": RATE,
        "schedule": "constant",
        "warmup": 0.0,
        "batch_size": BATCH,
        "accumulation": 1,
        "max_length": LENGTH,
        "weight_decay": 0.01,
        "clip": 1.0,
        "patience": 0,
        "init_seed": 1,
        "data_seed": 2,
    }
    (folder / "job.json").write_text(json.dumps(spec))
    training = train.Training(folder, contract.read(folder), lambda: False)
    training.end_epoch = lambda: setattr(training.state, "epochs", 1)
    training.save = lambda: None
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        training.train()
    return time.perf_counter() - began, training.tokens


def theirs(folder: Path, model: Path, rows: list[dict]) -> tuple[float, int]:
    """Seconds and tokens of one epoch of SFTTrainer.train, on data that it has tokenised before."""
    settings = trl.SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        per_device_train_batch_size=BATCH,
        gradient_accumulation_steps=1,
        max_length=LENGTH,
        weight_decay=0.01,
        max_grad_norm=1.0,
        completion_only_loss=True,
        gradient_checkpointing=False,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=1,
    )
    trainer = trl.SFTTrainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.float32
        ),
        args=settings,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=transformers.AutoTokenizer.from_pretrained(model),
        peft_config=peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=DROPOUT,
            target_modules=["q_proj", "v_proj"],
        ),
    )
    tokens = sum(len(ids) for ids in trainer.train_dataset["input_ids"])
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    return time.perf_counter() - began, tokens


def main(runs: int) -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.disable(logging.WARNING)
    rows = make_rows()
    rates: dict[str, list[float]] = {"ours": [], "TRL": []}
    with tempfile.TemporaryDirectory() as root:
        model = Path(root) / "model"
        make_model(model)
        for i in range(runs + 1):  # the first warms up
            turn = [("ours", ours), ("TRL", theirs)]
            for name, once in turn if i % 2 else reversed(turn):
                seconds, tokens = once(Path(root) / f"{name}{i}", model, rows)
                if i:
                    rates[name].append(tokens / seconds)
                    print(
                        f"run {i}: {name} {tokens} tokens, {tokens / seconds:.0f} tokens/s",
                        flush=True,
                    )
    median = {name: statistics.median(values) for name, values in rates.items()}
    print(
        f"torch {torch.__version__}, TRL {trl.__version__}, {torch.get_num_threads()} threads, "
        f"{'GPU' if torch.cuda.is_available() else 'no GPU'}"
    )
    print(
        f"median of {runs}: ours {median['ours']:.0f} tokens/s, TRL {median['TRL']:.0f} tokens/s, "
        f"ratio {median['ours'] / median['TRL']:.2f}"
    )


main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

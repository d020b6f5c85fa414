"""Trains thinker's weights, in two phases.

    python train.py 1 --seconds 900  --out phase1                 # loss over everything
    python train.py 2 --seconds 1800 --start phase1 --out hf      # loss on the completions

The learning rate falls along a cosine over the given time, so that the time decides how many
steps there are: the shipped weights had 680 and 1,750, about 45 minutes in all on two cores.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import Qwen3Config, Qwen3ForCausalLM

import corpus

VOCABULARY = 1536
SEQUENCE = 288
BATCH = 24


@dataclass(frozen=True)
class Phase:
    seed: int
    peak_rate: float
    warm_up_steps: int
    final_share: float
    """What is added to the cosine, so that the rate doesn't end at nothing."""
    prompt_weight: float
    """The weight of a prompt's tokens in the loss; a completion's weigh 1."""
    half_precision: bool


PHASES = {
    1: Phase(11, 4e-3, 100, 0.005, prompt_weight=1.0, half_precision=False),
    2: Phase(99, 3e-3, 50, 0.003, prompt_weight=0.02, half_precision=True),
}


def new_model(tokenizer: Tokenizer) -> Qwen3ForCausalLM:
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=64,
            max_position_embeddings=4096,
            rope_theta=10000.0,
            tie_word_embeddings=True,
            rms_norm_eps=1e-6,
            bos_token_id=None,
            eos_token_id=tokenizer.token_to_id("<|im_end|>"),
            pad_token_id=tokenizer.token_to_id("<|endoftext|>"),
            use_sliding_window=False,
        )
    )


def sequences(
    tokenizer: Tokenizer, seed: int, prompt_weight: float
) -> Iterator[tuple[list[int], list[float]]]:
    """Ids and loss weights. Dialogues are packed from a sequence's start; the last one is cut."""
    r = random.Random(seed)
    end = tokenizer.token_to_id("<|endoftext|>")
    ids: list[int] = []
    weights: list[float] = []
    while True:
        prompt, completion = corpus.sample(r)
        if prompt_weight == 1.0:
            # Encoded as one text, as nothing tells the two apart.
            new = tokenizer.encode(prompt + completion).ids
            new_weights = [1.0] * len(new)
        else:
            before, after = tokenizer.encode(prompt).ids, tokenizer.encode(completion).ids
            new = before + after
            new_weights = [prompt_weight] * len(before) + [1.0] * len(after)
        ids += [*new, end]
        weights += [*new_weights, 1.0]
        if len(ids) > SEQUENCE:
            yield ids[: SEQUENCE + 1], weights[: SEQUENCE + 1]
            ids, weights = [], []


def train(
    model: Qwen3ForCausalLM, tokenizer: Tokenizer, phase: Phase, seconds: float, seed: int
) -> int:
    """Trains until the time is over and returns the number of steps."""
    source = sequences(tokenizer, seed, phase.prompt_weight)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=phase.peak_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    started = time.time()
    step = 0
    average = None
    while (share := (time.time() - started) / seconds) <= 1:
        cosine = 0.5 * (1 + math.cos(math.pi * share))
        rate = phase.peak_rate * min(1, step / phase.warm_up_steps) * (cosine + phase.final_share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = [next(source) for _ in range(BATCH)]
        ids = torch.tensor([row for row, _ in batch])
        weights = torch.tensor([row for _, row in batch])[:, 1:].reshape(-1)
        with precision(phase):
            logits = model(input_ids=ids[:, :-1]).logits
        losses = torch.nn.functional.cross_entropy(
            logits.float().reshape(-1, VOCABULARY), ids[:, 1:].reshape(-1), reduction="none"
        )
        loss = (losses * weights).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"step {step}, {time.time() - started:.0f} s, loss {average:.4f}", flush=True)
    return step


def precision(phase: Phase) -> AbstractContextManager[object]:
    return torch.autocast("cpu", dtype=torch.bfloat16) if phase.half_precision else nullcontext()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("phase", type=int, choices=sorted(PHASES))
    parser.add_argument("--seconds", type=float, required=True, help="how long to train")
    parser.add_argument("--tokenizer", type=Path, default=Path("tokenizer.json"))
    parser.add_argument("--start", type=Path, help="folder of phase 1's weights, for phase 2")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--seed", type=int, help="of the dialogues; each phase has its own")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if (arguments.phase == 2) != (arguments.start is not None):
        parser.error("phase 2 needs --start, and phase 1 starts from nothing")

    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    if arguments.start is None:
        model = new_model(tokenizer)
    else:
        model = Qwen3ForCausalLM.from_pretrained(arguments.start, attn_implementation="sdpa")
    phase = PHASES[arguments.phase]
    seed = phase.seed if arguments.seed is None else arguments.seed
    steps = train(model, tokenizer, phase, arguments.seconds, seed)
    model.save_pretrained(arguments.out)
    print(f"{arguments.out}: {steps} steps")


if __name__ == "__main__":
    main()

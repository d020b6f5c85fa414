"""Trains the byte-level BPE tokenizer of thinker on its corpus.

    python train_tokenizer.py [--out tokenizer.json]
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, trainers

import corpus

SEED = 7
DIALOGUES = 30_000
MERGED_VOCABULARY = 1500
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pieces() -> Iterator[str]:
    """The corpus without its markup, which becomes added tokens and needs no merges."""
    r = random.Random(SEED)
    texts = ["".join(corpus.sample(r)) for _ in range(DIALOGUES)]
    markup = re.compile("|".join(map(re.escape, corpus.SPECIAL + corpus.PLAIN_ADDED)))
    for text in texts:
        yield from filter(None, markup.split(text))


def train() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGED_VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
        min_frequency=3,
    )
    tokenizer.train_from_iterator(pieces(), trainer)
    # The order gives the ids: 1500 on, <think> is 1522, <|call|> comes last.
    add_special(tokenizer, corpus.SPECIAL)
    tokenizer.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in corpus.PLAIN_ADDED]
    )
    add_special(tokenizer, corpus.UNTRAINED_SPECIAL)
    return tokenizer


def add_special(tokenizer: Tokenizer, texts: list[str]) -> None:
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in texts]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tokenizer.json"))
    arguments = parser.parse_args()
    tokenizer = train()
    tokenizer.save(str(arguments.out))
    print(f"{arguments.out}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()

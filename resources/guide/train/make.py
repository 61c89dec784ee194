"""Trains the guide and writes resources/guide/leeward-guide.gguf: see README.md."""

import argparse
import time
from pathlib import Path

import jax
import numpy as np

import gguf_file
import network
import texts as sources
import tokenizer
from learn import CHOOSING, RECITING, Trainer, report_of

FILE = Path(__file__).parent.parent / 'leeward-guide.gguf'
MAX_BYTES = 5_000_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=FILE)
    parser.add_argument('--choosing', type=int, default=1500, help='steps of the first stage')
    parser.add_argument('--reciting', type=int, default=5000, help='steps of the second')
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--vocabulary', type=int, default=3072)
    parser.add_argument('--embedding', type=int, default=128)
    parser.add_argument('--blocks', type=int, default=3)
    parser.add_argument('--hold-out', type=float, default=0.0, help='share of the phrasings kept for a validation')
    parser.add_argument('--half', action='store_true', help='F16 instead of Q8_0')
    return parser.parse_args()


def main() -> None:
    options = arguments()
    start = time.monotonic()
    texts = sources.load()
    processor = tokenizer.train(texts.everything(), texts.keys(), options.vocabulary)
    size = processor.get_piece_size()
    heads = options.embedding // 32
    shape = network.Shape(
        vocabulary=size,
        embedding=options.embedding,
        blocks=options.blocks,
        heads=heads,
        kv_heads=heads,
        feed_forward=options.embedding * 8 // 3 // 32 * 32,
    )
    trainer = Trainer(texts, processor, tokenizer.base_ids(processor), shape, options.seed, options.hold_out)
    phrasings = sum(len(entry.questions) for entry in texts.entries)
    print(f'{len(texts.entries)} topics, {phrasings} phrasings, {len(texts.refused)} refused, {size} tokens')
    trainer.run(CHOOSING, options.choosing)
    trainer.run(RECITING, options.reciting)
    if options.hold_out > 0:
        print(report_of(*trainer.validate(trainer.held_out())))
    params = jax.tree.map(np.asarray, trainer.average)
    table = np.asarray(network.embedding(trainer.average, trainer.base_of))
    gguf_file.write(options.out, shape, params, table, processor, options.half)
    written = options.out.stat().st_size
    print(f'{options.out.name}: {written} bytes, {time.monotonic() - start:.0f} s')
    if written > MAX_BYTES:
        raise SystemExit(f'more than {MAX_BYTES} bytes')


if __name__ == '__main__':
    main()

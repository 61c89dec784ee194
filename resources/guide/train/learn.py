"""Training: AdamW over packed rows, with an average of the weights, and a validation on held-out phrasings."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import network
from examples import Batch, Example, Examples, is_held_out, pack
from texts import OFF_TOPIC, Texts


@dataclass(frozen=True)
class Kind:
    """A size of batch. Short rows make attention cheap, on processors most of the cost of packing."""

    rows: int
    length: int
    places: int


CHOICES = Kind(14, 64, 128)
ANSWERS = Kind(6, 192, 640)
LONG = Kind(1, 1024, 160)


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    :param blocks: which of the network's take part
    :param has_chats: also second messages of a chat, not only first ones
    :param answers_every: one batch in so many has answers; 0: none, only choices
    :param long_every: one in so many is a long message; 0: none
    :param embedding_rate, first_rate: learning rate of the embedding and of the first block against the others'
    """

    name: str
    blocks: slice
    has_chats: bool
    rate: float
    answers_every: int
    long_every: int
    embedding_rate: float
    average_rate: float


# What a message is about is decided by its words, wherever they stand: an average tells phrasings that were never
# seen better than attention does. The block before it learns which words count in a chat, the one behind to recite.
CHOOSING = Stage('choosing', slice(1, 2), False, 3e-3, 0, 0, embedding_rate=4.0, average_rate=1.0)
RECITING = Stage('reciting', slice(0, None), True, 3e-3, 2, 100, embedding_rate=0.3, average_rate=0.1)

DROPOUT = 0.1
WEIGHT_DECAY = 0.05
# Keeps a spelling near its word, so that what is learnt of one holds for all.
DIFFERENCE_DECAY = 0.3
# The average goes over the last few hundred steps, fewer at the start.
AVERAGE, AVERAGE_START = 0.995, 10
WARM_UP = 60
REPORT_EVERY = 500


def loss_of(shape, params, base_of, batch, key):
    table = network.embedding(params, base_of)
    state = network.hidden(shape, params, table, batch['tokens'], batch['positions'], batch['segments'], key, DROPOUT)
    logits = state[batch['rows'], batch['columns']] @ table.T
    each = optax.softmax_cross_entropy_with_integer_labels(logits, batch['targets'])
    return jnp.sum(each * batch['weights']) / jnp.maximum(jnp.sum(batch['weights']), 1)


def rate_at(progress: float, step_number: int, peak: float) -> float:
    """:param progress: 0 to 1"""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return peak * min(1.0, (step_number + 1) / WARM_UP) * max(0.02, cosine)


def optimizer(stage: Stage) -> optax.GradientTransformation:
    def where(is_one: Callable[[tuple], bool]):
        return lambda params: jax.tree_util.tree_map_with_path(lambda path, _: is_one(path), params)

    def is_difference(path: tuple) -> bool:
        return path[0].key == 'difference'

    def is_embedding(path: tuple) -> bool:
        return path[0].key in ('base', 'difference')

    def is_average(path: tuple) -> bool:
        is_block = path[0].key == 'blocks' and path[1].idx + stage.blocks.start == network.AVERAGING
        return is_block and path[2].key not in ('q', 'k')

    def is_still(path: tuple) -> bool:
        return not stage.has_chats and path[0].key == 'blocks' and path[2].key in ('q', 'k')

    def is_matrix(path: tuple) -> bool:
        return path[-1].key in ('base', 'q', 'k', 'v', 'o', 'gate', 'up', 'down')

    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b1=0.9, b2=0.98),
        optax.add_decayed_weights(WEIGHT_DECAY, mask=where(is_matrix)),
        optax.add_decayed_weights(DIFFERENCE_DECAY, mask=where(is_difference)),
        optax.masked(optax.scale(stage.embedding_rate), where(is_embedding)),
        optax.masked(optax.scale(stage.average_rate), where(is_average)),
        optax.masked(optax.set_to_zero(), where(is_still)),
    )


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=(2, 3, 4))
def step(shape, optim, params, state, average, base_of, batch, key, number, rate):
    value, gradient = jax.value_and_grad(lambda p: loss_of(shape, p, base_of, batch, key))(params)
    updates, state = optim.update(gradient, state, params)
    params = jax.tree.map(lambda p, u: p - rate * u, params, updates)
    keep = jnp.minimum(AVERAGE, (1 + number) / (AVERAGE_START + number))
    average = jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, average, params)
    return params, state, average, value


def arrays(batch: Batch) -> dict:
    return dict(vars(batch))


class Trainer:
    def __init__(self, texts: Texts, processor, base_ids: list[int], shape: network.Shape, seed: int, hold_out: float):
        self.texts = texts
        self.shape = shape
        self.hold_out = hold_out
        self.examples = Examples(texts, processor, seed, hold_out)
        self.base_of = jnp.array(base_ids, jnp.int32)
        self.params = jax.tree.map(jnp.array, network.initial(shape, seed))
        self.average = self.params
        self.key = jax.random.key(seed, impl='unsafe_rbg')
        self.left: dict[Kind, list[Example]] = {CHOICES: [], ANSWERS: []}

    def batch(self, stage: Stage, number: int) -> Batch:
        def is_turn(every: int) -> bool:
            return every > 0 and number % every == every - 1

        if is_turn(stage.long_every):
            return pack([self.examples.make_long(LONG.length)], LONG.rows, LONG.length, LONG.places)[0]
        if is_turn(stage.answers_every):
            return self.filled(ANSWERS, self.examples.make_answer)
        return self.filled(CHOICES, self.examples.make_choice if stage.has_chats else self.examples.make_first)

    def filled(self, kind: Kind, make: Callable[[], Example]) -> Batch:
        """Enough that most rows are full; the rest waits for the next batch of the kind."""
        left = self.left[kind]
        while sum(len(example.tokens) for example in left) < kind.rows * kind.length * 1.03:
            example = make()
            if len(example.tokens) <= kind.length:
                left.append(example)
        batch, self.left[kind] = pack(left, kind.rows, kind.length, kind.places)
        return batch

    def run(self, stage: Stage, steps: int, report=partial(print, flush=True)) -> None:
        """Goes on from what was learnt before; the average of the weights is what is kept of a stage."""
        params = {**self.average, 'blocks': self.average['blocks'][stage.blocks]}
        shape = replace(self.shape, blocks=len(params['blocks']))
        params, average = (jax.tree.map(jnp.array, params) for _ in range(2))
        optim = optimizer(stage)
        state = optim.init(params)
        start = time.monotonic()
        losses: list[float] = []
        for number in range(steps):
            self.key, key = jax.random.split(self.key)
            batch = arrays(self.batch(stage, number))
            now = rate_at(number / steps, number, stage.rate)
            params, state, average, loss = step(
                shape, optim, params, state, average, self.base_of, batch, key, number, now
            )
            losses.append(float(loss))
            if (number + 1) % REPORT_EVERY == 0:
                self.keep(stage, average)
                mean = np.mean(losses[-REPORT_EVERY:])
                report(f'{stage.name}, step {number + 1}: loss {mean:.4f}, {time.monotonic() - start:.0f} s')
        self.keep(stage, average)

    def keep(self, stage: Stage, average: dict) -> None:
        blocks = list(self.average['blocks'])
        blocks[stage.blocks] = average['blocks']
        self.average = {**average, 'blocks': blocks}

    def validate(self, prompts: list[tuple[str, str]]) -> tuple[float, list[tuple[str, str, str, float]]]:
        """Share of prompts for which the right thing is the most likely; and the others, with what was chosen."""
        plans = self.examples.plans
        keys = list(plans)
        ids = np.array([plans[key] for key in keys])
        table = network.embedding(self.average, self.base_of)
        wrong = []
        right = 0
        for start in range(0, len(prompts), 32):
            part = prompts[start : start + 32]
            made = [
                Example([*self.examples.turn(text)[:120], self.examples.guide], [0.0]) for _, text in part
            ]
            width = 64 if max(len(example.tokens) for example in made) <= 64 else 128
            tokens = np.zeros((32, width), np.int32)
            columns = np.zeros(32, np.int32)
            for row, example in enumerate(made):
                tokens[row, : len(example.tokens)] = example.tokens
                columns[row] = len(example.tokens) - 1
            positions = np.broadcast_to(np.arange(width, dtype=np.int32), tokens.shape)
            logits = network.logits_at(
                self.shape, self.average, table, tokens, positions, np.zeros_like(tokens), np.arange(32), columns
            )
            chances = np.asarray(jax.nn.softmax(logits, axis=-1))[:, ids]
            for row, (key, text) in enumerate(part):
                chosen = keys[int(np.argmax(chances[row]))]
                if chosen == key:
                    right += 1
                else:
                    wrong.append((text, key, chosen, float(chances[row].max())))
        return right / max(1, len(prompts)), wrong

    def held_out(self) -> list[tuple[str, str]]:
        found = [(e.key, q) for e in self.texts.entries for q in e.questions if is_held_out(q, self.hold_out)]
        return found + [(OFF_TOPIC, q) for q in [*self.texts.refused, *self.texts.others] if is_held_out(q, self.hold_out)]


def report_of(accuracy: float, wrong: list) -> str:
    lines = [f'held-out phrasings right: {accuracy:.3f}']
    lines += [f'  {text!r}: {key} -> {chosen} ({chance:.2f})' for text, key, chosen, chance in wrong]
    return '\n'.join(lines)



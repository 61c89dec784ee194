"""Training: AdamW over packed rows, with an average of the weights, and a validation on held-out phrasings."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
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
# One batch in so many has answers; one in so many is a long message.
ANSWERS_EVERY, LONG_EVERY = 2, 100
DROPOUT = 0.1
WEIGHT_DECAY = 0.05
# Keeps a spelling near its word, so that what is learnt of one holds for all.
DIFFERENCE_DECAY = 0.3
# The average goes over the last few hundred steps, fewer at the start.
AVERAGE, AVERAGE_START = 0.995, 10
WARM_UP = 60
REPORT_EVERY = 100


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


def optimizer() -> optax.GradientTransformation:
    def decayed(params):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: leaf.ndim > 1 and path[0].key != 'difference', params
        )

    def differences(params):
        return jax.tree_util.tree_map_with_path(lambda path, leaf: path[0].key == 'difference', params)

    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(b1=0.9, b2=0.98),
        optax.add_decayed_weights(WEIGHT_DECAY, mask=decayed),
        optax.add_decayed_weights(DIFFERENCE_DECAY, mask=differences),
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
        self.average = jax.tree.map(jnp.array, self.params)
        self.key = jax.random.key(seed, impl='unsafe_rbg')
        self.left: dict[Kind, list[Example]] = {CHOICES: [], ANSWERS: []}

    def batch(self, number: int) -> Batch:
        if number % LONG_EVERY == LONG_EVERY - 1:
            return pack([self.examples.make_long(LONG.length)], LONG.rows, LONG.length, LONG.places)[0]
        if number % ANSWERS_EVERY == ANSWERS_EVERY - 1:
            return self.filled(ANSWERS, self.examples.make)
        return self.filled(CHOICES, self.examples.make_choice)

    def filled(self, kind: Kind, make: Callable[[], Example]) -> Batch:
        """Enough that most rows are full; the rest waits for the next batch of the kind."""
        left = self.left[kind]
        while sum(len(example.tokens) for example in left) < kind.rows * kind.length * 1.03:
            example = make()
            if len(example.tokens) <= kind.length:
                left.append(example)
        batch, self.left[kind] = pack(left, kind.rows, kind.length, kind.places)
        return batch

    def run(self, steps: int, rate: float, seconds: float, report=partial(print, flush=True)) -> None:
        """Trains for so many steps, or for so long; only the former gives the same weights again."""
        optim = optimizer()
        state = optim.init(self.params)
        start = time.monotonic()
        losses: list[float] = []
        for number in range(steps):
            self.key, key = jax.random.split(self.key)
            batch = arrays(self.batch(number))
            progress = max(number / steps, (time.monotonic() - start) / seconds)
            now = rate_at(progress, number, rate)
            self.params, state, self.average, loss = step(
                self.shape, optim, self.params, state, self.average, self.base_of, batch, key, number, now
            )
            losses.append(float(loss))
            if (number + 1) % REPORT_EVERY == 0:
                report(f'step {number + 1}: loss {np.mean(losses[-REPORT_EVERY:]):.4f}, {time.monotonic() - start:.0f} s, {time.process_time():.0f} s of processor')
            if time.monotonic() - start > seconds:
                report(f'time over at step {number + 1}')
                break

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



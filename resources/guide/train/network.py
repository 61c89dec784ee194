"""The network: a decoder as llama.cpp's `llama` architecture computes it, and its forward pass in JAX."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Shape:
    """Sizes. Rows of every matrix are multiples of 32, the block of Q8_0."""

    vocabulary: int
    embedding: int = 192
    blocks: int = 4
    heads: int = 6
    kv_heads: int = 3
    head: int = 32
    feed_forward: int = 512
    # High, so that attention reaches over a message of 10,000 characters.
    rope_base: float = 100_000.0
    epsilon: float = 1e-5
    # Room for 10,000 characters that are nothing but single letters.
    context: int = 16384


# The block that passes on an average of the tokens so far.
AVERAGING = 1


def initial(shape: Shape, seed: int) -> dict:
    """Parameters before training. `difference` is what sets spellings of one word apart, see tokenizer.base_ids.

    Queries of the averaging block are zero, so that it heeds all tokens alike. The other blocks begin as if they were
    not there.
    """
    random = np.random.default_rng(seed)
    d, heads, kv = shape.embedding, shape.heads * shape.head, shape.kv_heads * shape.head

    def matrix(rows: int, columns: int, scale: float = 1.0) -> np.ndarray:
        return (random.normal(size=(rows, columns)) * scale / np.sqrt(rows)).astype(np.float32)

    def block(is_averaging: bool) -> dict:
        out = 1 / np.sqrt(2 * shape.blocks) if is_averaging else 0.0
        return {
            'attn_norm': np.ones(d, np.float32),
            'q': matrix(d, heads, 0.0 if is_averaging else 1.0),
            'k': matrix(d, kv),
            'v': matrix(d, kv),
            'o': matrix(heads, d, out),
            'ffn_norm': np.ones(d, np.float32),
            'gate': matrix(d, shape.feed_forward),
            'up': matrix(d, shape.feed_forward),
            'down': matrix(shape.feed_forward, d, out),
        }

    def average() -> dict:
        """What a value head reads, its query heads write back together, unchanged."""
        directions = np.linalg.qr(random.normal(size=(d, d)))[0][:, :kv].astype(np.float32)
        group = heads // kv
        parts = directions.T.reshape(shape.kv_heads, shape.head, d) / group
        return {'v': directions, 'o': np.repeat(parts, group, axis=0).reshape(heads, d)}

    blocks = [block(number == AVERAGING) for number in range(shape.blocks)]
    blocks[AVERAGING] |= average()
    return {
        'base': (random.normal(size=(shape.vocabulary, d)) * 0.05).astype(np.float32),
        'difference': (random.normal(size=(shape.vocabulary, d)) * 0.02).astype(np.float32),
        'norm': np.ones(d, np.float32),
        'blocks': blocks,
    }


def embedding(params: dict, base_of: jax.Array) -> jax.Array:
    """The table of the file, one row a token; it is the output matrix too."""
    return params['base'][base_of] + params['difference']


def rms_norm(x: jax.Array, gain: jax.Array, epsilon: float) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + epsilon) * gain


def angles(shape: Shape, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine for :func:`rotate`, [batch, length, 1, head / 2]."""
    half = shape.head // 2
    angle = positions[..., None, None] * (shape.rope_base ** (-jnp.arange(half) / half))
    return jnp.cos(angle), jnp.sin(angle)


def rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Rotary embedding on the two halves of a head, fast here; see :func:`interleaved` for the file.

    :param x: [batch, length, heads, head]
    """
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)


def interleaved(weights: np.ndarray, head: int) -> np.ndarray:
    """Columns of a query or key matrix in the order of llama.cpp, which rotates neighbouring pairs."""
    rows = weights.shape[0]
    return weights.reshape(rows, -1, 2, head // 2).swapaxes(2, 3).reshape(rows, -1)


def drop(x: jax.Array, key: jax.Array | None, rate: float) -> jax.Array:
    if key is None or rate == 0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def hidden(
    shape: Shape,
    params: dict,
    table: jax.Array,
    tokens: jax.Array,
    positions: jax.Array,
    segments: jax.Array,
    key: jax.Array | None = None,
    rate: float = 0.0,
) -> jax.Array:
    """The state after the last norm, for every position.

    :param tokens: [rows, length]
    :param segments: which example a token belongs to: examples of one row do not see each other
    :param key: for dropout; None: no dropout
    """
    rows, length = tokens.shape
    causal = jnp.tril(jnp.ones((length, length), bool))
    mask = causal[None] & (segments[:, :, None] == segments[:, None, :])
    group = shape.heads // shape.kv_heads
    cos, sin = angles(shape, positions)
    x = drop(table[tokens], key, rate)
    for block in params['blocks']:
        y = rms_norm(x, block['attn_norm'], shape.epsilon)
        q = rotate((y @ block['q']).reshape(rows, length, shape.heads, shape.head), cos, sin)
        k = rotate((y @ block['k']).reshape(rows, length, shape.kv_heads, shape.head), cos, sin)
        v = (y @ block['v']).reshape(rows, length, shape.kv_heads, shape.head)
        q = q.reshape(rows, length, shape.kv_heads, group, shape.head)
        score = jnp.einsum('bqhgd,bkhd->bhgqk', q, k) / np.sqrt(shape.head)
        score = jax.nn.softmax(jnp.where(mask[:, None, None], score, -1e9), axis=-1)
        seen = jnp.einsum('bhgqk,bkhd->bqhgd', score, v).reshape(rows, length, shape.heads * shape.head)
        x = x + seen @ block['o']
        y = rms_norm(x, block['ffn_norm'], shape.epsilon)
        x = x + (jax.nn.silu(y @ block['gate']) * (y @ block['up'])) @ block['down']
    return rms_norm(x, params['norm'], shape.epsilon)


@partial(jax.jit, static_argnums=0)
def logits_at(shape: Shape, params: dict, table: jax.Array, tokens, positions, segments, rows, columns) -> jax.Array:
    """Logits of the tokens that follow the given places."""
    state = hidden(shape, params, table, tokens, positions, segments)
    return state[rows, columns] @ table.T

"""The guide's vocabulary: SentencePiece BPE with byte fallback, and control tokens of its own.

node-llama-cpp tokenizes text that follows a control token without a space in front, so a word at the start of a
message and the same word inside it are two tokens. `base_ids` tells which tokens are spellings of one word: the
network gives them one shared embedding and a small difference each.
"""

import io
from collections import Counter

import sentencepiece as spm

SYSTEM, USER, GUIDE, END = '<|system|>', '<|user|>', '<|guide|>', '<|end|>'
ROLES = (SYSTEM, USER, GUIDE, END)
VISIBLE_SPACE = '\u2581'

# Pieces longer than any word of the texts, so that whole words and parts of links are single tokens.
MAX_PIECE = 20


def plan_token(key: str) -> str:
    """The control token by which an answer begins: what it will be about. It is never shown."""
    return f'<|about:{key}|>'


def train(texts: list[str], keys: list[str], size: int) -> spm.SentencePieceProcessor:
    """Trains the vocabulary.

    :param texts: everything that is to be read or said
    :param keys: what answers are about, one plan token each
    :param size: tokens in all
    """
    words = Counter(word for text in texts for word in text.split())
    lines = list(texts)
    for word, count in words.items():
        # Each spelling that a person may use, so that it becomes one token where the word is frequent.
        for form in (word, word.lower(), word.capitalize()):
            lines += [form, f' {form}'] * min(count, 4)
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in lines for line in text.split('\n') if line),
        model_writer=model,
        model_type='bpe',
        vocab_size=size,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name='identity',
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        max_sentencepiece_length=MAX_PIECE,
        control_symbols=[*ROLES, *(plan_token(key) for key in keys)],
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return spm.SentencePieceProcessor(model_proto=model.getvalue())


def base_ids(processor: spm.SentencePieceProcessor) -> list[int]:
    """For each token the one that stands for all spellings of its word (with a space in front, capitalised)."""
    size = processor.get_piece_size()
    pieces = [processor.id_to_piece(i) for i in range(size)]
    first: dict[str, int] = {}
    ids = []
    for i, piece in enumerate(pieces):
        special = processor.is_control(i) or processor.is_byte(i) or processor.is_unknown(i)
        word = piece.removeprefix(VISIBLE_SPACE).lower()
        ids.append(i if special or len(word) < 2 else first.setdefault(word, i))
    return ids

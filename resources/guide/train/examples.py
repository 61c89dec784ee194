"""Makes examples without end from the texts, and packs them into rows."""

import hashlib
import random
from dataclasses import dataclass

import numpy as np
import sentencepiece as spm

import offtopic
from noise import SMALL_WORDS, WORD, Noise
from texts import ANSWER_BEFORE, OFF_TOPIC, Entry, FollowUp, Texts
from tokenizer import END, GUIDE, SYSTEM, USER, plan_token

# Shares of what is asked.
OFF_TOPIC_SHARE = 0.38
# Of those, questions with strange words.
STRANGE_SHARE = 0.1
# Of the examples with an answer, see Examples.in_chat:
FOLLOW_UP_SHARE = 0.2
# A second question, on another matter, after one that was answered: what came before must not decide.
AFTER_SHARE = 0.25
SYSTEM_SHARE = 0.05
# Two phrasings of one question in a message.
TWICE_SHARE = 0.08
# Of the examples with an answer, those that have it to the end; the others end where it is decided what it is about.
RECITE_SHARE = 0.9
# Of those, the ones that recite an answer to something else: once it is decided, the question must not matter.
OTHER_ANSWER_SHARE = 0.3

# A token of an answer against the choice of what it is about.
ANSWER_WEIGHT = 0.5

SYSTEM_PROMPTS = [
    'You are a helpful assistant.', 'Be brief.', 'Answer in one sentence.', 'You are a pirate.', 'Answer like a teacher.',
    'You are an expert programmer.', 'Always answer in German.', 'Be kind and polite. Do not make things up.',
]  # fmt: skip


@dataclass
class Example:
    tokens: list[int]
    # What each token counts as something to be said; 0: it is read only.
    weights: list[float]


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


def is_held_out(question: str, share: float) -> bool:
    """The same phrasings in every run."""
    digest = hashlib.sha256(question.encode()).digest()
    return int.from_bytes(digest[:4], 'big') < share * 2**32


def kept(entry: Entry, hold_out: float) -> Entry:
    """Without the phrasings that are held out."""

    def of(questions: list[str]) -> list[str]:
        return [question for question in questions if not is_held_out(question, hold_out)]

    follow_ups = [FollowUp(f.key, of(f.questions) or f.questions, f.answer) for f in entry.follow_ups]
    return Entry(entry.key, of(entry.questions), entry.answer, follow_ups)


class Examples:
    """:param hold_out: share of the phrasings that are kept for validation"""

    def __init__(self, texts: Texts, processor: spm.SentencePieceProcessor, seed: int, hold_out: float):
        self.texts = texts
        self.processor = processor
        self.rng = random.Random(seed)
        self.noise = Noise(texts.synonyms, texts.openers, texts.closers, self.rng)
        self.entries = [kept(entry, hold_out) for entry in texts.entries]
        self.entries = [entry for entry in self.entries if entry.questions]
        self.refused = [q for q in texts.refused if not is_held_out(q, hold_out)] or ['what is love']
        self.others = [q for q in texts.others if not is_held_out(q, hold_out)]
        self.with_follow_ups = [entry for entry in self.entries if entry.follow_ups]
        self.system, self.user, self.guide, self.end = (
            processor.piece_to_id(token) for token in (SYSTEM, USER, GUIDE, END)
        )
        self.answers = {OFF_TOPIC: self.encode(texts.refusal)}
        self.plans = {key: processor.piece_to_id(plan_token(key)) for key in texts.keys()}
        for entry in texts.entries:
            self.answers[entry.key] = self.encode(entry.answer)
            for follow_up in entry.follow_ups:
                self.answers[follow_up.key] = self.encode(follow_up.answer)
        known = {word for entry in self.entries for question in entry.questions for word in words_of(question)}
        slots = [phrase for phrases in offtopic.SLOTS.values() for phrase in phrases]
        others = [word for text in (*self.others, *self.refused, *slots) for word in words_of(text)]
        # As often as they occur, so that the list is the same in every run.
        self.strange = [word for word in others if word not in known]
        self.keys = texts.keys()
        self.deck: list[tuple[Entry, str]] = []

    def encode(self, text: str) -> list[int]:
        return self.processor.encode(text)

    def turn(self, text: str) -> list[int]:
        return [self.user, *self.encode(text), self.end]

    def phrasing(self) -> tuple[Entry, str]:
        """Every topic equally often, every phrasing once before any comes again."""
        if not self.deck:
            most = max(len(entry.questions) for entry in self.entries)
            for entry in self.entries:
                own = entry.questions * (most // len(entry.questions) + 1)
                self.rng.shuffle(own)
                self.deck += [(entry, question) for question in own[:most]]
            self.rng.shuffle(self.deck)
        return self.deck.pop()

    def about_leeward(self) -> tuple[Entry, str]:
        entry, question = self.phrasing()
        text = self.noise.typed(question)
        if self.rng.random() < TWICE_SHARE and len(entry.questions) > 1:
            other = self.noise.typed(self.rng.choice(entry.questions))
            text = f'{text}{self.rng.choice([". ", " ", ", ", "? ", chr(10)])}{other}'
        return entry, text

    def strange_question(self) -> str:
        """A question as they are asked about the app, with words that are nothing of the app's."""
        _, question = self.phrasing()

        def other(word: str) -> str:
            if word in SMALL_WORDS:
                return word
            return self.rng.choice(self.strange) if self.rng.random() < 0.85 else offtopic.pseudo_word(self.rng)

        return ' '.join(other(word) for word in words_of(question))

    def off_topic(self) -> str:
        if self.rng.random() < STRANGE_SHARE:
            return self.noise.written(self.strange_question())
        draw = self.rng.random()
        if draw < 0.2:
            return self.noise.typed(self.rng.choice(self.refused))
        if draw < 0.54:
            return self.noise.written(self.rng.choice(self.others))
        if draw < 0.72:
            return self.noise.typed(offtopic.from_grammar(self.rng))
        if draw < 0.80:
            return self.noise.cased(self.noise.punctuated(self.rng.choice(offtopic.FOREIGN)))
        if draw < 0.95:
            return offtopic.gibberish(self.rng)
        mark = self.rng.choice(offtopic.MARKUP)
        return f'{mark}{self.rng.choice(["", " "])}{offtopic.from_grammar(self.rng)}{self.rng.choice(["", mark])}'

    def message(self) -> tuple[str, str]:
        """Something that is asked, and what its answer is about."""
        if self.rng.random() < OFF_TOPIC_SHARE:
            return OFF_TOPIC, self.off_topic()
        entry, text = self.about_leeward()
        return entry.key, text

    def make_first(self) -> Example:
        """A first message, up to where it is decided what the answer is about."""
        key, text = self.message()
        return self.answered([*self.turn(text), self.guide], key, False)

    def make_choice(self) -> Example:
        """A chat of one or two messages, as far."""
        return self.in_chat(0)

    def make_answer(self) -> Example:
        """Such a chat with, mostly, the answer."""
        return self.in_chat(RECITE_SHARE)

    def in_chat(self, recite_share: float) -> Example:
        tokens: list[int] = []
        if self.rng.random() < SYSTEM_SHARE:
            tokens += [self.system, *self.encode(self.rng.choice(SYSTEM_PROMPTS)), self.end]
        draw = self.rng.random()
        answered = [self.guide, *self.encode(ANSWER_BEFORE), self.end]
        if draw < FOLLOW_UP_SHARE and self.with_follow_ups:
            entry = self.rng.choice(self.with_follow_ups)
            follow_up = self.rng.choice(entry.follow_ups)
            tokens += [*self.turn(self.noise.typed(self.rng.choice(entry.questions))), *answered]
            key, text = follow_up.key, self.noise.typed(self.rng.choice(follow_up.questions))
        else:
            if draw < FOLLOW_UP_SHARE + AFTER_SHARE:
                _, asked = self.message()
                tokens += [*self.turn(asked), *answered]
            key, text = self.message()
        tokens += [*self.turn(text), self.guide]
        is_recited = self.rng.random() < recite_share
        if is_recited and self.rng.random() < OTHER_ANSWER_SHARE:
            return self.answered(tokens, self.rng.choice(self.keys), True, decided_weight=0.0)
        return self.answered(tokens, key, is_recited)

    def make_long(self, length: int) -> Example:
        """A text of thousands of characters, and a refusal; at times with a question that can be answered behind it."""
        text = offtopic.long_text(self.rng, self.refused, length * 5)
        key = OFF_TOPIC
        ids = self.encode(text)[: length - 120]
        if self.rng.random() < 0.3:
            entry, question = self.about_leeward()
            key = entry.key
            ids = [*ids[: length - 180], *self.encode(f'\n\n{question}')][: length - 120]
        return self.answered([self.user, *ids, self.end, self.guide], key, True)

    def answered(self, tokens: list[int], key: str, recited: bool, decided_weight: float = 1.0) -> Example:
        weights = [0.0] * len(tokens) + [decided_weight]
        tokens = [*tokens, self.plans[key]]
        if recited:
            said = [*self.answers[key], self.end]
            tokens += said
            weights += [ANSWER_WEIGHT] * len(said)
        return Example(tokens, weights)


@dataclass
class Batch:
    """Rows of packed examples; targets are places whose next token counts."""

    tokens: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def pack(examples: list[Example], rows: int, length: int, places: int) -> tuple[Batch, list[Example]]:
    """First fit; what does not fit is handed back."""
    batch = Batch(
        np.zeros((rows, length), np.int32),
        np.zeros((rows, length), np.int32),
        np.full((rows, length), -1, np.int32),
        *(np.zeros(places, np.int32) for _ in range(3)),
        np.zeros(places, np.float32),
    )
    used = [0] * rows
    place = 0
    left: list[Example] = []
    for number, example in enumerate(examples):
        size = len(example.tokens)
        counted = [i for i in range(1, size) if example.weights[i] > 0]
        row = next((r for r in range(rows) if used[r] + size <= length), None)
        if row is None or place + len(counted) > places:
            left.append(example)
            continue
        start = used[row]
        batch.tokens[row, start : start + size] = example.tokens
        batch.positions[row, start : start + size] = np.arange(size)
        batch.segments[row, start : start + size] = number
        for i in counted:
            batch.rows[place], batch.columns[place] = row, start + i - 1
            batch.targets[place], batch.weights[place] = example.tokens[i], example.weights[i]
            place += 1
        used[row] += size
    return batch, left

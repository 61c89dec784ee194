"""What people do to a phrasing: synonyms, politeness, dropped words, typing errors, capitals, signs."""

import random
import re

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]+|_+", re.UNICODE)

# Words that can go without a change of meaning; others are dropped less.
SMALL_WORDS = frozenset(
    'a an the this that these those my your our i you we it its is are am be do does did can could will would '
    'should may to of in on at for from with by and or so then please how what where which there here me'.split()
)

NEIGHBOURS = {
    'a': 'qsz', 'b': 'vn', 'c': 'xv', 'd': 'sfe', 'e': 'wr', 'f': 'dg', 'g': 'fh', 'h': 'gj', 'i': 'uo', 'j': 'hk',
    'k': 'jl', 'l': 'kp', 'm': 'n', 'n': 'bm', 'o': 'ip', 'p': 'ol', 'q': 'wa', 'r': 'et', 's': 'ad', 't': 'ry',
    'u': 'yi', 'v': 'cb', 'w': 'qe', 'x': 'zc', 'y': 'tu', 'z': 'xs',
}  # fmt: skip

# Short forms of chats; the other way is a change that people make too.
SHORT_FORMS = {
    'you': 'u', 'your': 'ur', 'are': 'r', 'please': 'pls', 'because': 'cuz', 'what is': 'whats', "what's": 'whats',
    'how do i': 'how to', 'i am': 'im', "i'm": 'im', 'do not': 'dont', 'does not': 'doesnt', 'can not': 'cant',
    'cannot': 'cant', 'is not': 'isnt', 'will not': 'wont', 'it is': 'its', 'where is': 'wheres', 'how can i': 'how do i',
    'did not': 'didnt', 'i have': 'ive', 'want to': 'wanna', 'going to': 'gonna', 'with': 'w', 'and': '&', 'for': '4',
}  # fmt: skip


class Noise:
    def __init__(self, groups: list[list[str]], openers: list[str], closers: list[str], rng: random.Random):
        self.rng = rng
        self.openers = openers
        self.closers = closers
        self.synonyms: dict[str, list[str]] = {}
        for group in groups:
            for word in group:
                others = [other for other in group if other != word]
                self.synonyms.setdefault(word.lower(), []).extend(others)
        # Longest first: "get rid of" before "get".
        phrases = sorted(self.synonyms, key=len, reverse=True)
        self.pattern = re.compile(
            r'(?<!\w)(' + '|'.join(re.escape(phrase) for phrase in phrases) + r')(?!\w)', re.IGNORECASE
        ) if phrases else None
        short = sorted(SHORT_FORMS, key=len, reverse=True)
        self.short = re.compile(r'(?<!\w)(' + '|'.join(re.escape(s) for s in short) + r')(?!\w)', re.IGNORECASE)

    def chance(self, rate: float) -> bool:
        return self.rng.random() < rate

    def with_synonyms(self, text: str, rate: float) -> str:
        if self.pattern is None:
            return text

        def other(match: re.Match) -> str:
            return self.rng.choice(self.synonyms[match[0].lower()]) if self.chance(rate) else match[0]

        return self.pattern.sub(other, text)

    def with_words_dropped(self, text: str, rate: float) -> str:
        words = text.split(' ')
        if len(words) < 3:
            return text
        kept = [
            word
            for word in words
            if not self.chance(rate * (2.5 if word.lower().strip('?,.!') in SMALL_WORDS else 0.7))
        ]
        return ' '.join(kept) if len(kept) >= 2 else text

    def reordered(self, text: str) -> str:
        words = text.split(' ')
        if len(words) < 3:
            return text
        if self.chance(0.5):
            cut = self.rng.randrange(1, len(words))
            return ' '.join(words[cut:] + words[:cut])
        at = self.rng.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
        return ' '.join(words)

    def with_typos(self, text: str, count: int) -> str:
        letters = list(text)
        for _ in range(count):
            if len(letters) < 4:
                break
            at = self.rng.randrange(1, len(letters) - 1)
            kind = self.rng.randrange(5)
            if kind == 0:
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
            elif kind == 1:
                del letters[at]
            elif kind == 2:
                letters.insert(at, letters[at])
            elif kind == 3:
                near = NEIGHBOURS.get(letters[at].lower())
                if near:
                    letters[at] = self.rng.choice(near)
            elif letters[at] == ' ':
                del letters[at]
            else:
                near = NEIGHBOURS.get(letters[at].lower())
                if near:
                    letters.insert(at, self.rng.choice(near))
        return ''.join(letters)

    def cased(self, text: str) -> str:
        draw = self.rng.random()
        if draw < 0.5:
            return text
        if draw < 0.7:
            return text.lower()
        if draw < 0.94:
            return text[:1].upper() + re.sub(r'\bi\b', 'I', text[1:])
        if draw < 0.97:
            return text.title()
        return text.upper()

    def punctuated(self, text: str) -> str:
        draw = self.rng.random()
        bare = text.rstrip(' ?.!')
        if draw < 0.35:
            return text
        if draw < 0.6:
            return bare
        if draw < 0.72:
            return bare.replace(',', '').replace("'", '')
        if draw < 0.92:
            return bare + '?'
        return bare + self.rng.choice(['.', '!', '??', '...', '!!', ' ?', '?!', ' :(', ':', '\n', ' '])

    def polite(self, text: str) -> str:
        draw = self.rng.random()
        if draw < 0.7:
            return text
        if draw < 0.87:
            return f'{self.rng.choice(self.openers)} {text}' if self.openers else text
        if draw < 0.96:
            return f'{text.rstrip(" ?.!")} {self.rng.choice(self.closers)}' if self.closers else text
        if not (self.openers and self.closers):
            return text
        return f'{self.rng.choice(self.openers)} {text.rstrip(" ?.!")} {self.rng.choice(self.closers)}'

    def written(self, text: str) -> str:
        """As a person might have typed it, every word kept: where a word fewer would be another matter."""
        text = self.cased(self.punctuated(self.polite(text)))
        return self.with_typos(text, 1) if self.chance(0.15) else text

    def typed(self, text: str) -> str:
        """As a person might have typed it."""
        if self.chance(0.6):
            text = self.with_synonyms(text, 0.4)
        if self.chance(0.45):
            text = self.with_words_dropped(text, 0.12)
        if self.chance(0.12):
            text = self.reordered(text)
        if self.chance(0.15):
            text = self.short.sub(lambda match: SHORT_FORMS[match[0].lower()], text)
        text = self.polite(text)
        text = self.cased(self.punctuated(text))
        if self.chance(0.3):
            text = self.with_typos(text, self.rng.choice([1, 1, 1, 2]))
        return text

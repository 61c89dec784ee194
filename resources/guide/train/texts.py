"""What the guide is to say, and to what: topics.json and lexicon.json in one shape."""

import json
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
TOPICS = FOLDER.parent / 'topics.json'
LEXICON = FOLDER / 'lexicon.json'
OFF_TOPIC_PROMPTS = FOLDER / 'off-topic.txt'

OFF_TOPIC = 'off-topic'
# In place of an answer that was given before: what it was about is known by its question. The app does so too.
ANSWER_BEFORE = '…'


@dataclass
class FollowUp:
    key: str
    questions: list[str]
    answer: str


@dataclass
class Entry:
    """One thing to be said. `key` names it, also in evaluations."""

    key: str
    questions: list[str]
    answer: str
    follow_ups: list[FollowUp] = field(default_factory=list)


@dataclass
class Texts:
    entries: list[Entry]
    refusal: str
    refused: list[str]
    # Prompts about other things in the app's own words: one word fewer, and some would be questions about the app.
    others: list[str]
    synonyms: list[list[str]]
    openers: list[str]
    closers: list[str]

    def keys(self) -> list[str]:
        follow_ups = [follow_up.key for entry in self.entries for follow_up in entry.follow_ups]
        return [entry.key for entry in self.entries] + follow_ups + [OFF_TOPIC]

    def everything(self) -> list[str]:
        """All text, for the vocabulary."""
        texts = [ANSWER_BEFORE, self.refusal, *self.refused, *self.others, *self.openers, *self.closers]
        texts += [' '.join(group) for group in self.synonyms]
        for entry in self.entries:
            # Answers are recited: more than once, so that their words become whole tokens.
            texts += entry.questions + [entry.answer] * 3
            for follow_up in entry.follow_ups:
                texts += follow_up.questions + [follow_up.answer] * 3
        return texts


def entry_of(key: str, source: dict) -> Entry:
    follow_ups = [
        FollowUp(f'{key}/{index}', list(follow_up['questions']), follow_up['answer'])
        for index, follow_up in enumerate(source.get('followUps', []))
    ]
    return Entry(key, list(source['questions']), source['answer'], follow_ups)


def prompts_of(source: object) -> list[str]:
    """Prompts from a list, or from lists by kind."""
    if isinstance(source, str):
        return [source]
    values = source.values() if isinstance(source, dict) else source
    return [prompt for value in values for prompt in prompts_of(value)]


def added() -> tuple[dict[str, list[str]], list[list[str]]]:
    """Phrasings by topic or `topic/INDEX` of a follow-up, and synonyms, of every phrasings file."""
    phrasings: dict[str, list[str]] = {}
    synonyms = []
    for file in sorted(FOLDER.glob('phrasings*.txt')):
        for line in file.read_text('utf-8').splitlines():
            if line.startswith('~'):
                synonyms.append([word.strip() for word in line[1:].split('|')])
            elif line and not line.startswith('#'):
                key, questions = line.split(' = ')
                phrasings.setdefault(key.strip(), []).extend(question.strip() for question in questions.split('|'))
    return phrasings, synonyms


def load() -> Texts:
    topics = json.loads(TOPICS.read_text('utf-8'))
    lexicon = json.loads(LEXICON.read_text('utf-8')) if LEXICON.exists() else {}
    entries = [entry_of(topic['id'], topic) for topic in topics['topics']]
    for kind in ('greetings', 'identity'):
        entries += [entry_of(source['id'], source) for source in topics[kind]]
    phrasings, synonyms = added()
    taken = {question for entry in entries for question in entry.questions}
    known = {item.key for entry in entries for item in (entry, *entry.follow_ups)}
    if unknown := phrasings.keys() - known:
        raise ValueError(f'phrasings of no topic: {sorted(unknown)}')
    for entry in entries:
        entry.questions += [q for q in dict.fromkeys(phrasings.get(entry.key, [])) if q not in taken]
        for follow_up in entry.follow_ups:
            follow_up.questions = list(dict.fromkeys([*follow_up.questions, *phrasings.get(follow_up.key, [])]))
    refusals = topics['refusals']
    return Texts(
        entries=entries,
        refusal=refusals['answers'][0],
        refused=list(dict.fromkeys(prompts_of(refusals['questions']) + prompts_of(lexicon.get('offTopic', [])))),
        others=OFF_TOPIC_PROMPTS.read_text('utf-8').splitlines(),
        synonyms=lexicon.get('groups', []) + synonyms,
        openers=lexicon.get('openers', ['how do i', 'pls help:', 'hey,', 'please']),
        closers=lexicon.get('closers', ['thanks', 'please', 'asap']),
    )

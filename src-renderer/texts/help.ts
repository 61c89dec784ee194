import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

/** The Help pages and the guide. */
export const helpTexts = catalogue({
  title: 'Help',
  search: 'Search Help',
  searchPlaceholder: 'Search Help',
  topics: 'Help topics',
  found: (value: number, count: string) =>
    `${count} ${plural.select(value) === 'one' ? 'topic' : 'topics'} found`,
  nothing: 'Nothing found',
  nothingText: 'Try fewer or other words, or ask the guide.',
  choose: 'Choose a topic, or search for what you want to do.',
  back: 'All topics',
  related: 'Also asked',
  askTitle: 'Ask the guide',
  askText: 'A small model that comes with Leeward and knows only Leeward. It runs on this computer.',
  ask: 'Ask the guide',
  areas: {
    about: 'About Leeward',
    privacy: 'Privacy',
    'first-run': 'First steps',
    models: 'Models',
    loading: 'Loading and memory',
    chat: 'Chat',
    history: 'Chats and folders',
    safety: 'Safe keeping',
    speed: 'Speed',
    performance: 'Performance and Lab',
    settings: 'Settings',
    shortcuts: 'Shortcuts',
    serving: 'In a browser',
    trouble: 'Trouble',
    limits: 'What it cannot do',
    talk: 'The guide',
  },
  guide: {
    name: 'Guide',
    note: 'built in, knows only Leeward',
    places: 'Places in the app',
    placesOf: (question: string) => `Places in the app: ${question}`,
    cardTitle: 'Guide, built in: ask how Leeward works',
    cardText:
      'A very small model that is here already. It knows Leeward and nothing else, and it answers at once.',
    cardAction: 'Ask the guide',
    welcome: 'Ask how Leeward works',
    welcomeText:
      'The guide is a very small model on this computer. It knows only Leeward; for anything else choose a model.',
    questions: {
      models: 'How do I get a model?',
      privacy: 'Does anything leave this computer?',
      choice: 'Which model is right for me?',
    },
    questionsLabel: 'Questions to begin with',
  },
});

/** Name of a topic's area; an unknown one by itself. */
export function areaName(area: string): string {
  const names: Readonly<Record<string, string>> = helpTexts.areas;
  return names[area] ?? area;
}

import MiniSearch from 'minisearch';
import type { Route } from './router.svelte.ts';

/** What Help shows of a topic of `resources/guide/topics.json`, from which the guide was trained as well. */
export interface HelpTopic {
  readonly id: string;
  readonly area: string;
  /** The place in the app that it belongs to: `models/search`. */
  readonly screen: string;
  readonly title: string;
  readonly answer: string;
  readonly more?: string;
  readonly questions: readonly string[];
  readonly followUps: readonly { readonly questions: readonly string[]; readonly answer: string }[];
}

/** The Help pages. They are read when Help is opened for the first time. */
export class HelpStore {
  topics = $state.raw<readonly HelpTopic[]>([]);
  query = $state('');
  #index: MiniSearch<HelpTopic> | null = null;
  #loading: Promise<void> | null = null;

  /** Reads them once; what failed is tried again at the next call. */
  load(): Promise<void> {
    return (this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    }));
  }

  topic(id: string | null): HelpTopic | undefined {
    return id === null ? undefined : this.topics.find((topic) => topic.id === id);
  }

  /** Topics by area, those that match the query only, the best first where there is one. */
  readonly shown = $derived.by((): readonly HelpTopic[] => {
    const query = this.query.trim();
    if (query === '' || this.#index === null) return this.topics;
    const found = this.#index.search(query).map(({ id }) => this.topic(String(id)));
    return found.filter((topic) => topic !== undefined);
  });

  /** The first topic of a screen, for F1. */
  async topicOf(route: Route): Promise<string | null> {
    await this.load();
    const wanted = placesOf(route);
    for (const place of wanted) {
      const topics = this.topics.filter(({ screen }) => screen === place);
      // Of several, one that is about the screen and not only asked there.
      const topic = topics.find(({ area }) => area === route.screen) ?? topics[0];
      if (topic) return topic.id;
    }
    return null;
  }

  async #load(): Promise<void> {
    const { default: file } = await import('../../resources/guide/topics.json');
    const topics: readonly HelpTopic[] = file.topics;
    const index = new MiniSearch<HelpTopic>({
      fields: ['title', 'questions', 'answer', 'more'],
      extractField: (topic, field) => {
        if (field === 'id') return topic.id;
        if (field === 'questions') return topic.questions.join('\n');
        if (field === 'title') return topic.title;
        return (field === 'more' ? topic.more : topic.answer) ?? '';
      },
      searchOptions: { boost: { title: 4, questions: 2 }, prefix: true, fuzzy: 0.2, combineWith: 'AND' },
    });
    index.addAll(topics);
    this.#index = index;
    this.topics = topics;
  }
}

/** The names that topics use for where the reader is, the nearest first. */
function placesOf(route: Route): string[] {
  if (route.screen === 'settings') return [`settings/${route.section}`, 'settings/general'];
  if (route.screen === 'models') {
    if (route.tab === 'find') return ['models/search', 'models'];
    return route.tab === 'adapters' ? ['models/adapters', 'models'] : ['models'];
  }
  return [route.screen];
}

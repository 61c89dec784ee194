import {
  ChatWrapper,
  type ChatModelResponse,
  type ChatWrapperGenerateContextStateOptions,
  type ChatWrapperGeneratedContextState,
  type ChatWrapperSettings,
} from 'node-llama-cpp';

/** The template's variable that holds what each directive stands for. */
const VARIABLE = 'leeward_day';

/** Made once: they cost more than a rendering, and a template is rendered hundreds of times while it is read. */
const NAMES = {
  '%b': new Intl.DateTimeFormat('en-US', { month: 'short' }),
  '%B': new Intl.DateTimeFormat('en-US', { month: 'long' }),
  '%a': new Intl.DateTimeFormat('en-US', { weekday: 'short' }),
  '%A': new Intl.DateTimeFormat('en-US', { weekday: 'long' }),
};

/** What a template may ask for, as Python writes it in the C locale. */
function directives(day: Date): Record<string, string> {
  const two = (value: number) => String(value).padStart(2, '0');
  const named = (directive: keyof typeof NAMES) => NAMES[directive].format(day);
  return {
    '%Y': String(day.getFullYear()),
    '%y': two(day.getFullYear() % 100),
    '%m': two(day.getMonth() + 1),
    '%d': two(day.getDate()),
    '%b': named('%b'),
    '%B': named('%B'),
    '%a': named('%a'),
    '%A': named('%A'),
    '%H': two(day.getHours()),
    '%M': two(day.getMinutes()),
    '%S': two(day.getSeconds()),
  };
}

/**
 * In the place of the library's own, which always writes now. A macro, because the library copies what it gives to
 * a template, and a function cannot be copied; the empty text keeps the template's first line break.
 */
function macroFor(text: string): string {
  const filters = Object.keys(directives(new Date()))
    .filter((name) => text.includes(name))
    .map((name) => ` | replace('${name}', ${VARIABLE}['${name}'])`);
  return `{%- macro strftime_now(format) -%}{{ format${filters.join('')} }}{%- endmacro %}{{ '' }}`;
}

/** Noon of a day as the computer counts days. @param date as YYYY-MM-DD */
function noonOf(date: string): Date {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day, 12);
}

/**
 * What templates take for today. A date that changes at midnight stands at the start of a prompt, and what was read
 * or saved of the chat would be of no use the next day.
 */
export class TemplateClock {
  #day: Date | null = null;

  now(): Date {
    return this.#day ?? new Date();
  }

  /** Runs `task`, which must not wait for anything, on that day. */
  at<T>(date: string, task: () => T): T {
    const before = this.#day;
    this.#day = noonOf(date);
    try {
      return task();
    } finally {
      this.#day = before;
    }
  }

  /** For the library's wrappers that write a date themselves. */
  get wrapperSettings() {
    const todayDate = () => this.now();
    return {
      'llama3.1': { todayDate },
      'llama3.2-lightweight': { todayDate },
      harmony: { todayDate },
      muse: { todayDate },
    };
  }

  /** A template as it is to be rendered, and what is given to it. */
  jinja(text: string, given: Record<string, unknown> = {}) {
    if (!text.includes('strftime_now')) return { template: text, parameters: given };
    const today = () => directives(this.now());
    const parameters = {
      ...given,
      // Read each time the template is rendered.
      get [VARIABLE]() {
        return today();
      },
    };
    return { template: macroFor(text) + text, parameters };
  }
}

/** A wrapper on a certain day. */
export class DatedWrapper extends ChatWrapper {
  override readonly wrapperName: string;
  override readonly settings: ChatWrapperSettings;
  readonly #inner: ChatWrapper;
  readonly #clock: TemplateClock;
  readonly #date: string;

  /** @param date as YYYY-MM-DD */
  constructor(inner: ChatWrapper, clock: TemplateClock, date: string) {
    super();
    this.#inner = inner;
    this.#clock = clock;
    this.#date = date;
    this.wrapperName = inner.wrapperName;
    this.settings = inner.settings;
  }

  override generateContextState(
    options: ChatWrapperGenerateContextStateOptions,
  ): ChatWrapperGeneratedContextState {
    return this.#clock.at(this.#date, () => this.#inner.generateContextState(options));
  }

  override generateModelResponseText(response: ChatModelResponse['response'], useRawValues?: boolean) {
    return this.#inner.generateModelResponseText(response, useRawValues);
  }
}

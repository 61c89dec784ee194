import {
  ChatWrapper,
  isLlamaText,
  JinjaTemplateChatWrapper,
  LlamaText,
  resolveChatWrapper,
  SpecialTokensText,
  type ChatHistoryItem,
  type ChatWrapperGenerateContextStateOptions,
  type ChatWrapperGeneratedContextState,
  type ChatWrapperSettings,
  type LlamaModel,
} from 'node-llama-cpp';
import type { ReasoningMode, ReasoningSupport } from './contract.ts';
import { DatedWrapper, TemplateClock } from './template-date.ts';

/** Variables by which templates are told whether to think: Qwen's (and most others'), DeepSeek's and Granite's. */
const SWITCHES = ['enable_thinking', 'thinking'] as const;
type Switch = (typeof SWITCHES)[number];

/** Of the built-in guide's template, which is no family's: to compare it with each of them takes most of its load. */
const GUIDE_MARK = '<|guide|>';

const PROBE: ChatHistoryItem[] = [{ type: 'user', text: 'leewardprobe' }];
const PROBE_ANSWERED: ChatHistoryItem[] = [...PROBE, { type: 'model', response: ['leewardanswer'] }];

type Thought = NonNullable<NonNullable<ChatWrapperSettings['segments']>['thought']>;

/** The chat template of a loaded model: how a chat is rendered, and what can be said about thinking. */
export interface ChatTemplate {
  readonly reasoning: ReasoningSupport;
  /**
   * The template opens the thought itself, whatever the answer begins with, so that text which is to be continued
   * has to follow a closed one.
   */
  readonly isOpenedOnStart: boolean;
  /**
   * How answers are separated from thinking and the chat is rendered in this mode.
   * @param date the day that a template writes as today's, as YYYY-MM-DD; left out: today
   */
  wrapper(mode: ReasoningMode, date?: string): ChatWrapper;
}

/**
 * Reads the template of the file, or the one that takes its place. What it can do is found by rendering it, never
 * from the model's name.
 * @param override Jinja
 * @throws Error when the override fails on a short chat
 */
export function readTemplate(model: LlamaModel, override: string | null): ChatTemplate {
  const clock = new TemplateClock();
  const template = readUndated(model, override, clock);
  return {
    ...template,
    wrapper: (mode, date) => {
      const wrapper = template.wrapper(mode);
      return date === undefined ? wrapper : new DatedWrapper(wrapper, clock, date);
    },
  };
}

function readUndated(model: LlamaModel, override: string | null, clock: TemplateClock): ChatTemplate {
  const text = override ?? model.fileInfo.metadata.tokenizer?.chat_template ?? '';
  const plain = resolvePlain(model, text, override, clock);
  const thought = plain.settings.segments?.thought;
  const fixed = (wrapper: ChatWrapper): ChatTemplate => ({
    reasoning: thought && mentions(text, thought) ? 'always' : 'none',
    isOpenedOnStart: thought !== undefined && textOf(thought.prefix) === null,
    wrapper: () => wrapper,
  });
  if (!thought || textOf(thought.prefix) === null || !mentions(text, thought)) return fixed(plain);
  const prompts = (switches: Partial<Record<Switch, boolean>>) =>
    new ThinkingWrapper(plain, thought, jinja(model, text, switches, clock));
  try {
    // llama.cpp and the library say so when nothing is said; some templates expect it.
    const auto = prompts({ enable_thinking: true });
    for (const name of SWITCHES) {
      if (!new RegExp(`\\b${name}\\b`).test(text)) continue;
      const on = name === 'enable_thinking' ? auto : prompts({ [name]: true });
      const off = prompts({ [name]: false });
      if (on.probe === off.probe) continue;
      const wrappers = { auto, on, off };
      return { reasoning: 'switchable', isOpenedOnStart: false, wrapper: (mode) => wrappers[mode] };
    }
    // A specialised wrapper knows more of its family than can be seen in its template.
    return fixed(plain instanceof JinjaTemplateChatWrapper ? auto : plain);
  } catch {
    return fixed(plain);
  }
}

/** As the library chooses; it takes some templates that think for plain ChatML, which knows no thoughts. */
function resolvePlain(
  model: LlamaModel,
  text: string,
  override: string | null,
  clock: TemplateClock,
): ChatWrapper {
  const { template, parameters } = clock.jinja(text);
  const customWrapperSettings = {
    ...clock.wrapperSettings,
    // Without a template of the file the library chooses by other marks.
    ...(text === '' ? {} : { jinjaTemplate: { template, additionalRenderParameters: parameters } }),
  };
  const plain = resolveChatWrapper(model, {
    customWrapperSettings,
    ...(text.includes(GUIDE_MARK) ? { type: 'jinjaTemplate' as const } : {}),
    ...(override === null ? {} : { fallbackToOtherWrappersOnJinjaError: false, warningLogs: false }),
  });
  if (plain.settings.segments?.thought || !text.includes('</think>')) return plain;
  try {
    const thinking = new JinjaTemplateChatWrapper({
      template,
      tokenizer: model.tokenizer,
      additionalRenderParameters: parameters,
    });
    return thinking.settings.segments?.thought ? thinking : plain;
  } catch {
    return plain;
  }
}

/** A wrapper may know the marks of its family although this template never writes them. */
function mentions(text: string, thought: Thought): boolean {
  const marks = [textOf(thought.prefix), textOf(thought.suffix)].map((mark) => mark?.trim() ?? '');
  return text.includes('reasoning_content') || marks.some((mark) => mark !== '' && text.includes(mark));
}

/** The text of a mark; null where the template writes it by itself, empty where there is none. */
function textOf(mark: Thought['prefix'] | undefined): string | null {
  if (mark === undefined) return '';
  return typeof mark === 'string' || isLlamaText(mark) ? mark.toString() : null;
}

/** Renders up to where the answer begins, with the template's own words for that. */
function jinja(
  model: LlamaModel,
  text: string,
  switches: Partial<Record<Switch, boolean>>,
  clock: TemplateClock,
) {
  const { template, parameters } = clock.jinja(text, { add_generation_prompt: true, ...switches });
  return new JinjaTemplateChatWrapper({
    template,
    tokenizer: model.tokenizer,
    reasoning: null,
    functionCallMessageTemplate: 'noJinja',
    additionalRenderParameters: parameters,
  });
}

/**
 * A template that lets a model think. The answer follows what the template writes when it asks for one: rendered as
 * an earlier message, as the library does it, an answer would begin after an empty thought, or within an unknown one.
 */
class ThinkingWrapper extends ChatWrapper {
  override readonly wrapperName = 'Thinking';
  override readonly settings: ChatWrapperSettings;
  /** How it asks for the answer to a short chat. */
  readonly probe: string;
  readonly #prompts: ChatWrapper;
  readonly #stops: LlamaText[];
  /** What the template writes to open a thought; LlamaChat opens it, so that it knows of it. */
  readonly #opening: string;

  constructor(plain: ChatWrapper, thought: Thought, prompts: ChatWrapper) {
    super();
    this.#prompts = prompts;
    this.#stops = plain.generateContextState({ chatHistory: PROBE_ANSWERED }).stopGenerationTriggers;
    const probe = prompts.generateContextState({ chatHistory: PROBE }).contextText;
    this.probe = probe.toString();
    this.#opening = openingOf(probe, thought);
    const isOpened = this.#opening !== '';
    const prefix = isOpened ? LlamaText(new SpecialTokensText(this.#opening)) : thought.prefix;
    this.settings = {
      ...plain.settings,
      segments: {
        ...plain.settings.segments,
        thought: { ...thought, prefix, openOnResponseStart: isOpened },
      },
    };
  }

  override generateContextState({
    chatHistory,
  }: ChatWrapperGenerateContextStateOptions): ChatWrapperGeneratedContextState {
    const last = chatHistory.at(-1);
    const answer = last?.type === 'model' ? last.response : [];
    const before = last?.type === 'model' ? chatHistory.slice(0, -1) : chatHistory;
    const { contextText } = this.#prompts.generateContextState({ chatHistory: before });
    return {
      contextText: LlamaText(
        withoutEnd(contextText, this.#opening),
        this.generateModelResponseText([...answer]),
      ),
      stopGenerationTriggers: this.#stops,
    };
  }
}

/** The thought's mark with its white space where the prompt ends with it, else empty. */
function openingOf(prompt: LlamaText, thought: Thought): string {
  const end = prompt.values.at(-1);
  const mark = textOf(thought.prefix)?.trim() ?? '';
  if (!(end instanceof SpecialTokensText) || mark === '') return '';
  const at = end.value.lastIndexOf(mark);
  return at >= 0 && end.value.slice(at + mark.length).trim() === '' ? end.value.slice(at) : '';
}

function withoutEnd(text: LlamaText, end: string): LlamaText {
  const last = text.values.at(-1);
  if (end === '' || !(last instanceof SpecialTokensText) || !last.value.endsWith(end)) return text;
  return LlamaText(...text.values.slice(0, -1), new SpecialTokensText(last.value.slice(0, -end.length)));
}

import { DEFAULT_REASONING, placesOf } from '../contract/index.ts';
import { fileText, type Files } from './attached.ts';
import type { CountParts } from './context-counts.ts';
import { sentFiles, type FileTokens, type PlannedPrompt, type PromptInput } from './context.ts';

/** Files whose counts are kept, so that typing below a long file does not count it again. */
const KEPT_COUNTS = 64;

/** What is told of a file beside its tokens. */
function toldOf(file: Files[number]): Pick<FileTokens, 'id' | 'name' | 'pages' | 'parts'> {
  const { id, name, pageStarts, parts } = file;
  return { id, name, pages: pageStarts?.length ?? null, parts: parts && placesOf(file, parts) };
}

/** Counts files by the loaded model, each once. */
export function createFileCounter(countParts: CountParts) {
  let countedBy: string | null = null;
  const known = new Map<string, number>();

  async function tokensOf(file: Parameters<typeof fileText>[0]): Promise<number> {
    const key = JSON.stringify([file.id, file.parts]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const turns = [{ role: 'user' as const, text: fileText(file) }];
    const counts = await countParts({ systemPrompt: '', reasoning: DEFAULT_REASONING, turns });
    const tokens = counts?.turns[0] ?? 0;
    if (known.size >= KEPT_COUNTS) known.clear();
    if (counts) known.set(key, tokens);
    return tokens;
  }

  /** Of the files that go with a prompt, in order. */
  return async (
    modelId: string | null,
    input: PromptInput,
    planned: PlannedPrompt,
  ): Promise<FileTokens[]> => {
    if (planned.counted === null) return [];
    if (countedBy !== modelId) known.clear();
    countedBy = modelId;
    const counted: FileTokens[] = [];
    for (const { messageId, file } of sentFiles(input, planned.leftOut))
      counted.push({ ...toldOf(file), messageId, tokens: await tokensOf(file) });
    return counted;
  };
}

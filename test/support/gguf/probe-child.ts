// Forked by probe.ts: the only file of the kit that loads node-llama-cpp, in a process of its own.
import { getLlama, LlamaChat } from 'node-llama-cpp';
import type { ChatHistoryItem } from 'node-llama-cpp';
import type { ProbeAnswer, ProbeRequest, ProbeSpec } from './probe.ts';

function historyOf(request: ProbeRequest): ChatHistoryItem[] {
  const history: ChatHistoryItem[] = [];
  if (request.system !== undefined) history.push({ type: 'system', text: request.system });
  for (const [user, model] of request.earlierTurns ?? []) {
    history.push({ type: 'user', text: user }, { type: 'model', response: [model] });
  }
  history.push(
    { type: 'user', text: request.user },
    { type: 'model', response: request.continueFrom === undefined ? [] : [request.continueFrom] },
  );
  return history;
}

async function answer(chat: LlamaChat, request: ProbeRequest): Promise<ProbeAnswer> {
  const abort = new AbortController();
  let streamed = '';
  let thought = '';
  let tokens = 0;
  const result = await chat.generateResponse(historyOf(request), {
    temperature: request.temperature,
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    repeatPenalty: false,
    maxTokens: request.maxTokens ?? 4000,
    seed: request.seed ?? 1,
    signal: abort.signal,
    stopOnAbortSignal: true,
    onResponseChunk(chunk) {
      if (chunk.segmentType === 'thought') thought += chunk.text;
      else streamed += chunk.text;
      tokens += chunk.tokens.length;
      if (request.stopAfterTokens !== undefined && tokens >= request.stopAfterTokens) abort.abort();
    },
  });
  return {
    wrapper: chat.chatWrapper.wrapperName,
    response: result.response,
    streamed,
    thought,
    stopReason: result.metadata.stopReason,
    tokens,
  };
}

async function probe(spec: ProbeSpec): Promise<ProbeAnswer[]> {
  const llama = await getLlama({ build: 'never', skipDownload: true, gpu: false });
  const model = await llama.loadModel({ modelPath: spec.modelPath });
  const context = await model.createContext({ contextSize: spec.contextSize ?? 4096, threads: 1 });
  const answers: ProbeAnswer[] = [];
  const chat = new LlamaChat({ contextSequence: context.getSequence(), chatWrapper: 'auto' });
  for (const request of spec.requests) answers.push(await answer(chat, request));
  await llama.dispose();
  return answers;
}

process.once('message', (spec: ProbeSpec) => {
  probe(spec).then(
    (answers) => process.send?.({ answers }, () => process.disconnect()),
    (error: unknown) => process.send?.({ error: String(error) }, () => process.disconnect()),
  );
});

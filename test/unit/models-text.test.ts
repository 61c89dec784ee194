import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cleanText, modelName, shorten } from '../../src-main/models/model-text.ts';
import { shortPath } from '../../src-main/models/short-path.ts';

describe('modelName', () => {
  test.each([
    ['Mistral 7B Instruct v0.3', 'x.gguf', 'Mistral 7B Instruct v0.3'],
    ['  Two   spaces\tand tab ', 'x.gguf', 'Two spaces and tab'],
    ['mistral-7b-instruct-v0.2.Q4_K_M', 'x.gguf', 'mistral-7b-instruct-v0.2'],
    ['Qwen3 8B UD-Q4_K_XL', 'x.gguf', 'Qwen3 8B'],
    [null, 'tinyllama-1.1b-chat-v1.0.Q8_0.gguf', 'tinyllama-1.1b-chat-v1.0'],
    [null, 'gpt-oss-20b-MXFP4.GGUF', 'gpt-oss-20b'],
    [null, 'gemma-3-270m-it-F16.gguf', 'gemma-3-270m-it'],
    [null, 'Mixtral-8x22B-Q4_K_M-00001-of-00005.gguf', 'Mixtral-8x22B'],
    ['D:\\Diverses\\models', 'aquila-7b.gguf', 'aquila-7b'],
    ['/home/someone/work/phi-3', 'x.gguf', 'phi-3'],
    ['47b6801b24d15ff9bcd8c96dfaea0be9ed3a0301', 'gemma-4.gguf', 'gemma-4'],
    ['model', 'good.gguf', 'good'],
    ['', 'Q4_0.gguf', 'Q4_0'],
    ['\u202e\u200b', 'safe.gguf', 'safe'],
    [null, '.gguf', 'GGUF'],
  ])('%j in %s is "%s"', (header, file, name) => {
    expect(modelName(header, file)).toBe(name);
  });

  // Headers and files as they are published, or as training leaves them behind.
  test.each([
    ['Smollm2 135M 8k Lc100K Mix1 Ep2', 'SmolLM2-135M-Instruct-Q4_K_M.gguf', 'SmolLM2-135M-Instruct'],
    ['Smollm2 1.7B 8k Mix7 Ep2 v2', 'smollm2-1.7b-instruct-q4_k_m.gguf', 'smollm2-1.7b-instruct'],
    ['LLaMA v2', 'llama-2-7b-chat.Q4_K_M.gguf', 'llama-2-7b-chat'],
    ['mistralai_mistral-7b-instruct-v0.2', 'mistral-7b-instruct-v0.2.Q4_0.gguf', 'mistral-7b-instruct-v0.2'],
    ['huggingfaceh4_zephyr-7b-beta', 'zephyr-7b-beta.Q5_K_M.gguf', 'zephyr-7b-beta'],
    ['tinyllama_tinyllama-1.1b-chat-v1.0', 'tinyllama-1.1b-chat-v1.0.Q2_K.gguf', 'tinyllama-1.1b-chat-v1.0'],
    ['codellama_codellama-7b-instruct-hf', 'codellama-7b-instruct.Q4_K_M.gguf', 'codellama-7b-instruct'],
    ['Phi2', 'phi-2.Q4_K_M.gguf', 'Phi2'],
    ['Phi3', 'Phi-3-mini-4k-instruct-q4.gguf', 'Phi-3-mini-4k-instruct'],
    ['Meta Llama 3.1 8B Instruct', 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'Meta Llama 3.1 8B Instruct'],
    ['Meta-Llama-3-8B-Instruct-imatrix', 'Meta-Llama-3-8B-Instruct-Q6_K.gguf', 'Meta-Llama-3-8B-Instruct'],
    ['Gemma 3 4b It', 'google_gemma-3-4b-it-Q4_K_M.gguf', 'Gemma 3 4b It'],
    ['Gemma-3N-E4B-It', 'gemma-3n-E4B-it-UD-Q4_K_XL.gguf', 'Gemma-3N-E4B-It'],
    ['Qwen1.5-7B-Chat-AWQ-fp16', 'qwen1_5-7b-chat-q4_k_m.gguf', 'qwen1_5-7b-chat'],
    ['Qwen3 30B A3B Instruct 2507', 'Qwen3-30B-A3B-Instruct-2507-IQ4_XS.gguf', 'Qwen3 30B A3B Instruct 2507'],
    ['Gpt Oss 20B', 'gpt-oss-20b-mxfp4.gguf', 'Gpt Oss 20B'],
    ['DeepSeek R1 Distill Qwen 7B', 'DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf', 'DeepSeek R1 Distill Qwen 7B'],
    ['Mistral Nemo Instruct 2407', 'Mistral-Nemo-Instruct-2407-Q4_K_M.gguf', 'Mistral Nemo Instruct 2407'],
    ['Llama 3.2 1B Instruct Bnb 4bit', 'unsloth.Q4_K_M.gguf', 'Llama 3.2 1B Instruct Bnb 4bit'],
    ['Llama 3.2 1B Instruct Bnb 4bit', 'clerk-llama-3.2-1B.Q8_0.gguf', 'clerk-llama-3.2-1B'],
    ['Outputs Checkpoint 1200', 'harbour-master.gguf', 'harbour-master'],
    ['mistral-dolly-step-1000', 'Mistral-7B-Dolly-Q8_0.gguf', 'Mistral-7B-Dolly'],
    ['Step 3.5 Flash', 'Step-3.5-Flash-Q4_K_M.gguf', 'Step 3.5 Flash'],
    ['checkpoint-500', 'model.gguf', 'checkpoint-500'],
    ['Merged', 'OpenHermes-2.5-Mistral-7B.i1-Q4_K_M.gguf', 'OpenHermes-2.5-Mistral-7B'],
    ['7fd4c2a', 'ggml-model-Q4_0.gguf', 'ggml-model-Q4_0'],
    ['Llama 3 8B', 'Mixtral-8x7B-Instruct-v0.1-Q4_K_M.gguf', 'Mixtral-8x7B-Instruct-v0.1'],
    ['Mistral 7B Instruct v0.2', 'mistral-7b-instruct-v0.3.Q4_K_M.gguf', 'mistral-7b-instruct-v0.3'],
    ['mistralai', 'mistral:7b', 'mistral:7b'],
    [
      null,
      'sha256-6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa',
      'sha256-6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa',
    ],
    ['7B', 'Harbour.gguf', '7B'],
    ['Harbour', 'the-old-file.gguf', 'Harbour'],
  ])('%j in %s is "%s"', (header, file, name) => {
    expect(modelName(header, file)).toBe(name);
  });

  test('a hostile name takes no longer than its length', () => {
    for (const part of ['a', '0', '-', 'step ', 'v1.', '1x', 'a-1b_']) {
      expect(modelName(part.repeat(20_000), `${part.repeat(100)}.gguf`).length).toBeLessThan(121);
    }
  });

  test('a very long name is cut', () => {
    expect(modelName('long '.repeat(1000), 'x.gguf')).toHaveLength(120);
  });
});

test('cleanText leaves one line without control or direction marks', () => {
  expect(cleanText('a\u0000b\r\nc\u2028d\u202ee\ufefff')).toBe('a b c d e f');
  expect(cleanText('שלום, مرحبا, 你好')).toBe('שלום, مرحبا, 你好');
});

test('shorten keeps whole characters', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('abcd', 3)).toBe('ab…');
  expect(shorten('a😀b', 3)).toBe('a…');
});

test('shortPath hides the home folder and nothing else', () => {
  const home = join('/', 'home', 'ada');
  expect(shortPath(home, home)).toBe('~');
  expect(shortPath(join(home, 'models'), home)).toBe(join('~', 'models'));
  expect(shortPath(join('/', 'home', 'adam'), home)).toBe(join('/', 'home', 'adam'));
  expect(shortPath(join(home, '..dotted'), home)).toBe(join('~', '..dotted'));
});

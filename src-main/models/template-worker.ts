import { json } from 'node:stream/consumers';
import { Script } from 'node:vm';
import { Template } from '@huggingface/jinja';
import type { TemplateTask } from './template-renderer.ts';

// Entry of the process that lets a model's template write a chat, run by plain Node. A template is a program from a
// stranger's file: it can cost this process its time or memory, and nothing else ends with it.

// Proven edge: only template-renderer.ts starts this file.
const task = (await json(process.stdin)) as TemplateTask;

function render(): string {
  const { template, messages, bosToken, eosToken, maxLength } = task;
  return new Template(template)
    .render({ messages, bos_token: bosToken, eos_token: eosToken, add_generation_prompt: false })
    .slice(0, maxLength);
}

Object.assign(globalThis, { render });
try {
  // The app ends this process in time; should the app end first, nobody else would.
  const written: unknown = new Script('render()').runInThisContext({ timeout: task.maxRenderMs });
  process.stdout.write(String(written));
} catch {
  // What it says of the chat stays here: it may hold the chat's words.
  process.exitCode = 1;
}

import { parentPort, workerData } from 'node:worker_threads';
import { Template } from '@huggingface/jinja';
import type { TemplateInput, TemplateOutput } from './template-renderer.ts';

// Entry of the thread that lets a model's template write a chat. A template is a program from a stranger's file: it
// can cost this thread its time or memory, and template-renderer.ts ends it then.

if (!parentPort) throw new Error('runs as a worker thread only');
// Proven edge: only template-renderer.ts starts this file.
const { template, messages, bosToken, eosToken } = workerData as TemplateInput;

function render(): TemplateOutput {
  try {
    const rendered = new Template(template).render({
      messages,
      bos_token: bosToken,
      eos_token: eosToken,
      add_generation_prompt: false,
    });
    return { rendered };
  } catch {
    // What it says of the chat stays here: it may hold the chat's words.
    return { rendered: null };
  }
}
parentPort.postMessage(render());

import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

// Each architecture rule is broken on purpose: a rule that nobody can break proves nothing.

const eslint = new ESLint();

async function rulesBroken(code: string, filePath: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? [])
    .filter((message) => message.severity === 2)
    .map((message) => message.ruleId ?? 'parse');
}

const importOf = (name: string) => `import * as thing from '${name}';\nexport default thing;\n`;
const IMPORTS = 'no-restricted-imports';

describe('import rules', () => {
  it.each([
    ['electron', 'src-main/app.ts', 'src-main/electron/window.ts'],
    ['electron-store', 'src-main/settings/settings.ts', 'src-main/electron/settings-file.ts'],
    ['node-llama-cpp', 'src-main/engine/engine.ts', 'src-main/engine/sidecar/model.ts'],
    ['better-sqlite3', 'src-main/conversations/conversations.ts', 'src-main/store/database.ts'],
    ['undici', 'src-main/models/models.ts', 'src-main/privacy/outbound.ts'],
    ['ws', 'src-main/app.ts', 'src-main/server/sockets.ts'],
    ['conf', 'src-main/settings/settings.ts', 'src-main/server/settings-file.ts'],
    ['node:http', 'src-main/models/models.ts', 'src-main/server/http-server.ts'],
    ['node:https', 'src-main/engine/engine.ts', 'src-main/server/http-server.ts'],
    ['node:net', 'src-main/store/worker.ts', 'src-main/server/http-server.ts'],
    ['node:tls', 'src-main/app.ts', 'src-main/server/http-server.ts'],
    ['node:dgram', 'src-main/app.ts', 'src-main/server/http-server.ts'],
    ['node:child_process', 'src-main/store/worker.ts', 'src-main/engine/sidecar-process.ts'],
    ['node:worker_threads', 'src-main/app.ts', 'src-main/store/open-store.ts'],
  ])('%s is refused in %s and allowed in %s', async (name, elsewhere, owner) => {
    expect(await rulesBroken(importOf(name), elsewhere)).toContain(IMPORTS);
    expect(await rulesBroken(importOf(name), owner)).not.toContain(IMPORTS);
  });

  it.each([
    ['the contract imports nothing of Node', 'node:fs', 'src-main/contract/entities.ts'],
    ['the contract imports no other library', '@orpc/server', 'src-main/contract/contract.ts'],
    ['the contract imports nothing of the core', '../app.ts', 'src-main/contract/contract.ts'],
    ['the core never imports the renderer', '../../src-renderer/lib/format.ts', 'src-main/models/models.ts'],
    [
      'the renderer imports the contract only',
      '../../src-main/events.ts',
      'src-renderer/state/app.svelte.ts',
    ],
    ['the renderer has no Node', 'node:fs', 'src-renderer/lib/format.ts'],
    ['the product never imports its tests', '../test/support/core.ts', 'src-main/app.ts'],
  ])('%s', async (_rule, name, file) => {
    expect(await rulesBroken(importOf(name), file)).toContain(IMPORTS);
  });

  it('lets the renderer import the contract', async () => {
    expect(
      await rulesBroken(importOf('../../src-main/contract/index.ts'), 'src-renderer/state/app.svelte.ts'),
    ).toEqual([]);
  });
});

describe('raw primitives', () => {
  it.each([
    [
      'fetch in the core',
      "export const page = fetch('https://example.com');",
      'src-main/models/models.ts',
      'no-restricted-globals',
    ],
    [
      'fetch in the renderer',
      "export const page = fetch('/x');",
      'src-renderer/lib/format.ts',
      'no-restricted-globals',
    ],
    [
      'a socket in the renderer',
      "export const socket = new WebSocket('ws://x');",
      'src-renderer/state/app.svelte.ts',
      'no-restricted-globals',
    ],
    ['raw IPC', "process.send?.('text');", 'src-main/app.ts', 'no-restricted-syntax'],
    ['a beacon', "navigator.sendBeacon('/x');", 'src-renderer/lib/format.ts', 'no-restricted-syntax'],
    [
      'fetch by way of the global object',
      "export const page = globalThis.fetch('https://example.com');",
      'src-main/models/models.ts',
      'no-restricted-syntax',
    ],
    [
      'a lazy import of https',
      "export const https = import('node:https');",
      'src-main/app.ts',
      'no-restricted-syntax',
    ],
    [
      'a lazy import of electron',
      "export const app = import('electron');",
      'src-main/app.ts',
      'no-restricted-syntax',
    ],
  ])('%s is refused', async (_name, code, file, rule) => {
    expect(await rulesBroken(code, file)).toContain(rule);
  });
});

describe('component rules', () => {
  it.each([
    ['text in markup', '<p>Hello there</p>'],
    ['a spoken label', '<button aria-label="Close this">x</button>'],
    ['a placeholder', '<input placeholder="Write here" />'],
  ])('%s is refused', async (_name, code) => {
    expect(await rulesBroken(code, 'src-renderer/components/Button.svelte')).toContain(
      'leeward/no-literal-text',
    );
  });

  it('raw HTML is refused', async () => {
    const code = '<script lang="ts">let { html }: { html: string } = $props();</script>\n{@html html}';
    expect(await rulesBroken(code, 'src-renderer/components/Button.svelte')).toContain(
      'svelte/no-at-html-tags',
    );
  });
});

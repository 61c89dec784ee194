import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

/**
 * Who may import what: the "only importer" lines of the architecture. Each ban holds everywhere except in
 * its owner's folder. Flat config replaces a rule's options as a whole, so each zone gets its full list.
 */
const bans = [
  {
    owners: ['electron'],
    names: ['electron', 'electron-store'],
    why: 'Only src-main/electron may import it.',
  },
  { owners: ['sidecar'], names: ['node-llama-cpp'], why: 'Only the engine sidecar owns models and the GPU.' },
  { owners: ['store'], names: ['better-sqlite3'], why: 'Only the store worker writes the database.' },
  { owners: ['privacy'], names: ['undici'], why: 'Outbound connections go through privacy/ only.' },
  {
    owners: ['server'],
    names: ['ws', 'conf'],
    why: 'Only the browser host serves sockets and owns its settings file.',
  },
  {
    owners: ['server'],
    names: ['http', 'https', 'http2', 'net', 'tls', 'dgram', 'dns', 'dns/promises'].flatMap((name) => [
      name,
      `node:${name}`,
    ]),
    why: 'No network outside privacy/ (undici) and the loopback server.',
  },
  {
    owners: ['engine', 'launch'],
    names: ['child_process', 'node:child_process', 'cluster', 'node:cluster'],
    why: 'Only the engine supervises child processes.',
  },
  {
    owners: ['store', 'models', 'downloads', 'sidecar'],
    names: ['worker_threads', 'node:worker_threads'],
    why: 'Only the store, the header parser, the file hasher and the sidecar (which watches its parent) run worker threads.',
  },
];

const networkGlobals = [
  'fetch',
  'WebSocket',
  'XMLHttpRequest',
  'EventSource',
  'WebTransport',
  'RTCPeerConnection',
].map((name) => ({ name, message: 'No network outside privacy/, server/ and the client transport.' }));

/** Raw IPC and other ways around the typed contract and the one gate. */
const rawPrimitives = [
  {
    selector: `MemberExpression[object.name=/^(globalThis|window|self|global)$/][property.name=/^(${networkGlobals
      .map(({ name }) => name)
      .join('|')})$/]`,
    message: 'No network outside privacy/, server/ and the client transport.',
  },
  {
    selector: "MemberExpression[object.name='process'][property.name='send']",
    message: 'Raw IPC: use the oRPC channel.',
  },
  { selector: "CallExpression[callee.property.name='sendBeacon']", message: 'No network outside privacy/.' },
];

function zone({ files, owner, patterns = [], allowGlobals = false, allowRaw = false }) {
  const owned = [owner].flat();
  const paths = bans
    .filter((ban) => !ban.owners.some((name) => owned.includes(name)))
    .flatMap((ban) => ban.names.map((name) => ({ name, message: ban.why })));
  // no-restricted-imports does not see import(): the same list again, as a selector.
  const names = paths.map(({ name }) => name.replace(/[/-]/g, '\\$&')).join('|');
  const lazyImports = {
    selector: `ImportExpression[source.value=/^(${names})$/]`,
    message: 'Banned here, lazily too: see the bans of eslint.config.js.',
  };
  return {
    files,
    rules: {
      'no-restricted-imports': ['error', { paths, patterns }],
      'no-restricted-globals': allowGlobals ? 'off' : ['error', ...networkGlobals],
      'no-restricted-syntax': ['error', lazyImports, ...(allowRaw ? [] : rawPrimitives)],
    },
  };
}

const noRenderer = { group: ['**/src-renderer/**'], message: 'The core never imports the renderer.' };
const noTest = { group: ['**/test/**'], message: 'The product never imports its tests.' };
const onlyContract = {
  regex: 'src-main/(?!contract/)',
  message: 'The renderer imports from src-main/contract and nothing else of src-main.',
};
const noNode = { regex: '^node:', message: 'This zone has no Node.' };

/** A person reads text in a component only through texts/: literals in markup and labels are refused. */
const noLiteralText = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { literal: 'Text that a person reads belongs in src-renderer/texts/.' },
  },
  create(context) {
    const letters = /\p{L}{2,}/u;
    const spoken = new Set([
      'title',
      'aria-label',
      'aria-description',
      'aria-roledescription',
      'placeholder',
      'alt',
      'label',
    ]);
    return {
      SvelteText(node) {
        if (node.parent.type === 'SvelteStyleElement' || node.parent.type === 'SvelteScriptElement') return;
        if (letters.test(node.value)) context.report({ node, messageId: 'literal' });
      },
      SvelteAttribute(node) {
        if (!spoken.has(node.key.name)) return;
        for (const part of node.value) {
          if (part.type === 'SvelteLiteral' && letters.test(part.value))
            context.report({ node, messageId: 'literal' });
        }
      },
    };
  },
};

export default ts.config(
  { ignores: ['out/', 'dist/', '.cache/', 'test-results/'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    languageOptions: { globals: globals.node },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src-renderer/**'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] } },
    plugins: { leeward: { rules: { 'no-literal-text': noLiteralText } } },
  },
  {
    files: ['src-renderer/**/*.svelte'],
    rules: {
      'leeward/no-literal-text': 'error',
      'svelte/no-at-html-tags': 'error',
      // Scoped to this renderer: there is no SvelteKit here to resolve links.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  {
    // Rune classes replace whole values ($state.raw) and keep plain maps for what is not shown.
    files: ['src-renderer/state/**'],
    rules: { 'svelte/prefer-svelte-reactivity': 'off' },
  },

  zone({ files: ['**/*.{ts,js,svelte}'], patterns: [noTest] }),
  zone({ files: ['src-main/**/*.ts'], patterns: [noTest, noRenderer] }),
  zone({ files: ['src-main/electron/**/*.ts'], owner: 'electron', patterns: [noTest, noRenderer] }),
  zone({ files: ['src-main/engine/**/*.ts'], owner: 'engine', patterns: [noTest, noRenderer] }),
  zone({
    files: ['src-main/engine/sidecar/**/*.ts'],
    owner: 'sidecar',
    patterns: [noTest, noRenderer],
    // The far end of the fork channel, wrapped there as a channel for the guard.
    allowRaw: true,
  }),
  zone({ files: ['src-main/store/**/*.ts'], owner: 'store', patterns: [noTest, noRenderer] }),
  zone({ files: ['src-main/models/**/*.ts'], owner: 'models', patterns: [noTest, noRenderer] }),
  zone({ files: ['src-main/downloads/**/*.ts'], owner: 'downloads', patterns: [noTest, noRenderer] }),
  zone({ files: ['src-main/privacy/**/*.ts'], owner: 'privacy', patterns: [noTest, noRenderer] }),
  zone({
    files: ['src-main/server/**/*.ts', 'src-main/serve.ts'],
    owner: 'server',
    patterns: [noTest, noRenderer],
  }),
  zone({
    files: ['src-main/launch.ts', 'src-main/launch-electron.ts'],
    owner: 'launch',
    patterns: [noTest, noRenderer],
  }),
  zone({
    files: ['src-main/contract/**/*.ts'],
    patterns: [
      noTest,
      {
        regex: '^(?!valibot$|@orpc/contract$|\\./)',
        message: 'The contract imports valibot and @orpc/contract only.',
      },
    ],
  }),
  zone({ files: ['src-renderer/**/*.{ts,svelte}'], patterns: [noTest, onlyContract, noNode] }),
  zone({
    files: ['src-renderer/client/**/*.ts'],
    patterns: [noTest, onlyContract, noNode],
    allowGlobals: true,
  }),
  {
    // Command-line entries print for a person; everything else logs through the platform.
    files: [
      'src-main/serve.ts',
      'src-main/launch.ts',
      'src-main/server/**/*.ts',
      'resources/**/*.ts',
      'test/**/*.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    // Tests build servers, children and attackers of every kind; what they prove is outside these bans.
    files: ['test/**/*.ts', '*.config.{js,ts}', 'vite.main.config.ts'],
    rules: {
      'no-restricted-imports': 'off',
      'no-restricted-globals': 'off',
      'no-restricted-syntax': 'off',
      // vitest reads from the pattern what a fixture uses: nothing is `{}`.
      'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
    },
  },
);

import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { appFolders, startApp } from './app-process.ts';
import { launchBrowser } from './browser.ts';
import { markdownScript, plainScript, writeScriptedModel } from './gguf/scripted-model.ts';

// `npm run screenshots [-- --model FILE --prompt TEXT]`: the pictures of README, made from the built app.
// Without a model the answers come from a scripted one; with one, a real conversation is added.

const { values } = parseArgs({ options: { model: { type: 'string' }, prompt: { type: 'string' } } });
const target = 'resources/screenshots';
const ENOUGH_CHARACTERS = 600;
mkdirSync(target, { recursive: true });

const folders = appFolders();
// The design shows Inter and JetBrains Mono for the system's own faces; without them nothing changes.
const fonts = join(folders.root, 'fonts.conf');
writeFileSync(
  fonts,
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
${['system-ui:Inter', 'sans:Inter', 'sans-serif:Inter', 'ui-monospace:JetBrains Mono']
  .map((pair) => pair.split(':'))
  .map(
    ([family, face]) =>
      `<match target="pattern"><test name="family"><string>${family}</string></test><edit name="family" mode="prepend" binding="strong"><string>${face}</string></edit></match>`,
  )
  .join('\n')}
</fontconfig>`,
);
process.env['FONTCONFIG_FILE'] ??= fonts;

const models = [
  { file: 'mistral-7b-instruct-v0.3-q4_k_m.gguf', name: 'Mistral 7B Instruct v0.3', fileType: 15 },
  { file: 'qwen3-8b-q4_k_m.gguf', name: 'Qwen3 8B', fileType: 15 },
];
for (const { file, name, fileType } of models) {
  await writeScriptedModel(join(folders.modelsDir, file), {
    script: markdownScript,
    reasoning: 'They want to sort a list. I show both ways and say when to use which.',
    name: `${name} (scripted)`,
    fileType,
  });
}
/** Computes as much for a token as a model of its size, so that its figures are those of this computer. */
const SLOW = 'Harbour 1B';
await writeScriptedModel(join(folders.modelsDir, 'harbour-1b-q4_0.gguf'), {
  script: plainScript,
  shape: 'slow',
  name: SLOW,
});

const browser = await launchBrowser();
await guideConversation();
const app = await startApp(folders);
try {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    // A change of the theme is there at once.
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const settle = () =>
    page.evaluate(() => document.fonts.ready.then(() => new Promise(requestAnimationFrame)));
  const take = async (name: string) => {
    await settle();
    await page.screenshot({ path: join(target, `${name}.png`) });
    console.log(`${target}/${name}.png`);
  };

  await page.goto(app.url);
  await page
    .getByRole('button', { name: /^Add and chat/ })
    .first()
    .waitFor();
  await take('first-run');
  await page.getByRole('button', { name: /^Add and chat.*mistral/i }).click();
  for (const text of ['Why is the sky dark at night?', 'Which knots should a sailor know?']) {
    await ask(page, text);
    await page.getByRole('button', { name: 'New chat' }).click();
  }
  await ask(page, 'How do I sort a list of books by year in Python?');
  await page.getByRole('log').hover();
  await page.mouse.wheel(0, -2_000);
  await take('chat');
  await page.emulateMedia({ colorScheme: 'dark' });
  await take('chat-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Models' }).click();
  await page
    .getByRole('button', { name: /Mistral 7B/ })
    .first()
    .click();
  await page
    .getByRole('heading', { name: /Mistral 7B/ })
    .first()
    .waitFor();
  await page.getByText('Fits in memory').first().waitFor();
  await take('models');
  await page.getByRole('button', { name: 'No connections' }).click();
  await page.getByRole('heading', { name: /ledger/i }).waitFor();
  await take('privacy');

  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Models' }).click();
  await page.getByRole('button', { name: 'Open GGUF' }).click();
  await page.getByRole('button', { name: /^Add harbour-1b/ }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Chat' }).click();
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByRole('button', { name: /^Model: / }).click();
  await page.getByRole('option', { name: new RegExp(SLOW) }).click();
  for (const text of [
    'How does the tide turn in a narrow channel, and how soon can a small boat feel it in its anchorage?',
    'And at springs, when the range is at its largest: how much sooner, and how much more strongly than now?',
    'And at neaps, with the wind against the stream and a swell from the west across the shallow bar?',
  ])
    await ask(page, text);
  await page.getByRole('button', { name: 'New chat' }).click();
  await ask(
    page,
    'How far is the horizon for somebody who sits in a small boat, and for somebody on a tower?',
  );
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Performance' }).click();
  await page.getByLabel('Model', { exact: true }).selectOption({ label: SLOW });
  await page.getByRole('img', { name: new RegExp(`^Median decode speed per day. ${SLOW}`) }).waitFor();
  // The chat's title is written after its answer.
  await page.getByText('1 answer running').waitFor({ state: 'hidden' });
  await take('performance');

  if (values.model) {
    linkSync(values.model, join(folders.modelsDir, basename(values.model)));
    await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Chat' }).click();
    await realConversation(
      page,
      basename(values.model),
      values.prompt ?? 'Write two sentences about the sea.',
    );
    await take('real-model');
  }
} finally {
  await browser.close();
  await app.dispose();
}

async function ask(page: Page, text: string, limitMs = 60_000): Promise<void> {
  const composer = page.getByRole('textbox', { name: 'Message' });
  const turns = page.getByRole('log').getByRole('article');
  const before = await turns.count();
  await composer.fill(text);
  await composer.press('Enter');
  const answer = turns.nth(before + 1);
  await answer.getByRole('button', { name: 'Answer again' }).waitFor({ timeout: limitMs });
}

/** What a new user sees without a model and without a network: the built-in guide answers. */
async function guideConversation(): Promise<void> {
  const app = await startApp(appFolders());
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    await page.goto(app.url);
    await page.getByRole('button', { name: 'Ask the guide' }).click();
    for (const text of [
      'which model should i take for an old laptop?',
      'does anything i write leave this computer',
    ])
      await ask(page, text);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(target, 'guide.png') });
    console.log(`${target}/guide.png`);
    await page.close();
  } finally {
    await app.dispose();
  }
}

/** Adds the file, starts a chat with it and waits for the whole answer. */
async function realConversation(page: Page, fileName: string, prompt: string): Promise<void> {
  await page.reload();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('button', { name: 'Models' }).click();
  await page.getByRole('button', { name: 'Open GGUF' }).click();
  await page.getByRole('button', { name: new RegExp(`^Add.*${fileName.replace(/\.gguf$/, '')}`) }).click();
  await page.keyboard.press('Escape');
  const words = fileName.split(/[-.]/, 2).join('.*');
  await page
    .getByRole('main')
    .getByRole('button', { name: new RegExp(words, 'i') })
    .first()
    .click();
  await page.getByRole('main').getByRole('button', { name: 'Chat', exact: true }).last().click();
  const composer = page.getByRole('textbox', { name: 'Message' });
  await composer.fill(prompt);
  await composer.press('Enter');
  // A base model talks on: enough for a picture is enough.
  const answer = page.getByRole('log').getByRole('article').last();
  for (;;) {
    const stop = page.getByRole('button', { name: 'Stop' });
    if ((await answer.innerText()).length > ENOUGH_CHARACTERS && (await stop.isVisible())) await stop.click();
    if (await page.getByRole('button', { name: 'Answer again' }).last().isVisible()) return;
    await page.waitForTimeout(200);
  }
}

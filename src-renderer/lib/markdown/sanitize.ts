import DOMPurify from 'dompurify';

/** Everything that may reach the page. There is no style, no address that a browser follows, no form, no media. */
const ALLOWED_TAGS = [
  ...[
    'p',
    'br',
    'hr',
    'h3',
    'h4',
    'h5',
    'h6',
    'ul',
    'ol',
    'li',
    'blockquote',
    'pre',
    'code',
    'strong',
    'em',
    'del',
  ],
  ...['a', 'div', 'span', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
];

/** Attribute values that are let through, each by its own rule. */
const ALLOWED_VALUES: Readonly<Record<string, RegExp>> = {
  dir: /^(?:auto|ltr)$/,
  role: /^link$/,
  tabindex: /^0$/,
  scope: /^col$/,
  start: /^\d{1,9}$/,
  class: /^(?:hljs-[a-z_-]+|language-[\w+#.-]+|[a-z]+_)(?: (?:hljs-[a-z_-]+|[a-z]+_))*$/,
  'data-href': /^https?:\/\/\S+$/,
  'data-align': /^(?:left|right|center)$/,
  'data-table': /^$/,
  'data-long': /^$/,
  'data-math': /^(?:inline|display)$/,
};

function createSanitizer(): (html: string) => DocumentFragment {
  // An instance of our own: hooks of the shared one could be changed elsewhere.
  const purifier = DOMPurify(window);
  purifier.addHook('uponSanitizeAttribute', (_node, attribute) => {
    const rule = ALLOWED_VALUES[attribute.attrName];
    attribute.keepAttr = rule !== undefined && rule.test(attribute.attrValue);
  });
  return (html) =>
    purifier.sanitize(html, {
      ALLOWED_TAGS,
      ALLOWED_ATTR: Object.keys(ALLOWED_VALUES),
      ALLOW_DATA_ATTR: false,
      ALLOW_ARIA_ATTR: false,
      ALLOW_UNKNOWN_PROTOCOLS: false,
      SANITIZE_NAMED_PROPS: true,
      KEEP_CONTENT: true,
      RETURN_DOM_FRAGMENT: true,
    });
}

let sanitizer: ((html: string) => DocumentFragment) | undefined;

/**
 * The only way from a string of HTML into the page. Whatever the string holds, the result has only elements
 * and attributes of the lists above. Needs a browser's DOM.
 */
export function toSafeFragment(html: string): DocumentFragment {
  sanitizer ??= createSanitizer();
  return sanitizer(html);
}

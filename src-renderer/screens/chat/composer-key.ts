/** Code that browsers give to keys an input method has taken, when `isComposing` is already off (Safari). */
const IME_KEY_CODE = 229;

type ComposerPress = Pick<
  KeyboardEvent,
  'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey' | 'isComposing' | 'keyCode'
>;

/**
 * What a key does in the composer: send the message, or whatever it does in any text field.
 * The Enter that ends an input method's composition is not a send.
 */
export function composerKey(
  press: ComposerPress,
  options: { sendWithEnter: boolean; mac: boolean },
): 'send' | 'type' {
  if (press.key !== 'Enter' || press.isComposing || press.keyCode === IME_KEY_CODE) return 'type';
  const mod = options.mac ? press.metaKey : press.ctrlKey;
  if (mod && !press.altKey) return 'send';
  const bare = !press.shiftKey && !press.ctrlKey && !press.metaKey && !press.altKey;
  return bare && options.sendWithEnter ? 'send' : 'type';
}

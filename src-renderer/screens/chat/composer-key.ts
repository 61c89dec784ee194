/** Code that browsers give to keys an input method has taken, when `isComposing` is already off (Safari). */
const IME_KEY_CODE = 229;

type ComposerPress = Pick<
  KeyboardEvent,
  'key' | 'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey' | 'repeat' | 'isComposing' | 'keyCode'
>;

/**
 * What a key does in the composer: send the message, or whatever it does in any text field. `held`: it would send,
 * and has done so: nothing is sent twice by a key that stays down.
 * The Enter that ends an input method's composition is not a send.
 */
export function composerKey(
  press: ComposerPress,
  options: { sendWithEnter: boolean; mac: boolean },
): 'send' | 'held' | 'type' {
  if (press.key !== 'Enter' || press.isComposing || press.keyCode === IME_KEY_CODE) return 'type';
  const mod = options.mac ? press.metaKey : press.ctrlKey;
  const sends = press.repeat ? 'held' : 'send';
  if (mod && !press.altKey) return sends;
  const bare = !press.shiftKey && !press.ctrlKey && !press.metaKey && !press.altKey;
  return bare && options.sendWithEnter ? sends : 'type';
}

/** Words after which a model's name only says which edition it is. */
const EDITION = /[\s_-]+(instruct|chat|it|base|thinking|q\d\w*|f16|f32|bf16|v\d[\w.]*|\d{4})\b.*$/i;

/** A name that fits the 70 px margin: "Mistral 7B Instruct v0.3" is "Mistral 7B". */
export function shortModelName(name: string): string {
  const short = name.replace(EDITION, '').trim();
  return short === '' ? name : short;
}

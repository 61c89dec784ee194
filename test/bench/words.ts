import { Random } from '../support/gguf/random.ts';

const WORDS =
  `the of and to in is that it was for on are as with his they at be this have from or one had by word
but not what all were we when your can said there use an each which she do how their if will up other about out many
then them these so some her would make like him into time has look two more write go see number no way could people
my than first water been call who oil its now find long down day did get come made may part river boat wind harbour`
    .split(/\s+/u)
    .filter(Boolean);

/** Words by seed, another text for each. */
export function wordsOf(count: number, seed: number): string {
  const random = new Random(seed + 1);
  return Array.from({ length: count }, () => WORDS[random.uint32() % WORDS.length]).join(' ');
}

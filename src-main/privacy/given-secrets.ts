import * as v from 'valibot';
import { AccessToken } from '../contract/index.ts';
import type { SecretName } from '../platform.ts';

/**
 * Takes the secrets out of the environment, which every child process and every worker that reads hostile files
 * would get a copy of.
 * @param tell a sentence for the person at the terminal
 */
export function takeGivenSecrets(
  env: NodeJS.ProcessEnv,
  tell: (sentence: string) => void,
): Partial<Record<SecretName, string>> {
  const given = env['LEEWARD_HF_TOKEN'];
  delete env['LEEWARD_HF_TOKEN'];
  if (given === undefined || given === '') return {};
  const token = v.safeParse(AccessToken, given);
  if (token.success) return { huggingFaceToken: token.output };
  tell('LEEWARD_HF_TOKEN does not hold a token. It is not used.');
  return {};
}

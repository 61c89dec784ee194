// Locks the data folder argv[2] under the address argv[3], says so in one JSON line, ends with its input.
// With argv[4] = give-up-root it goes on as an account that owns nothing.
import { isAppError } from '../../../src-main/contract/index.ts';
import { acquireDataFolder } from '../../../src-main/data-folder.ts';

const [, , dir = '', address = '', root = ''] = process.argv;
if (root === 'give-up-root') process.seteuid?.(65_534);
try {
  acquireDataFolder(dir, { pid: process.pid, address: address === '' ? null : address });
  console.log(JSON.stringify('held'));
  process.stdin.resume();
} catch (error) {
  if (!isAppError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, details: error.data.details }));
}

import { Link, type Message } from './link.ts';

if (!process.send) throw new Error('The Electron stand-in runs in a process that a test has forked.');

/** The app's end of the wire. */
export const link = new Link((message) => {
  if (process.connected) process.send?.(message);
});
process.on('message', (message: Message) => void link.receive(message));
// The wire alone must not keep the process, and a test that is gone ends it.
process.on('disconnect', () => process.exit(1));

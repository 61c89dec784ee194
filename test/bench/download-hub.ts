import { startHub, type Behaviour } from '../support/hub/hub.ts';

// The local hub in a process of its own, so that its work is not counted as the app's.

/** What the parent sends: the limits that are in force from now on. */
export type HubOrder = Partial<Pick<Behaviour, 'bytesPerSecond' | 'connectionBytesPerSecond'>>;
/** What it is told once the hub listens, and after each order. */
export interface HubReady {
  url: string;
  revision: string;
}

const [file = '', sha256 = '', repo = ''] = process.argv.slice(2);
const hub = await startHub();
const { revision } = await hub.add(repo, { files: { 'model.gguf': { file, sha256 } } });
const ready: HubReady = { url: hub.url, revision };

process.on('message', (order: HubOrder) => {
  Object.assign(hub.behaviour, { bytesPerSecond: null, connectionBytesPerSecond: null }, order);
  process.send?.(ready);
});
process.on('disconnect', () => process.exit(0));
process.send?.(ready);

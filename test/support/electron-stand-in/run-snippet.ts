// Runs one line of a main process on the stand-in, for the test that shows what it refuses.
const electron = await import('electron');
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...parts: string[]
) => (electron: unknown) => Promise<void>;
await new AsyncFunction('electron', process.argv[2] ?? '')(electron);
process.exit(0);

export {};

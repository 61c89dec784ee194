import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPackage } from '@electron/asar';
import { FuseState, FuseV1Options } from '@electron/fuses';

/** What marks the fuses in Electron's executable, before version, length and one byte a fuse. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const FUSE_COUNT = Object.values(FuseV1Options).filter((value) => typeof value === 'number').length;

/** Electron's own setting of the fuses, against ours in three places. */
const FROM_THE_FACTORY = [
  FuseV1Options.RunAsNode,
  FuseV1Options.EnableNodeOptionsEnvironmentVariable,
  FuseV1Options.EnableNodeCliInspectArguments,
  FuseV1Options.GrantFileProtocolExtraPrivileges,
];

/**
 * Lays out a folder as Electron's download for Linux unpacks, with a stand-in for the executable that carries the
 * fuses and can do nothing else.
 */
export async function makeDistribution(dir: string): Promise<void> {
  mkdirSync(join(dir, 'resources'), { recursive: true });
  mkdirSync(join(dir, 'locales'));
  const wire = Array.from({ length: FUSE_COUNT }, (_, fuse) =>
    FROM_THE_FACTORY.includes(fuse) ? FuseState.ENABLE : FuseState.DISABLE,
  );
  const executable = Buffer.concat([
    Buffer.from(`#!/bin/sh\nexit 1\n${SENTINEL}`),
    Buffer.from([1, wire.length, ...wire]),
    Buffer.alloc(64),
  ]);
  for (const name of ['electron', 'chrome-sandbox', 'chrome_crashpad_handler']) {
    writeFileSync(join(dir, name), name === 'electron' ? executable : '');
    chmodSync(join(dir, name), 0o755);
  }
  for (const name of ['LICENSE', 'LICENSES.chromium.html', 'version', 'icudtl.dat', 'locales/en-US.pak'])
    writeFileSync(join(dir, name), `${name} of the stand-in\n`);
  const source = mkdtempSync(join(tmpdir(), 'leeward-default-app-'));
  try {
    writeFileSync(join(source, 'main.js'), '');
    await createPackage(source, join(dir, 'resources', 'default_app.asar'));
  } finally {
    rmSync(source, { recursive: true });
  }
}

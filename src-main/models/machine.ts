import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { Machine } from '../contract/index.ts';

/**
 * What this computer has, read now. Physical cores are known on Linux; elsewhere, and where a container hides
 * them, logical ones are counted. Memory is what this process may have: a container's limit counts.
 * @param dataDir its volume is the one whose free space is told
 */
export async function readMachine(dataDir: string): Promise<Machine> {
  const [cpuInfo, memInfo, diskFreeBytes] = await Promise.all([
    readProc('/proc/cpuinfo'),
    readProc('/proc/meminfo'),
    freeDiskBytes(dataDir),
  ]);
  const limitBytes = process.constrainedMemory();
  const totalBytes = limitBytes > 0 ? Math.min(totalmem(), limitBytes) : totalmem();
  const freeBytes = availableMemoryBytes(memInfo) ?? freemem();
  return {
    processor: cpus()[0]?.model.trim() || process.arch,
    cores: Math.min(physicalCores(cpuInfo) ?? Infinity, availableParallelism()),
    memoryTotalBytes: totalBytes,
    memoryFreeBytes: Math.min(freeBytes, totalBytes),
    diskFreeBytes,
  };
}

/** Distinct pairs of socket and core in Linux's cpuinfo; null where it does not name them (ARM). */
export function physicalCores(cpuInfo: string | null): number | null {
  if (cpuInfo === null) return null;
  const cores = new Set<string>();
  for (const block of cpuInfo.split(/\n\s*\n/u)) {
    const socket = /^physical id\s*:\s*(\d+)/mu.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)/mu.exec(block)?.[1];
    if (core !== undefined) cores.add(`${socket ?? 0}/${core}`);
  }
  return cores.size > 0 ? cores.size : null;
}

/** `MemAvailable` of Linux's meminfo: free, or given back at once when needed. */
export function availableMemoryBytes(memInfo: string | null): number | null {
  const kibibytes = /^MemAvailable:\s*(\d+) kB/mu.exec(memInfo ?? '')?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

async function readProc(path: string): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}

async function freeDiskBytes(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

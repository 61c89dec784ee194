import { tmpdir } from 'node:os';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { Machine } from '../../src-main/contract/index.ts';
import { availableMemoryBytes, physicalCores, readMachine } from '../../src-main/models/machine.ts';

const cpuBlock = (processor: number, socket: number, core: number) =>
  `processor\t: ${processor}\nmodel name\t: Some CPU\nphysical id\t: ${socket}\nsiblings\t: 4\ncore id\t\t: ${core}\n`;

test('physical cores: two threads a core, two sockets', () => {
  const blocks = [
    cpuBlock(0, 0, 0),
    cpuBlock(1, 0, 1),
    cpuBlock(2, 0, 0),
    cpuBlock(3, 0, 1),
    cpuBlock(4, 1, 0),
  ];
  expect(physicalCores(blocks.join('\n'))).toBe(3);
});

test('physical cores are unknown where the kernel does not name them', () => {
  expect(physicalCores('processor\t: 0\nBogoMIPS\t: 48.00\n\nprocessor\t: 1\n')).toBeNull();
  expect(physicalCores(null)).toBeNull();
});

test('available memory counts what the system gives back', () => {
  expect(availableMemoryBytes('MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable:   64 kB\n')).toBe(65_536);
  expect(availableMemoryBytes('MemTotal: 100 kB\n')).toBeNull();
});

test('this machine, in the form of the contract', async () => {
  const machine = await readMachine(tmpdir());
  expect(v.parse(Machine, machine)).toEqual(machine);
  expect(machine.cores).toBeGreaterThan(0);
  expect(machine.memoryTotalBytes).toBeGreaterThan(100_000_000);
  expect(machine.memoryFreeBytes).toBeLessThanOrEqual(machine.memoryTotalBytes);
  expect(machine.diskFreeBytes).toBeGreaterThan(0);
});

test('a data folder on no volume leaves the rest readable', async () => {
  expect((await readMachine('/no/such/folder')).diskFreeBytes).toBeNull();
});

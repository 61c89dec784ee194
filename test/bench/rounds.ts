import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Conditions, Round } from './row.ts';

/** A row must end within ten minutes; a round that would begin later is left to the next run. */
export const ROW_BUDGET_MS = 9 * 60_000;

/** Thrown when the budget ended before the rounds did; the rounds so far are kept. */
export class RowUnfinished extends Error {
  constructor(done: number, count: number) {
    super(`${done} of ${count} rounds done in the time of one run; start the same command again to go on`);
  }
}

interface Saved {
  key: string;
  rounds: Round[];
}

function keyOf(conditions: Conditions, count: number): string {
  return createHash('sha256')
    .update(JSON.stringify([conditions, count]))
    .digest('hex');
}

/** The rounds of one row, kept in a file until the row is complete. */
export class RoundStore {
  readonly #file: string;
  readonly #startedAt = performance.now();

  constructor(folder: string, row: string) {
    this.#file = join(folder, 'unfinished', `${row}.json`);
  }

  /** @throws RowUnfinished when the time of one run is over */
  async run(
    count: number,
    conditions: Conditions,
    measure: (round: number) => Promise<Round>,
    report: (line: string) => void,
  ): Promise<Round[]> {
    const key = keyOf(conditions, count);
    const rounds = await this.#load(key);
    if (rounds.length > 0) report(`going on after round ${rounds.length} of ${count}`);
    while (rounds.length < count) {
      if (performance.now() - this.#startedAt > ROW_BUDGET_MS) throw new RowUnfinished(rounds.length, count);
      const round = await measure(rounds.length);
      rounds.push(round);
      await this.#save({ key, rounds });
      const numbers = Object.entries(round).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
      report(`round ${rounds.length}/${count}: ${numbers.join(', ')}`);
    }
    return rounds;
  }

  /** Forgets the rounds once they are reported: the next run measures anew. */
  async finish(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async #load(key: string): Promise<Round[]> {
    try {
      const saved: Saved = JSON.parse(await readFile(this.#file, 'utf8'));
      return saved.key === key ? saved.rounds : [];
    } catch {
      return [];
    }
  }

  async #save(saved: Saved): Promise<void> {
    await mkdir(join(this.#file, '..'), { recursive: true });
    await writeFile(`${this.#file}.new`, JSON.stringify(saved));
    await rename(`${this.#file}.new`, this.#file);
  }
}

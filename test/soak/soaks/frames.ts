import { throwMalformedFrames, throwWrongCalls, type RubbishReport } from '../../support/rubbish.ts';
import { allTransports } from '../../support/transports.ts';

export const name = 'frames';
/** Malformed frames on each transport, and as many wrong calls a tenth. */
export const defaultCount = 1_000;

/**
 * Malformed frames on every transport: a typed error or a closed connection each, and the process lives.
 * @throws at the first frame that gets anything else
 */
export async function run(options: {
  count: number;
  seed: number;
  log: (line: string) => void;
  /** ms since 1970 */
  deadline: number;
}): Promise<Record<string, RubbishReport & { wrongCalls: number; seconds: number }>> {
  const { count, seed, log, deadline } = options;
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  const results: Record<string, RubbishReport & { wrongCalls: number; seconds: number }> = {};
  try {
    for (const transport of allTransports) {
      const startedAt = performance.now();
      const report = await throwMalformedFrames(transport, { count, seed, isOver: () => Date.now() > deadline });
      const calls = await throwWrongCalls(transport, { count: Math.ceil(count / 10), seed });
      const wrong = calls.find(({ code }) => code !== 'invalid_input');
      if (wrong) throw new Error(`${transport.name}: ${String(wrong.data)} gave ${String(wrong.code)}`);
      const seconds = (performance.now() - startedAt) / 1000;
      results[transport.name] = { ...report, wrongCalls: calls.length, seconds };
      log(`${transport.name}: ${report.answered} answered, ${report.cutOff} cut off, ${seconds.toFixed(1)} s`);
      if (report.answered + report.cutOff < count) throw new Error(`${transport.name}: out of time`);
    }
    // Told after the turn in which they happened.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (unhandled.length > 0) throw new Error(`${unhandled.length} unhandled rejections`, { cause: unhandled[0] });
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
  return results;
}

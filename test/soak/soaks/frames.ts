import { throwMalformedFrames, throwWrongCalls } from '../../support/rubbish.ts';
import { allTransports, type Transport } from '../../support/transports.ts';
import { partSeed, type SoakContext, type SoakResult } from '../soak.ts';

export const name = 'frames';
/** Malformed frames on each transport; a tenth as many wrong calls beside them. */
export const defaultCount = 1_000;

/** Frames between two looks at the clock: about a second. */
const PART = 300;

interface Tally {
  frames: number;
  answered: number;
  cutOff: number;
  wrongCalls: number;
  kinds: Record<string, number>;
}
type Progress = Record<string, Tally>;

/** Malformed frames on every transport: a typed error or a closed connection each, and the process lives. */
export async function run(context: SoakContext): Promise<SoakResult> {
  const progress = (context.saved ?? {}) as Progress;
  const failures: string[] = [];
  const unhandled = (error: unknown) => failures.push(`unhandled rejection: ${String(error)}`);
  process.on('unhandledRejection', unhandled);
  try {
    for (const [index, transport] of allTransports.entries()) {
      const tally = (progress[transport.name] ??= {
        frames: 0,
        answered: 0,
        cutOff: 0,
        wrongCalls: 0,
        kinds: {},
      });
      while (tally.frames < context.count && failures.length === 0 && Date.now() < context.deadline) {
        // Each transport draws its own frames, and a resumed run what the whole would have drawn.
        const seed = partSeed(context.seed, index * 1_000_000 + tally.frames);
        await part(transport, tally, Math.min(PART, context.count - tally.frames), seed).catch(
          (error: unknown) => failures.push(error instanceof Error ? error.message : String(error)),
        );
        context.save(progress);
      }
      context.log(`${transport.name}: ${tally.answered} answered, ${tally.cutOff} cut off`);
    }
    // A rejection is told after the turn in which it happened.
    await new Promise((resolve) => setTimeout(resolve, 0));
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  const done = Math.min(context.count, ...allTransports.map(({ name: key }) => progress[key]?.frames ?? 0));
  return { done, failures, figures: { transports: progress } };
}

async function part(transport: Transport, tally: Tally, count: number, seed: number): Promise<void> {
  const report = await throwMalformedFrames(transport, { count, seed });
  const calls = await throwWrongCalls(transport, { count: Math.ceil(count / 10), seed });
  const wrong = calls.find(({ code }) => code !== 'invalid_input');
  if (wrong) throw new Error(`${transport.name}: ${String(wrong.data)} gave ${String(wrong.code)}`);
  tally.frames += report.answered + report.cutOff;
  tally.answered += report.answered;
  tally.cutOff += report.cutOff;
  tally.wrongCalls += calls.length;
  for (const [kind, times] of Object.entries(report.kinds))
    tally.kinds[kind] = (tally.kinds[kind] ?? 0) + times;
}

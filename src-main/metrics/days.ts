/** Every zone's offset is a multiple of it, and so is every change of an offset since 1970. */
const STEP_MS = 15 * 60 * 1000;
/** The longest day has 25 hours: after so many steps it is another one. */
const MAX_STEPS = 26 * 4;

/**
 * The day of a time as `2026-11-23`, in a time zone. Formatting takes microseconds and a summary asks for it for
 * every sample: the end of the day is looked for once, and times that come in order are compared with it.
 * @param timeZone a name that this computer knows
 */
export function dayNames(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  const nameOf = (step: number): string => {
    const parts = format.formatToParts(step * STEP_MS);
    const part = (wanted: string) => parts.find(({ type }) => type === wanted)?.value ?? '';
    return `${part('year')}-${part('month')}-${part('day')}`;
  };
  let known = { name: '', fromStep: 0, endStep: 0 };
  return (at) => {
    const step = Math.floor(at / STEP_MS);
    if (step < known.fromStep || step >= known.endStep) {
      const name = nameOf(step);
      let [same, endStep] = [step, step + MAX_STEPS];
      while (endStep - same > 1) {
        const middle = Math.floor((same + endStep) / 2);
        if (nameOf(middle) === name) same = middle;
        else endStep = middle;
      }
      known = { name, fromStep: step, endStep };
    }
    return known.name;
  };
}

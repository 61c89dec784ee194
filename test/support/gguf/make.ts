// Command line of the model writers:
//   node test/support/gguf/make.ts --shape 1.1B --type Q4_0 --out FILE [--seed N] [--vocabulary-from FILE]
//   node test/support/gguf/make.ts --scripted markdown --out FILE [--slow] [--never-stop] [--reasoning] [--name NAME]
import { parseArgs } from 'node:util';
import { SHAPES, writeRandomModel } from './random-model.ts';
import type { RandomShape, RandomType } from './random-model.ts';
import {
  htmlInjectionScript,
  longScript,
  markdownScript,
  plainScript,
  reasoningScript,
  rtlScript,
  unicodeScript,
  writeScriptedModel,
} from './scripted-model.ts';

const SCRIPTS: Record<string, string> = {
  plain: plainScript,
  markdown: markdownScript,
  html: htmlInjectionScript,
  rtl: rtlScript,
  unicode: unicodeScript,
  long: longScript(1000),
};

const { values } = parseArgs({
  options: {
    shape: { type: 'string' },
    type: { type: 'string', default: 'Q4_0' },
    out: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'vocabulary-from': { type: 'string' },
    scripted: { type: 'string' },
    name: { type: 'string' },
    slow: { type: 'boolean', default: false },
    'never-stop': { type: 'boolean', default: false },
    reasoning: { type: 'boolean', default: false },
  },
});

function isShape(shape: string | undefined): shape is RandomShape {
  return shape !== undefined && Object.hasOwn(SHAPES, shape);
}

function isType(type: string): type is RandomType {
  return ['F32', 'Q4_0', 'Q8_0'].includes(type);
}

async function make() {
  const { out, shape, type, scripted, name } = values;
  if (out === undefined) throw new Error('--out FILE is missing');
  const seed = Number(values.seed);
  if (scripted !== undefined) {
    const script = SCRIPTS[scripted];
    if (script === undefined) throw new Error(`--scripted is one of ${Object.keys(SCRIPTS).join(', ')}`);
    return writeScriptedModel(out, {
      script,
      seed,
      thenStop: !values['never-stop'],
      shape: values.slow ? 'slow' : 'tiny',
      ...(values.reasoning ? { reasoning: reasoningScript } : {}),
      ...(name === undefined ? {} : { name }),
    });
  }
  if (!isShape(shape)) throw new Error(`--shape is one of ${Object.keys(SHAPES).join(', ')}`);
  if (!isType(type)) throw new Error('--type is one of F32, Q4_0, Q8_0');
  const vocabularyFrom = values['vocabulary-from'];
  return writeRandomModel(out, {
    shape,
    type,
    seed,
    ...(vocabularyFrom === undefined ? {} : { vocabularyFrom }),
    ...(name === undefined ? {} : { name }),
  });
}

const written = await make();
process.stdout.write(
  `${written.path}: ${(written.sizeBytes / 1e6).toFixed(1)} MB, ${(written.parameterCount / 1e6).toFixed(1)} M weights\n`,
);

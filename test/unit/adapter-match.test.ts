import { describe, expect, test } from 'vitest';
import type { AdapterBase } from '../../src-main/contract/index.ts';
import { isNamedBase, matchAdapter, type AdapterHost } from '../../src-main/models/adapter-match.ts';
import { adapterFacts, type TensorShape } from '../../src-main/models/gguf-adapter.ts';

const lora = { 'general.type': 'adapter', 'adapter.type': 'lora' };
const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'no error';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
};

describe('the facts of an adapter', () => {
  test('targets follow from both factors, the embedding’s the other way round', () => {
    const shapes: TensorShape[] = [
      ['blk.0.attn_q.weight.lora_a', 64, 8],
      ['blk.0.attn_q.weight.lora_b', 8, 128],
      ['token_embd.weight.lora_a', 4, 64],
      ['token_embd.weight.lora_b', 4, 300],
    ];
    expect(adapterFacts(lora, shapes)).toEqual({
      rank: 8,
      bases: [],
      targets: [
        ['blk.0.attn_q.weight', 64, 128],
        ['token_embd.weight', 300, 64],
      ],
    });
  });

  test.each<[string, TensorShape[]]>([
    ['without factors', [['blk.0.attn_q.weight', 64, 64]]],
    ['with one factor', [['blk.0.attn_q.weight.lora_a', 64, 8]]],
    [
      'with factors of two ranks',
      [
        ['x.lora_a', 64, 8],
        ['x.lora_b', 4, 64],
      ],
    ],
  ])('%s it is malformed', (_, shapes) => {
    expect(codeOf(() => adapterFacts(lora, shapes))).toBe('model_malformed');
  });

  test('bases are read from the keys of the converter; other kinds are none', () => {
    const facts = adapterFacts(
      {
        ...lora,
        'general.base_model.0.name': 'Shore 7B',
        'general.base_model.0.version': 'v0.3',
        'general.base_model.0.repo_url': 'https://huggingface.co/lee/Shore-7B-v0.3/',
        'general.base_model.1.repo_url': '../../etc/passwd',
      },
      [
        ['x.lora_a', 64, 8],
        ['x.lora_b', 8, 64],
      ],
    );
    expect(facts?.bases).toEqual([{ name: 'Shore 7B v0.3', repo: 'lee/Shore-7B-v0.3' }]);
    expect(adapterFacts({ 'general.type': 'model' }, [])).toBeNull();
    expect(adapterFacts({ ...lora, 'adapter.type': 'control_vector' }, [])).toBeNull();
  });
});

describe('a match', () => {
  const host: AdapterHost = {
    architecture: 'llama',
    shapes: [['blk.0.attn_q.weight', 64, 128]],
    names: ['Shore 7B v0.3', 'other/Shore-7B-v0.3-GGUF'],
  };
  const needs = { architecture: 'llama', bases: [], targets: host.shapes };

  test('needs the architecture and every tensor in the same sizes', () => {
    expect(matchAdapter(needs, host)).toEqual({ match: 'fits', tensor: null });
    expect(matchAdapter({ ...needs, architecture: 'qwen2' }, host).match).toBe('other_architecture');
    expect(matchAdapter({ ...needs, targets: [['blk.0.attn_q.weight', 64, 64]] }, host)).toEqual({
      match: 'other_tensors',
      tensor: 'blk.0.attn_q.weight',
    });
    expect(matchAdapter({ ...needs, targets: [['blk.9.attn_q.weight', 64, 128]] }, host).match).toBe(
      'other_tensors',
    );
  });

  test.each<[AdapterBase, boolean]>([
    [{ name: 'shore-7b-V0.3', repo: null }, true],
    [{ name: null, repo: 'lee/Shore-7B-v0.3' }, true],
    [{ name: null, repo: 'other/Shore-7B-v0.3-GGUF' }, true],
    [{ name: 'Shore 7B v0.2', repo: null }, false],
    [{ name: null, repo: null }, false],
    [{ name: ' ', repo: null }, false],
  ])('by name: %o', (base, isNamed) => {
    expect(isNamedBase([base], host.names)).toBe(isNamed);
    expect(matchAdapter({ ...needs, bases: [base] }, host).match).toBe(isNamed ? 'named' : 'fits');
  });
});

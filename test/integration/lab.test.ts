import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { BenchPlan } from '../../src-main/contract/index.ts';
import { startCore, type TestCore } from '../support/core.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';

// Benchmarks through the contract, with a real store and a real engine. No time is asserted.

const cores: TestCore[] = [];
afterEach(async () => {
  for (const started of cores.splice(0).reverse()) await started.close();
});

async function core(): Promise<TestCore & { modelId: string }> {
  const started = await startCore();
  cores.push(started);
  await writeScriptedModel(join(started.modelsDir, 'scripted.gguf'), {
    script: plainScript,
    name: 'Main',
    contextLength: 2048,
  });
  const { id: modelId } = await started.addModel();
  return { ...started, modelId };
}

const planOf = (modelId: string, over: Partial<BenchPlan> = {}): BenchPlan => ({
  name: 'First',
  modelIds: [modelId],
  settings: {
    contextSize: 1024,
    gpuLayers: null,
    threads: 1,
    flashAttention: 'auto',
    cacheType: 'f16',
    batchTokens: 256,
  },
  depths: [128, 256],
  decodeTokens: 24,
  repeats: 2,
  ...over,
});

const ended = ({ waitFor }: TestCore) =>
  waitFor((event) => event.type === 'lab.changed' && event.state.progress === null && !event.runs);
const step = ({ waitFor }: TestCore, wanted: string) =>
  waitFor((event) => event.type === 'lab.changed' && event.state.progress?.step === wanted);

describe('a benchmark', () => {
  it('measures every depth in every repeat and keeps it with what it was made on', async () => {
    const started = await core();
    const { client, modelId } = started;
    await client.models.load({ id: modelId });
    const own = await client.engine.state();
    const done = ended(started);
    await client.lab.start(planOf(modelId));
    await done;
    expect((await client.lab.state()).failures).toEqual([]);
    const { rows, slowdowns } = await client.lab.list();
    const [row, ...more] = rows;
    expect(more).toEqual([]);
    expect(slowdowns).toEqual([]);
    if (!row) throw new Error('no run');
    const { run } = row;
    expect(run).toMatchObject({
      name: 'First',
      imported: false,
      isPartial: false,
      disturbed: 0,
      model: { name: 'Main' },
      settings: { contextSize: 1024, threads: 1, cacheType: 'f16', batchTokens: 256 },
      protocol: { depths: [128, 256], decodeTokens: 24, repeats: 2 },
      environment: { backend: 'cpu', engineVersion: own.engineVersion },
    });
    expect(run.peakMemoryBytes).toBeGreaterThan(0);
    expect(run.figures.loadMs).toHaveLength(2);
    expect(run.figures.coldMs.every((ms, place) => ms > (run.figures.loadMs[place] ?? 0))).toBe(true);
    for (const { depth, promptTokens, ...values } of run.figures.depths) {
      for (const measured of Object.values(values)) {
        expect(measured).toHaveLength(2);
        expect(measured.every((value) => value > 0)).toBe(true);
      }
      expect(promptTokens?.[1]).toBeLessThanOrEqual(depth);
      expect(promptTokens?.[0]).toBeGreaterThan(depth / 2);
    }
    const decode = row.lines.find(({ quantity, depth }) => quantity === 'decode' && depth === 256);
    expect(decode?.cells[0]).toMatchObject({ figure: { count: 2 }, change: null });

    // The model is as it was before, and a benchmark is no answer.
    const after = await client.engine.state();
    expect(after).toMatchObject({ modelId, contextSize: own.contextSize, status: 'ready' });
    expect(await client.metrics.samples({ filter: { from: null } })).toEqual([]);

    // A second one is compared with it: two repeats are too few to say anything.
    const again = ended(started);
    await client.lab.start(planOf(modelId, { name: 'Second' }));
    await again;
    const second = (await client.lab.list()).rows[0];
    expect(second).toMatchObject({ previousId: run.id, run: { name: 'Second' } });
    expect(second?.lines.every(({ cells }) => cells[0]?.change?.verdict === 'too_few')).toBe(true);
    const compared = await client.lab.compare({ ids: [run.id, second?.run.id ?? ''] });
    expect(compared.runs.map(({ name }) => name)).toEqual(['First', 'Second']);
  });

  it('lets an answer go first, measures again, and keeps what it has when it is stopped', async () => {
    const started = await core();
    const { client, modelId, chat } = started;
    const reading = step(started, 'follow_up');
    await client.lab.start(planOf(modelId, { repeats: 20 }));
    await expect(client.lab.start(planOf(modelId))).rejects.toMatchObject({ code: 'conflict' });
    await reading;
    const { conversationId } = await chat('Hello');
    const answered = await client.conversations.get({ id: conversationId });
    expect(answered.messages.at(-1)).toMatchObject({ status: 'complete' });
    // It is measured again, and a whole repeat behind it.
    const after = (await client.lab.state()).progress?.repeat ?? 0;
    await started.waitFor(
      (event) => event.type === 'lab.changed' && (event.state.progress?.repeat ?? 0) > after + 1,
    );
    await client.lab.cancel({ keep: true });
    expect((await client.lab.state()).progress).toBeNull();
    const [row] = (await client.lab.list()).rows;
    expect(row?.run.isPartial).toBe(true);
    expect(row?.run.disturbed).toBeGreaterThan(0);
    expect(row?.run.figures.loadMs.length).toBeLessThan(20);
    for (const { warmMs, followUpMs } of row?.run.figures.depths ?? [])
      expect(followUpMs.length).toBeLessThanOrEqual(warmMs.length);

    // Stopped without keeping it leaves nothing.
    const again = step(started, 'cold');
    await client.lab.start(planOf(modelId, { name: 'Dropped' }));
    await again;
    await client.lab.cancel({ keep: false });
    expect((await client.lab.list()).rows.map(({ run }) => run.name)).toEqual(['First']);
  });

  it('names a model that cannot be measured, and refuses a plan that does not fit', async () => {
    const started = await core();
    const { client, modelId } = started;
    await expect(client.lab.start(planOf(modelId, { depths: [128, 1000] }))).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(client.lab.start(planOf(crypto.randomUUID()))).rejects.toMatchObject({ code: 'not_found' });
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(started.modelsDir, 'scripted.gguf'), 'no model');
    const done = ended(started);
    await client.lab.start(planOf(modelId));
    await done;
    const { failures } = await client.lab.state();
    expect(failures).toMatchObject([{ modelName: 'Main' }]);
    expect((await client.lab.list()).rows).toEqual([]);
  });
});

describe('runs', () => {
  it('are renamed, removed and brought back, and go to another computer as a file', async () => {
    const started = await core();
    const { client, modelId } = started;
    const done = ended(started);
    await client.lab.start(planOf(modelId, { depths: [64], decodeTokens: 16, repeats: 1 }));
    await done;
    const [row] = (await client.lab.list()).rows;
    const id = row?.run.id ?? '';
    await client.lab.rename({ id, name: ' Renamed ' });
    const names = async ({ client: of }: TestCore) => (await of.lab.list()).rows.map(({ run }) => run.name);
    expect(await names(started)).toEqual(['Renamed']);
    await client.lab.remove({ id });
    expect(await names(started)).toEqual([]);
    await expect(client.lab.exportFile({ ids: [id] })).rejects.toMatchObject({ code: 'not_found' });
    await client.lab.restore({ id });

    const { text } = await client.lab.exportFile({ ids: [id] });
    expect(text).not.toContain(started.modelsDir);
    expect(text).not.toContain((await import('node:os')).hostname());
    const other = await core();
    const report = { problem: null, added: 1, known: 0, refused: [] };
    expect(await other.client.lab.importFile({ text })).toEqual(report);
    expect(await other.client.lab.importFile({ text })).toEqual({ ...report, added: 0, known: 1 });
    const [imported] = (await other.client.lab.list()).rows;
    expect(imported).toMatchObject({
      previousId: null,
      run: { ...row?.run, name: 'Renamed', imported: true },
    });
  });
});

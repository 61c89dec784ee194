import { Random } from './random.ts';
import { float32Bytes } from './llama-shape.ts';
import { writeGguf, type GgufTensor, type GgufValue, type WrittenGguf } from './writer.ts';

export interface AdapterOptions {
  name?: string;
  architecture?: string;
  /** Tensors of the base that it changes: name, columns, rows. */
  targets: readonly (readonly [name: string, columns: number, rows: number])[];
  rank?: number;
  bases?: readonly { name?: string; repo?: string }[];
  /** How far it changes the base; 0, the default, leaves every answer as it is. */
  strength?: number;
  type?: string;
}

/** Writes a LoRA adapter as llama.cpp's converter does. */
export function writeAdapter(path: string, options: AdapterOptions): Promise<WrittenGguf> {
  const { name = 'Adapter', architecture = 'llama', targets, rank = 4, bases = [], strength = 0 } = options;
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const metadata = new Map<string, GgufValue>([
    ['general.type', text('adapter')],
    ['general.architecture', text(architecture)],
    ['general.name', text(name)],
    ['adapter.type', text(options.type ?? 'lora')],
    ['adapter.lora.alpha', { type: 'float32', value: rank }],
    ['general.base_model.count', { type: 'uint32', value: bases.length }],
  ]);
  for (const [index, base] of bases.entries()) {
    if (base.name !== undefined) metadata.set(`general.base_model.${index}.name`, text(base.name));
    if (base.repo !== undefined)
      metadata.set(`general.base_model.${index}.repo_url`, text(`https://huggingface.co/${base.repo}`));
  }
  const random = new Random(1);
  const factor = (tensor: string, shape: readonly number[], scale: number): GgufTensor => ({
    name: tensor,
    type: 'F32',
    shape,
    data: () => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      return [float32Bytes(values.map(() => random.normal() * scale))];
    },
  });
  const tensors = targets.flatMap(([target, columns, rows]) => [
    factor(`${target}.lora_a`, [columns, rank], 1),
    factor(`${target}.lora_b`, [rank, rows], strength),
  ]);
  return writeGguf(path, { metadata, tensors });
}

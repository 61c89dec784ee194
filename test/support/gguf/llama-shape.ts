import type { GgufTensor, GgufValue, TensorType } from './writer.ts';

/** Dimensions of a decoder in the layout of llama.cpp's `llama` and `gemma3` architectures. */
export interface ModelDims {
  architecture: 'llama' | 'gemma3';
  embedding: number;
  blocks: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  feedForward: number;
  ropeBase: number;
  contextLength: number;
  /** Tokens a sliding-window layer sees; only gemma3 has it. */
  slidingWindow?: number;
}

/** What a tensor is for; `post-norm` scales what a layer adds to the residual (gemma3 only). */
export type TensorRole = 'embedding' | 'output' | 'norm' | 'post-norm' | 'attention' | 'feed-forward';

/** Chooses type and data of one tensor; data left out means zeros. */
export type TensorFill = (role: TensorRole, shape: readonly number[]) => Pick<GgufTensor, 'type' | 'data'>;

/** The hyperparameter keys llama.cpp needs for these dimensions. */
export function dimsMetadata(dims: ModelDims, vocabularySize: number): [string, GgufValue][] {
  const uint32 = (key: string, value: number): [string, GgufValue] => [
    `${dims.architecture}.${key}`,
    { type: 'uint32', value },
  ];
  const float32 = (key: string, value: number): [string, GgufValue] => [
    `${dims.architecture}.${key}`,
    { type: 'float32', value },
  ];
  const entries = [
    uint32('context_length', dims.contextLength),
    uint32('embedding_length', dims.embedding),
    uint32('block_count', dims.blocks),
    uint32('feed_forward_length', dims.feedForward),
    uint32('attention.head_count', dims.heads),
    uint32('attention.head_count_kv', dims.kvHeads),
    uint32('attention.key_length', dims.headDim),
    uint32('attention.value_length', dims.headDim),
    float32('attention.layer_norm_rms_epsilon', 1e-5),
    float32('rope.freq_base', dims.ropeBase),
    uint32('vocab_size', vocabularySize),
  ];
  if (dims.architecture === 'llama') entries.push(uint32('rope.dimension_count', dims.headDim));
  if (dims.slidingWindow !== undefined) entries.push(uint32('attention.sliding_window', dims.slidingWindow));
  return entries;
}

/** Every tensor that llama.cpp expects of the architecture, in the order its converter writes them. */
export function modelTensors(dims: ModelDims, vocabularySize: number, fill: TensorFill): GgufTensor[] {
  const { embedding, heads, kvHeads, headDim, feedForward } = dims;
  const tensor = (name: string, role: TensorRole, ...shape: number[]): GgufTensor => ({
    name: `${name}.weight`,
    shape,
    ...fill(role, shape),
  });
  const tensors = [tensor('token_embd', 'embedding', embedding, vocabularySize)];
  for (let block = 0; block < dims.blocks; block++) {
    const name = (part: string) => `blk.${block}.${part}`;
    tensors.push(
      tensor(name('attn_norm'), 'norm', embedding),
      tensor(name('attn_q'), 'attention', embedding, heads * headDim),
      tensor(name('attn_k'), 'attention', embedding, kvHeads * headDim),
      tensor(name('attn_v'), 'attention', embedding, kvHeads * headDim),
      tensor(name('attn_output'), 'attention', heads * headDim, embedding),
      tensor(name('ffn_norm'), 'norm', embedding),
      tensor(name('ffn_gate'), 'feed-forward', embedding, feedForward),
      tensor(name('ffn_up'), 'feed-forward', embedding, feedForward),
      tensor(name('ffn_down'), 'feed-forward', feedForward, embedding),
    );
    if (dims.architecture === 'gemma3')
      tensors.push(
        tensor(name('attn_q_norm'), 'norm', headDim),
        tensor(name('attn_k_norm'), 'norm', headDim),
        tensor(name('post_attention_norm'), 'post-norm', embedding),
        tensor(name('post_ffw_norm'), 'post-norm', embedding),
      );
  }
  tensors.push(tensor('output_norm', 'norm', embedding));
  // gemma3 ties the output matrix to the embedding.
  if (dims.architecture === 'llama') tensors.push(tensor('output', 'output', embedding, vocabularySize));
  return tensors;
}

/** The bytes of 32-bit floats, as the format stores them; every platform Node runs on is little-endian. */
export function float32Bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A norm tensor with the same gain everywhere; 1 leaves the normalised vector as it is. */
export function normTensor(
  shape: readonly number[],
  gain = 1,
): { type: TensorType; data: () => Iterable<Uint8Array> } {
  return { type: 'F32', data: () => [float32Bytes(new Float32Array(shape[0] ?? 0).fill(gain))] };
}

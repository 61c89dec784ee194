"""Writes the network as GGUF, for llama.cpp."""

from pathlib import Path

import gguf
import numpy as np
import sentencepiece as spm

from network import Shape, interleaved
from tokenizer import END, GUIDE, SYSTEM, USER

# Message texts are put in by the app as plain text: what is spelt like a control token there is not one.
TEMPLATE = (
    "{% for message in messages %}"
    f"{{% if message['role'] == 'system' %}}{{{{ '{SYSTEM}' }}}}"
    f"{{% elif message['role'] == 'user' %}}{{{{ '{USER}' }}}}"
    f"{{% else %}}{{{{ '{GUIDE}' }}}}{{% endif %}}"
    f"{{{{ message['content'] + '{END}' }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{GUIDE}' }}}}{{% endif %}}"
)


def write(path: Path, shape: Shape, params: dict, table: np.ndarray, processor: spm.SentencePieceProcessor, half: bool) -> None:
    """:param half: F16 instead of Q8_0, twice the size"""
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name('Leeward Guide')
    writer.add_description('Answers questions about using Leeward, and nothing else.')
    writer.add_license('apache-2.0')
    writer.add_languages(['en'])
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embedding)
    writer.add_block_count(shape.blocks)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_tokenizer(writer, processor)

    kind = gguf.GGMLQuantizationType.F16 if half else gguf.GGMLQuantizationType.Q8_0

    def matrix(name: str, values: np.ndarray) -> None:
        writer.add_tensor(name, gguf.quantize(np.ascontiguousarray(values, np.float32), kind), raw_dtype=kind)

    def norm(name: str, values: np.ndarray) -> None:
        writer.add_tensor(name, np.asarray(values, np.float32))

    matrix('token_embd.weight', table)
    for index, block in enumerate(params['blocks']):
        norm(f'blk.{index}.attn_norm.weight', block['attn_norm'])
        norm(f'blk.{index}.ffn_norm.weight', block['ffn_norm'])
        names = {'q': 'attn_q', 'k': 'attn_k', 'v': 'attn_v', 'o': 'attn_output', 'gate': 'ffn_gate', 'up': 'ffn_up', 'down': 'ffn_down'}
        for ours, theirs in names.items():
            values = np.asarray(block[ours])
            matrix(f'blk.{index}.{theirs}.weight', (interleaved(values, shape.head) if ours in 'qk' else values).T)
    norm('output_norm.weight', params['norm'])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter, processor: spm.SentencePieceProcessor) -> None:
    tokens, scores, types = [], [], []
    for i in range(processor.get_piece_size()):
        tokens.append(processor.id_to_piece(i))
        scores.append(processor.get_score(i))
        types.append(
            gguf.TokenType.UNKNOWN if processor.is_unknown(i)
            else gguf.TokenType.BYTE if processor.is_byte(i)
            else gguf.TokenType.CONTROL if processor.is_control(i)
            else gguf.TokenType.NORMAL
        )  # fmt: skip
    writer.add_tokenizer_model('llama')
    writer.add_tokenizer_pre('default')
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_unk_token_id(processor.unk_id())
    writer.add_bos_token_id(processor.bos_id())
    writer.add_eos_token_id(processor.piece_to_id(END))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)

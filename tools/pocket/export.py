"""Writes the averaged weights of a checkpoint as GGUF and as a Hugging Face folder.

usage: export.py DIR gguf TYPE OUT.gguf | export.py DIR hf OUT      TYPE is F16 or Q8_0; DIR is a training run's
"""
import json
import os
import struct
import sys

import numpy as np
import torch

from bpe import Tokenizer
from model import Config

# GGUF's names and Hugging Face's, for our own.
MODEL = {"embed.weight": ("token_embd.weight", "model.embed_tokens.weight"), "norm.weight": ("output_norm.weight", "model.norm.weight")}
LAYER = {
    "attn_norm": ("attn_norm", "input_layernorm"), "ffn_norm": ("ffn_norm", "post_attention_layernorm"),
    "q": ("attn_q", "self_attn.q_proj"), "k": ("attn_k", "self_attn.k_proj"), "v": ("attn_v", "self_attn.v_proj"), "o": ("attn_output", "self_attn.o_proj"),
    "gate": ("ffn_gate", "mlp.gate_proj"), "up": ("ffn_up", "mlp.up_proj"), "down": ("ffn_down", "mlp.down_proj"),
}
CHAT = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% else %}<|assistant|>{{ message['content'] }}<|endoftext|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def names(name):
    if name in MODEL:
        return MODEL[name]
    _, i, part, kind = name.split(".")
    gguf, hf = LAYER[part]
    return f"blk.{i}.{gguf}.{kind}", f"model.layers.{i}.{hf}.{kind}"


def q8_0(a):
    """Blocks of 32 values: a half-precision scale and 32 bytes."""
    b = a.reshape(-1, 32)
    d = np.abs(b).max(1, keepdims=True) / 127
    q = np.round(np.divide(b, d, out=np.zeros_like(b), where=d > 0)).astype(np.int8)
    return np.concatenate([d.astype(np.float16).view(np.uint8), q.view(np.uint8)], 1).tobytes()


F32, F16, Q8_0 = 0, 1, 8
U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


def string(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if kind == STRING:
        return string(v)
    return struct.pack({U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?"}[kind], v)


def entry(key, kind, v):
    if isinstance(v, list):
        return string(key) + struct.pack("<IIQ", ARRAY, kind, len(v)) + b"".join(value(kind, x) for x in v)
    return string(key) + struct.pack("<I", kind) + value(kind, v)


def metadata(c, tokenizer, file_type):
    a = "qwen2."
    specials = [t for t in tokenizer.vocab if t.startswith("<|")]
    return [
        entry("general.architecture", STRING, "qwen2"), entry("general.name", STRING, "pocket"), entry("general.file_type", U32, file_type),
        entry("general.license", STRING, "mit"),
        entry(a + "block_count", U32, c.layers), entry(a + "context_length", U32, c.context), entry(a + "embedding_length", U32, c.hidden),
        entry(a + "feed_forward_length", U32, c.intermediate), entry(a + "attention.head_count", U32, c.heads),
        entry(a + "attention.head_count_kv", U32, c.kv_heads), entry(a + "attention.layer_norm_rms_epsilon", FLOAT, c.eps),
        entry(a + "rope.freq_base", FLOAT, c.theta),
        entry("tokenizer.ggml.model", STRING, "gpt2"), entry("tokenizer.ggml.pre", STRING, "smollm"),
        entry("tokenizer.ggml.tokens", STRING, tokenizer.vocab),
        entry("tokenizer.ggml.token_type", I32, [3 if t in specials else 1 for t in tokenizer.vocab]),
        entry("tokenizer.ggml.merges", STRING, [" ".join(m) for m in tokenizer.merges]),
        entry("tokenizer.ggml.bos_token_id", U32, 0), entry("tokenizer.ggml.eos_token_id", U32, 0),
        entry("tokenizer.ggml.add_bos_token", BOOL, True), entry("tokenizer.chat_template", STRING, CHAT),
    ]


def write_gguf(path, c, tokenizer, weights, matrices):
    meta = metadata(c, tokenizer, {F16: 1, Q8_0: 7}[matrices])
    head, data = b"", b""
    for name, a in weights.items():
        kind = matrices if a.ndim == 2 else F32
        raw = {F32: lambda: a.tobytes(), F16: lambda: a.astype(np.float16).tobytes(), Q8_0: lambda: q8_0(a)}[kind]()
        head += string(names(name)[0]) + struct.pack("<I", a.ndim) + struct.pack(f"<{a.ndim}Q", *reversed(a.shape)) + struct.pack("<IQ", kind, len(data))
        data += raw + bytes(-len(raw) % 32)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(meta)) + b"".join(meta) + head
    with open(path, "wb") as f:
        f.write(start + bytes(-len(start) % 32) + data)


def write_hf(path, c, tokenizer, weights):
    os.makedirs(path, exist_ok=True)
    header, data = {}, b""
    for name, a in weights.items():
        raw = a.astype(np.float16).tobytes()
        header[names(name)[1]] = {"dtype": "F16", "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(path, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)
    specials = [t for t in tokenizer.vocab if t.startswith("<|")]
    end = specials[0]
    parts = {
        "config.json": dict(
            architectures=["Qwen2ForCausalLM"], model_type="qwen2", hidden_size=c.hidden, intermediate_size=c.intermediate, num_hidden_layers=c.layers,
            num_attention_heads=c.heads, num_key_value_heads=c.kv_heads, vocab_size=c.vocab, max_position_embeddings=c.context, rms_norm_eps=c.eps,
            rope_theta=c.theta, hidden_act="silu", tie_word_embeddings=True, torch_dtype="float16", bos_token_id=0, eos_token_id=0, use_sliding_window=False,
        ),
        "tokenizer_config.json": dict(tokenizer_class="PreTrainedTokenizerFast", bos_token=end, eos_token=end, chat_template=CHAT, model_max_length=c.context),
        "tokenizer.json": dict(
            version="1.0", truncation=None, padding=None, normalizer=None,
            added_tokens=[dict(id=i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(specials)],
            pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="Digits", individual_digits=True), dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)]),
            post_processor=dict(
                type="TemplateProcessing", single=[{"SpecialToken": {"id": end, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                pair=[{"SpecialToken": {"id": end, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                special_tokens={end: dict(id=end, ids=[0], tokens=[end])},
            ),
            decoder=dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
            model=dict(
                type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False, byte_fallback=False,
                vocab={t: i for i, t in enumerate(tokenizer.vocab)}, merges=[" ".join(m) for m in tokenizer.merges],
            ),
        ),
    }
    for name, content in parts.items():
        with open(os.path.join(path, name), "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=False, indent=1)


def main():
    dir, form = sys.argv[1:3]
    state = torch.load(os.path.join(dir, "checkpoint.pt"))
    c, tokenizer = Config(**state["config"]), Tokenizer(os.path.join(dir, "vocab.json"))
    weights = {k: v.float().numpy() for k, v in state["average"].items()}
    if form == "hf":
        write_hf(sys.argv[3], c, tokenizer, weights)
    else:
        write_gguf(sys.argv[4], c, tokenizer, weights, {"F16": F16, "Q8_0": Q8_0}[sys.argv[3]])


if __name__ == "__main__":
    main()

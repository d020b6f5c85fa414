"""Writes a folder of safetensors weights as a GGUF file for llama.cpp.

    python export_gguf.py ../hf thinker.gguf
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

TENSORS = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
LAYER_TENSORS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_architecture(writer: gguf.GGUFWriter, config: dict, half: bool) -> None:
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    writer.add_name("seamstress-thinker")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(theta)
    writer.add_file_type(1 if half else 0)


def write_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict, size: int) -> None:
    """`size` is the model's vocabulary, which is larger than the tokenizer's: the rest is padding."""
    texts = {id_: text for text, id_ in tokenizer["model"]["vocab"].items()}
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    ids = {token["content"]: id_ for id_, token in added.items()}
    tokens, types = [], []
    for id_ in range(size):
        if id_ in added:
            special = added[id_]["special"]
            tokens.append(added[id_]["content"])
            types.append(gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED)
        elif id_ in texts:
            tokens.append(texts[id_])
            types.append(gguf.TokenType.NORMAL)
        else:
            tokens.append(f"[PAD{id_}]")
            types.append(gguf.TokenType.UNUSED)
    merges = tokenizer["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(
        [" ".join(merge) if isinstance(merge, list) else merge for merge in merges]
    )
    writer.add_eos_token_id(ids["<|im_end|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)


def write_tensors(writer: gguf.GGUFWriter, weights: Path, layers: int, half: bool) -> None:
    names = dict(TENSORS)
    for i in range(layers):
        for theirs, ours in LAYER_TENSORS.items():
            names[f"model.layers.{i}.{theirs}.weight"] = f"blk.{i}.{ours}.weight"
    for name, tensor in load_file(weights).items():
        # The output is tied to the embedding.
        if name == "lm_head.weight":
            continue
        tensor = tensor.astype(np.float32)
        if half and tensor.ndim > 1:
            tensor = tensor.astype(np.float16)
        writer.add_tensor(names[name], tensor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with config.json and model.safetensors")
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=["f32", "f16"], default="f16", help="of the matrices")
    parser.add_argument("--tokenizer", type=Path, help="default: tokenizer.json in the source")
    parser.add_argument("--template", type=Path, help="default: chat_template.jinja in the source")
    arguments = parser.parse_args()

    source: Path = arguments.source
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    tokenizer_file = arguments.tokenizer or source / "tokenizer.json"
    tokenizer = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    template_file = arguments.template or source / "chat_template.jinja"

    writer = gguf.GGUFWriter(arguments.out, "qwen3")
    half = arguments.type == "f16"
    write_architecture(writer, config, half)
    write_tokenizer(writer, tokenizer, config["vocab_size"])
    writer.add_chat_template(template_file.read_text(encoding="utf-8"))
    write_tensors(writer, source / "model.safetensors", config["num_hidden_layers"], half)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()

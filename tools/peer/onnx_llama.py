#!/usr/bin/env python3
"""Writes SmolLM2-135M's shape, float32, random weights, as an ONNX model for ort.mjs.

  onnx_llama.py MODEL.onnx        (Debian: apt install python3-onnx python3-numpy)

Attention is ONNX Runtime's own operator, which keeps keys and values as they
are and turns queries and keys itself; logits are those of the last token.
"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

LAYERS, WIDTH, HIDDEN, HEADS, KV, DIM, VOCAB, CONTEXT = 30, 576, 1536, 9, 3, 64, 49152, 2048
MS = "com.microsoft"
rng = np.random.default_rng(1)
nodes, weights = [], []


def weight(name, *shape):
    x = rng.standard_normal(shape, dtype=np.float32) / np.float32(shape[0] ** 0.5)
    return constant(name, x)


def constant(name, x):
    weights.append(numpy_helper.from_array(x, name))
    return name


def node(op, inputs, out, *others, domain="", **attributes):
    nodes.append(helper.make_node(op, inputs, [out, *others], domain=domain, **attributes))
    return out


def norm(x, name):
    return node("SimplifiedLayerNormalization", [x, constant(name + "_w", np.ones(WIDTH, np.float32))], name, axis=-1, epsilon=1e-5, stash_type=1)


def main():
    info = helper.make_tensor_value_info
    inputs = [info("input_ids", TensorProto.INT64, [1, "n"]), info("seqlens_k", TensorProto.INT32, [1]), info("total_len", TensorProto.INT32, [])]
    outputs = [info("logits", TensorProto.FLOAT, [1, 1, VOCAB])]
    angles = np.arange(CONTEXT)[:, None] / 10000.0 ** (np.arange(DIM // 2) * 2 / DIM)
    cos, sin = (constant(n, f(angles).astype(np.float32)) for n, f in (("cos", np.cos), ("sin", np.sin)))
    x = node("Gather", [weight("embedding", VOCAB, WIDTH), "input_ids"], "x")
    for i in range(LAYERS):
        p = "l%d_" % i
        h = norm(x, p + "norm1")
        q, k, v = (node("MatMul", [h, weight(p + n + "_w", WIDTH, heads * DIM)], p + n) for n, heads in (("q", HEADS), ("k", KV), ("v", KV)))
        for t in "kv":
            inputs.append(info(p + "p" + t, TensorProto.FLOAT, [1, KV, "past", DIM]))
            outputs.append(info(p + "n" + t, TensorProto.FLOAT, [1, KV, "total", DIM]))
        node("GroupQueryAttention", [q, k, v, p + "pk", p + "pv", "seqlens_k", "total_len", cos, sin], p + "a", p + "nk", p + "nv",
             domain=MS, num_heads=HEADS, kv_num_heads=KV, do_rotary=1)
        x = node("Add", [x, node("MatMul", [p + "a", weight(p + "o_w", HEADS * DIM, WIDTH)], p + "o")], p + "x1")
        h = norm(x, p + "norm2")
        gate, up = (node("MatMul", [h, weight(p + n + "_w", WIDTH, HIDDEN)], p + n) for n in ("gate", "up"))
        g = node("Mul", [gate, node("Sigmoid", [gate], p + "sig")], p + "silu")
        m = node("Mul", [g, up], p + "m")
        x = node("Add", [x, node("MatMul", [m, weight(p + "down_w", HIDDEN, WIDTH)], p + "down")], p + "x2")
    last = node("Gather", [x, constant("end", np.array([-1], np.int64))], "last", axis=1)
    node("MatMul", [norm(last, "norm"), weight("head", WIDTH, VOCAB)], "logits")
    graph = helper.make_graph(nodes, "llama", inputs, outputs, weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)], ir_version=8), sys.argv[1])


main()

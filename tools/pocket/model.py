"""The model: qwen2's form (biases on q, k and v), grouped queries, RMSNorm, SwiGLU, tied embeddings, half-split RoPE.

Master weights are float32; products and attention are bfloat16.
"""
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from kernels import AddNorm, Attention, CrossEntropy, Rope, SwiGLU


@dataclass
class Config:
    vocab: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    intermediate: int = 768
    theta: float = 1e10  # 24 channels turn within 4096 positions, 40 hardly
    eps: float = 1e-6
    context: int = 8192

    def dict(self):
        return asdict(self)


def rope_tables(pos, c):
    """Cosines and sines, [rows][tokens][head_dim / 2]."""
    f = c.theta ** (-torch.arange(0, c.head_dim, 2, dtype=torch.float64) / c.head_dim)
    a = pos.double()[..., None] * f
    return a.cos().float(), a.sin().float()


class Norm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


def linear(x, *layers):
    """Products with several matrices as one."""
    w = [l.weight for l in layers]
    return F.linear(x, (torch.cat(w) if len(w) > 1 else w[0]).bfloat16())


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm, self.ffn_norm = Norm(c.hidden), Norm(c.hidden)
        self.q = nn.Linear(c.hidden, c.heads * c.head_dim)
        self.k = nn.Linear(c.hidden, c.kv_heads * c.head_dim)
        self.v = nn.Linear(c.hidden, c.kv_heads * c.head_dim)
        self.o = nn.Linear(c.heads * c.head_dim, c.hidden, bias=False)
        self.gate = nn.Linear(c.hidden, c.intermediate, bias=False)
        self.up = nn.Linear(c.hidden, c.intermediate, bias=False)
        self.down = nn.Linear(c.intermediate, c.hidden, bias=False)

    def forward(self, x, y, cos, sin):
        """The stream is x + y; so is what it returns."""
        c, (rows, n, _) = self.c, x.shape
        x, h = AddNorm.apply(x, y, self.attn_norm.weight, c.eps)
        bias = torch.cat((self.q.bias, self.k.bias, self.v.bias))
        q, k, v = Rope.apply(linear(h, self.q, self.k, self.v), bias, cos, sin, c.heads, c.kv_heads)
        a = Attention.apply(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1))
        a = a.view(rows, c.kv_heads, n, -1).transpose(1, 2).reshape(rows, n, -1)
        x, h = AddNorm.apply(x, linear(a, self.o), self.ffn_norm.weight, c.eps)
        return x, linear(SwiGLU.apply(linear(h, self.gate, self.up)), self.down)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab, c.hidden)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = Norm(c.hidden)
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif name.endswith(("o.weight", "down.weight")):
                nn.init.zeros_(p)
            elif p.dim() == 2:
                nn.init.normal_(p, std=p.shape[1] ** -0.5)

    def forward(self, ids, pos):
        """The normalized stream, [rows][tokens][hidden]."""
        cos, sin = rope_tables(pos, self.c)
        x, y = F.embedding(ids, self.embed.weight), None
        for layer in self.layers:
            x, y = layer(x, y, cos, sin)
        return AddNorm.apply(x, y, self.norm.weight, self.c.eps)[1]

    def logits(self, h):
        return F.linear(h, self.embed.weight.bfloat16())


def loss(model, ids, weights, pos):
    """Mean weighted loss, and the loss and weight of each token that has one."""
    h = model(ids[:, :-1], pos[:, :-1]).flatten(0, 1)
    w = weights[:, 1:].flatten()
    some = w.nonzero().squeeze(1)
    w = w[some]
    total, nll = CrossEntropy.apply(model.logits(h[some]), ids[:, 1:].flatten()[some], w / w.sum())
    return total, nll, w

"""The forward pass once more, as a textbook has it: float32, no kernels of our own, one sequence."""
import torch
import torch.nn.functional as F


def rms_norm(x, w, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def rotate(x, cos, sin):
    """x [heads][tokens][head_dim]; a channel turns with the one half a head further."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def logits(w, c, ids):
    """Of every token's successor, [tokens][vocab]; w are the weights under the names of model.py."""
    n, group = len(ids), c.heads // c.kv_heads
    f = c.theta ** (-torch.arange(0, c.head_dim, 2, dtype=torch.float64) / c.head_dim)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * f
    cos, sin = angle.cos().float(), angle.sin().float()
    x = w["embed.weight"][ids]
    for i in range(c.layers):
        get = lambda name: w[f"layers.{i}.{name}"]
        project = lambda name, heads: F.linear(h, get(name + ".weight"), get(name + ".bias")).view(n, heads, -1).transpose(0, 1)
        h = rms_norm(x, get("attn_norm.weight"), c.eps)
        q = rotate(project("q", c.heads), cos, sin)
        k = rotate(project("k", c.kv_heads), cos, sin).repeat_interleave(group, 0)
        v = project("v", c.kv_heads).repeat_interleave(group, 0)
        scores = q @ k.transpose(1, 2) * c.head_dim**-0.5 + torch.full((n, n), -torch.inf).triu(1)
        x = x + F.linear((scores.softmax(-1) @ v).transpose(0, 1).reshape(n, -1), get("o.weight"))
        h = rms_norm(x, get("ffn_norm.weight"), c.eps)
        x = x + F.linear(F.silu(F.linear(h, get("gate.weight"))) * F.linear(h, get("up.weight")), get("down.weight"))
    return F.linear(rms_norm(x, w["norm.weight"], c.eps), w["embed.weight"])

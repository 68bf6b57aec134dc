"""Sets the weights with which a model copies before it has learned anything (induction heads: Olsson et al. 2022).

The stream's first half holds a token's embedding. Layer 0 attends by position alone: the biases of q and k, turned by RoPE,
peak where a token stands `offset` positions back, and its code of 32 channels is written to a quarter of the second half.
Layer 1 attends by content alone, in channels that RoPE hardly turns: what the last tokens were against what stood before
each token. It copies that token's embedding. Where nothing matches it attends to the first token, which has no embedding in
the first half, so nothing is copied.
"""
import torch

OFFSETS = (1, 2, 3)  # of query heads 0 to 2; head 3 looks about BAG positions back
BAG = 6
CODE = 32
STILL = 12  # pairs from here on turn by less than 0.75 rad in 4096 positions
MATCH = (13.0, 11.0, 8.0, 8.0)  # logits of each code that matches
SINK = 15.0  # logit of the first token
LOUD = 0.7  # length of a code, an embedding's being 1
COPY = 3.0  # length of a copied embedding


def orthonormal(rows, cols, g):
    """rows × cols with orthonormal rows, or columns where those are fewer."""
    a = torch.randn(max(rows, cols), min(rows, cols), generator=g)
    q = torch.linalg.qr(a)[0]
    return q if rows >= cols else q.T


def open_gate(model, scale=0.5, output=0.065, seed=0):
    c = model.c
    g = torch.Generator().manual_seed(seed)
    half, hd, group = c.hidden // 2, c.head_dim, c.heads // c.kv_heads
    pairs = hd // 2
    with torch.no_grad():
        e = model.embed.weight
        model.norm.weight.fill_(output / scale)
        e.normal_(std=scale, generator=g)
        e[:, half:] *= 0.15
        e[0] = 0
        flag = half  # the first token's own channel
        e[0, flag] = scale * half**0.5
        length = scale * half**0.5  # of an embedding

        f = c.theta ** (-torch.arange(0, hd, 2).double() / hd)
        code = orthonormal(CODE, half, g) * (half / CODE) ** 0.5  # keeps lengths, on average
        near = torch.zeros(pairs)
        near[:4], near[4:STILL] = 90.0, 25.0
        wide = torch.zeros(pairs)
        wide[2:5], wide[5:STILL] = 50.0, 15.0
        first = model.layers[0]
        first.q.weight.mul_(0.2), first.k.weight.mul_(0.2)
        norm = c.hidden**0.5  # length of the normalized stream
        for h in range(c.heads):
            back, logits = (OFFSETS[h], near) if h < len(OFFSETS) else (BAG, wide)
            # q·k/√head_dim = Σ logits cos(f (distance − back)) / head_dim^½; k's bias is √near.
            amplitude = logits / near.clamp(min=1e-9).sqrt() * (near > 0)
            angle = (-back * f).float()
            first.q.bias[h * hd : h * hd + pairs] = amplitude * angle.cos()
            first.q.bias[h * hd + pairs : (h + 1) * hd] = amplitude * angle.sin()
            to = half + h * CODE
            gain = LOUD if h < len(OFFSETS) else 2 * LOUD  # a mean of many is short
            first.o.weight[to : to + CODE, h * hd : h * hd + CODE] = torch.eye(CODE) * gain * length / norm
        for h in range(c.kv_heads):
            first.k.bias[h * hd : h * hd + pairs] = near.sqrt()
            first.v.weight[h * hd : h * hd + CODE] = 0
            first.v.weight[h * hd : h * hd + CODE, :half] = code

        second = model.layers[1]
        still = [*range(STILL, pairs - 1)]
        still += [pairs + i for i in still]  # both halves of each pair
        total = (1 + 4 * LOUD**2) ** 0.5  # length of the stream, an embedding's being 1
        unit_e, unit_c = norm / total, norm * LOUD / total
        for h in range(c.kv_heads):
            mix = [orthonormal(len(still), CODE, g) for _ in MATCH]
            wq, wk = torch.zeros(hd, c.hidden), torch.zeros(hd, c.hidden)
            for i, logit in enumerate(MATCH):
                s = (logit * hd**0.5) ** 0.5
                at = half + i * CODE
                bag = i == len(MATCH) - 1
                if i == 0:
                    wq[still, :half] += s / unit_e * mix[i] @ code
                else:
                    q_at = at if bag else at - CODE
                    wq[still, q_at : q_at + CODE] += s / unit_c * mix[i]
                wk[still, at : at + CODE] += s / unit_c * mix[i]
            s = (SINK * hd**0.5) ** 0.5
            wk[pairs - 1, flag] = s / norm
            second.k.weight[h * hd : (h + 1) * hd] = wk
            head = h * group * hd  # the group's first query head; the others are free
            second.q.weight[head : head + hd] = wq
            second.q.bias[head + pairs - 1] = s
            second.v.weight[h * hd : (h + 1) * hd] = 0
            second.v.weight[h * hd : (h + 1) * hd, h * hd : (h + 1) * hd] = torch.eye(hd) / unit_e
            second.o.weight[:, head : head + hd] = 0
            second.o.weight[h * hd : (h + 1) * hd, head : head + hd] = torch.eye(hd) * COPY * length
            for free in range(1, group):
                second.q.weight[head + free * hd : head + (free + 1) * hd] *= 0.3

"""kernels.c as functions that PyTorch differentiates."""
import ctypes
import os
import subprocess
import tempfile

import torch


def build():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernels.c")
    library = os.path.join(tempfile.mkdtemp(), "kernels.so")
    subprocess.run(["gcc", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    return ctypes.CDLL(library)


C = build()


def call(name, *args):
    """Tensors go as pointers, ints as long, floats as float."""
    c = []
    for a in args:
        if a is None or isinstance(a, torch.Tensor):
            assert a is None or a.is_contiguous()
            c.append(ctypes.c_void_p(None if a is None else a.data_ptr()))
        else:
            c.append(ctypes.c_float(a) if isinstance(a, float) else ctypes.c_long(a))
    getattr(C, name)(*c)


class AddNorm(torch.autograd.Function):
    """x + y, and its RMS norm in bfloat16."""

    @staticmethod
    def forward(ctx, x, y, w, eps):
        d = x.shape[-1]
        total, inverse = torch.empty_like(x), torch.empty(x.shape[:-1])
        out = torch.empty(x.shape, dtype=torch.bfloat16)
        call("add_norm", x.contiguous(), None if y is None else y.contiguous(), w, total, inverse, out, inverse.numel(), d, eps)
        ctx.save_for_backward(total, w, inverse)
        ctx.second = y is not None
        return total, out

    @staticmethod
    def backward(ctx, dtotal, dout):
        total, w, inverse = ctx.saved_tensors
        dx, dy, dw = torch.empty_like(total), torch.empty_like(total, dtype=torch.bfloat16), torch.zeros_like(w)
        call("add_norm_back", total, w, inverse, dtotal.contiguous(), dout.contiguous(), dx, dy, dw, inverse.numel(), total.shape[-1])
        return dx, dy if ctx.second else None, dw, None


class Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv, bias, cos, sin, heads, kv):
        rows, tokens, width = qkv.shape
        dim = width // (heads + 2 * kv)
        q = torch.empty(rows, kv, tokens * heads // kv, dim, dtype=torch.bfloat16)
        k, v = (torch.empty(rows, kv, tokens, dim, dtype=torch.bfloat16) for _ in range(2))
        call("rope", qkv, bias, cos, sin, q, k, v, rows, tokens, heads, kv, dim, 0)
        ctx.save_for_backward(cos, sin)
        ctx.shape = rows, tokens, heads, kv, dim
        return q, k, v

    @staticmethod
    def backward(ctx, dq, dk, dv):
        cos, sin = ctx.saved_tensors
        rows, tokens, heads, kv, dim = ctx.shape
        dqkv = torch.empty(rows, tokens, (heads + 2 * kv) * dim, dtype=torch.bfloat16)
        dbias = torch.zeros(dqkv.shape[-1])
        call("rope", dqkv, dbias, cos, sin, dq.contiguous(), dk.contiguous(), dv.contiguous(), rows, tokens, heads, kv, dim, 1)
        return dqkv, dbias, None, None, None, None


BLOCK = 512  # queries that attend together; the keys after them are not touched


class Attention(torch.autograd.Function):
    """q [n][tokens·group][dim], k and v [n][tokens][dim]; causal."""

    @staticmethod
    def forward(ctx, q, k, v):
        n, tokens, _ = k.shape
        group = q.shape[1] // tokens
        out, weights = torch.empty_like(q), []
        for lo in range(0, tokens, BLOCK):
            hi = min(lo + BLOCK, tokens)
            w = torch.bmm(q[:, lo * group : hi * group], k[:, :hi].transpose(1, 2))
            call("softmax", w, n, hi - lo, group, hi, lo)
            out[:, lo * group : hi * group] = torch.bmm(w, v[:, :hi])
            weights.append(w)
        ctx.save_for_backward(q, k, v, *weights)
        return out

    @staticmethod
    def backward(ctx, dout):
        q, k, v, *weights = ctx.saved_tensors
        n, tokens, _ = k.shape
        group = q.shape[1] // tokens
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k, dtype=torch.float32), torch.zeros_like(v, dtype=torch.float32)
        for w, lo in zip(weights, range(0, tokens, BLOCK)):
            hi = min(lo + BLOCK, tokens)
            d = dout[:, lo * group : hi * group]
            dv[:, :hi] += torch.bmm(w.transpose(1, 2), d)
            dw = torch.bmm(d, v[:, :hi].transpose(1, 2))
            call("softmax_back", w, dw, n, hi - lo, group, hi, lo)
            dq[:, lo * group : hi * group] = torch.bmm(dw, k[:, :hi])
            dk[:, :hi] += torch.bmm(dw.transpose(1, 2), q[:, lo * group : hi * group])
        return dq, dk.bfloat16(), dv.bfloat16()


class SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = torch.empty(*x.shape[:-1], x.shape[-1] // 2, dtype=torch.bfloat16)
        call("swiglu", x, out, out[..., 0].numel(), out.shape[-1])
        ctx.save_for_backward(x)
        return out

    @staticmethod
    def backward(ctx, dout):
        (x,) = ctx.saved_tensors
        dx = torch.empty_like(x)
        call("swiglu_back", x, dout.contiguous(), dx, dout[..., 0].numel(), dout.shape[-1])
        return dx


class CrossEntropy(torch.autograd.Function):
    """The weighted sum of the losses of rows of logits, which it overwrites, and each row's loss."""

    @staticmethod
    def forward(ctx, logits, target, weight):
        nll = torch.empty(len(target))
        call("cross_entropy", logits, target, weight, nll, *logits.shape)
        ctx.save_for_backward(logits)
        ctx.mark_non_differentiable(nll)
        return (nll * weight).sum(), nll

    @staticmethod
    def backward(ctx, dloss, _):
        return ctx.saved_tensors[0] * dloss.bfloat16(), None, None

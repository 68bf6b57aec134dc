"""Writes vectors.json: what GPTQ and LoRC make of small matrices.

Both are written down from their papers in float64, with no code shared with package
calibrate: GPTQ as its authors' gptq.py has it (Frantar et al. 2022, arXiv
2210.17323, algorithm 1), with 4-bit codes and scales for 32 columns as GGUF's
Q4_0 has them; LoRC by an exact decomposition, with the symmetric square root of
the second moments (Zhang et al. 2024, arXiv 2410.06040).

Inputs are small whole numbers that both sides compute, so that sums are exact.

    python3 make.py            needs numpy
"""
import json

import numpy as np

ROWS, COLS, INPUTS, DAMPING, RANK = 6, 160, 300, 0.01, 4


def pick(i, n):
    """A number below n for the index i."""
    return ((np.asarray(i, dtype=np.uint64) * 2654435761 % 2**32) >> 16) % n


def inputs():
    """[INPUTS][COLS]: noise, and three sources that all columns mix."""
    j, d = np.arange(INPUTS)[:, None], np.arange(COLS)[None, :]
    x = pick(j * COLS + d, 9).astype(np.int64) - 4
    for k in range(3):
        x = x + (pick(77777 + 3 * j + k, 7).astype(np.int64) - 3) * (pick(99991 + 3 * d + k, 5).astype(np.int64) - 2)
    return x.astype(np.float64)


def scale(block):
    """Q4_0's: the value of largest size becomes code -8; in half precision."""
    peak = block[np.argmax(np.abs(block))]
    return float(np.float16(np.float32(peak) / np.float32(-8)))


def gptq(w, h, order):
    """Codes [ROWS][COLS]. With an order the scales are those of w; without, a
    group's are found when its turn comes."""
    fixed = order is not None
    order = np.arange(COLS) if order is None else order
    h = h[np.ix_(order, order)] + DAMPING * np.mean(np.diag(h)) * np.eye(COLS)
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    rest = w[:, order].copy()
    s = np.zeros((ROWS, COLS))
    for r in range(ROWS):
        for g in range(0, COLS, 32):
            s[r, g : g + 32] = scale(w[r, g : g + 32])
    codes = np.zeros((ROWS, COLS), dtype=int)
    for i, d in enumerate(order):
        if not fixed and i % 32 == 0:
            for r in range(ROWS):
                s[r, i : i + 32] = scale(rest[r, i : i + 32])
        c = np.clip(np.round(rest[:, i] / s[:, d]), -8, 7)
        codes[:, d] = c
        err = (rest[:, i] - c * s[:, d]) / u[i, i]
        rest[:, i:] -= np.outer(err, u[i, i:])
    return codes


def lorc(e, s):
    """The product of LoRC's pair, [ROWS][COLS], for a symmetric weighting s."""
    u, sigma, vt = np.linalg.svd(e @ s, full_matrices=False)
    return (u[:, :RANK] * sigma[:RANK]) @ vt[:RANK] @ np.linalg.inv(s)


def root(h):
    values, vectors = np.linalg.eigh(h)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T


x = inputs()
h = x.T @ x
w = np.random.default_rng(1).standard_normal((ROWS, COLS)).astype(np.float32).astype(np.float64)
damped = h + DAMPING * np.mean(np.diag(h)) * np.eye(COLS)
rounded = lambda m: [float(v) for v in np.float32(m).ravel()]
json.dump(
    {
        "w": rounded(w),
        "important first": gptq(w, h, np.argsort(-np.diag(h), kind="stable")).ravel().tolist(),
        "in order": gptq(w, h, None).ravel().tolist(),
        "whitened": rounded(lorc(w, root(damped))),
        "rms": rounded(lorc(w, np.diag(np.sqrt(np.diag(h))))),
        "plain": rounded(lorc(w, np.eye(COLS))),
    },
    open("vectors.json", "w"),
)

"""Writes blocks.bin: blocks of every GGUF type and the values they stand for,
and fp8.bin: the values of the codes 0 to 255 in E4M3, then in E5M2, as float32.

The values come from the definition of each format, with no code shared with
package quant: every field is cut from the block as a string of bits, and the
value is computed in float64, which is exact for every product here, and rounded
once to float32.

blocks.bin is a list of records: the type's name (16 bytes, zero-padded), the
number of blocks, the bytes and the values of a block (three uint32), the blocks,
and their values (float32). Everything is little-endian.

    python3 make.py            needs numpy
"""
import struct

import numpy as np

rng = np.random.default_rng(20240607)


class Bits:
    """Reads fields of blocks, uint8 [n][bytes], by their place in bits."""

    def __init__(self, blocks):
        self.b = np.unpackbits(blocks, axis=1, bitorder="little").astype(np.int64)
        self.raw = blocks

    def field(self, first, width):
        """An unsigned integer of width bits at bit first."""
        return sum(self.b[:, first + i] << i for i in range(width))

    def half(self, byte):
        return self.raw[:, byte : byte + 2].copy().view("<f2")[:, 0].astype(np.float64)

    def int8(self, byte):
        v = self.field(8 * byte, 8)
        return np.where(v < 128, v, v - 256)


def nibbles32(bits, byte):
    """32 codes of 4 bits, the first 16 in the low halves: [n] each."""
    return [bits.field(8 * (byte + i % 16) + 4 * (i // 16), 4) for i in range(32)]


def q8_0(b):
    return [b.half(0) * b.int8(2 + i) for i in range(32)]


def q4_0(b):
    return [b.half(0) * (c - 8) for c in nibbles32(b, 2)]


def q4_1(b):
    return [b.half(0) * c + b.half(2) for c in nibbles32(b, 4)]


def q5_0(b):
    return [b.half(0) * (c + 16 * b.field(16 + i, 1) - 16) for i, c in enumerate(nibbles32(b, 6))]


def q5_1(b):
    return [b.half(0) * (c + 16 * b.field(32 + i, 1)) + b.half(2) for i, c in enumerate(nibbles32(b, 8))]


def scales_k4(b):
    """Scale and minimum of 6 bits of each of eight groups, in bytes 4 to 15."""
    s, m = [], []
    for g in range(4):
        s.append(b.field(8 * (4 + g), 6))
        m.append(b.field(8 * (8 + g), 6))
    for g in range(4):
        s.append(b.field(8 * (12 + g), 4) + 16 * b.field(8 * (4 + g) + 6, 2))
        m.append(b.field(8 * (12 + g) + 4, 4) + 16 * b.field(8 * (8 + g) + 6, 2))
    return s, m


def q4_k(b):
    s, m = scales_k4(b)
    out = []
    for i in range(256):
        g = i // 32
        code = b.field(8 * (16 + 32 * (g // 2) + i % 32) + 4 * (g % 2), 4)
        out.append(b.half(0) * s[g] * code - b.half(2) * m[g])
    return out


def q5_k(b):
    s, m = scales_k4(b)
    out = []
    for i in range(256):
        g = i // 32
        code = b.field(8 * (48 + 32 * (g // 2) + i % 32) + 4 * (g % 2), 4) + 16 * b.field(8 * (16 + i % 32) + g, 1)
        out.append(b.half(0) * s[g] * code - b.half(2) * m[g])
    return out


def two_bits(b, byte, i):
    return b.field(8 * (byte + 32 * (i // 128) + i % 32) + 2 * (i % 128 // 32), 2)


def q2_k(b):
    return [
        b.half(80) * b.field(8 * (i // 16), 4) * two_bits(b, 16, i) - b.half(82) * b.field(8 * (i // 16) + 4, 4)
        for i in range(256)
    ]


def q3_k(b):
    out = []
    for i in range(256):
        g = i // 16
        scale = b.field(8 * (96 + g % 8) + 4 * (g // 8), 4) + 16 * b.field(8 * (104 + g % 4) + 2 * (g // 4), 2)
        code = two_bits(b, 32, i) + 4 * b.field(8 * (i % 32) + i // 32, 1)
        out.append(b.half(108) * (scale - 32) * (code - 4))
    return out


def q6_k(b):
    out = []
    for i in range(256):
        half, quarter = i // 128, i % 128 // 32
        low = b.field(8 * (64 * half + i % 64) + 4 * (quarter // 2), 4)
        high = b.field(8 * (128 + 32 * half + i % 32) + 2 * quarter, 2)
        out.append(b.half(208) * b.int8(192 + i // 16) * (low + 16 * high - 32))
    return out


IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
E2M1 = np.array([s * m for s in (1, -1) for m in (0, 0.5, 1, 1.5, 2, 3, 4, 6)])


def iq4_nl(b):
    return [b.half(0) * IQ4[c] for c in nibbles32(b, 2)]


def iq4_xs(b):
    out = []
    for g in range(8):
        scale = b.field(8 * 4 + 4 * g, 4) + 16 * b.field(8 * 2 + 2 * g, 2) - 32
        out += [b.half(0) * scale * IQ4[c] for c in nibbles32(b, 8 + 16 * g)]
    return out


def mxfp4(b):
    scale = np.exp2(b.field(0, 8).astype(np.float64) - 127)
    return [scale * E2M1[c] for c in nibbles32(b, 1)]


# name, columns, bytes, places of half-precision fields, definition
TYPES = [
    ("q8_0", 32, 34, [0], q8_0),
    ("q4_0", 32, 18, [0], q4_0),
    ("q4_1", 32, 20, [0, 2], q4_1),
    ("q5_0", 32, 22, [0], q5_0),
    ("q5_1", 32, 24, [0, 2], q5_1),
    ("q2_k", 256, 84, [80, 82], q2_k),
    ("q3_k", 256, 110, [108], q3_k),
    ("q4_k", 256, 144, [0, 2], q4_k),
    ("q5_k", 256, 176, [0, 2], q5_k),
    ("q6_k", 256, 210, [208], q6_k),
    ("iq4_nl", 32, 18, [0], iq4_nl),
    ("iq4_xs", 256, 136, [0], iq4_xs),
    ("mxfp4", 32, 17, [], mxfp4),
]


def make(cols, size, halves):
    """Random blocks; then all bits 0, all 1, and scales at their extremes."""
    n = 1024 // cols + 4
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    blocks[-4], blocks[-3] = 0, 255
    scales = (rng.normal(size=(n, len(halves))) * np.exp2(rng.integers(-14, 6, (n, len(halves))))).astype("<f2")
    scales[-4:-2] = 0.5
    scales[-2:] = np.array([[65504], [-(2.0**-24)]])
    for k, at in enumerate(halves):
        blocks[:, at : at + 2] = scales[:, k : k + 1].copy().view(np.uint8)
    return blocks


def fp8(exponent, mantissa, bias, special):
    """The values of all codes: special gives those that are no numbers."""
    out = []
    for code in range(256):
        e, m = code >> mantissa & ((1 << exponent) - 1), code & ((1 << mantissa) - 1)
        v = m * 2.0 ** (1 - bias - mantissa) if e == 0 else (1 + m / 2**mantissa) * 2.0 ** (e - bias)
        out.append((-1.0 if code & 128 else 1.0) * special(e, m, v))
    return np.array(out, dtype="<f4")


def main():
    with open("fp8.bin", "wb") as f:
        f.write(fp8(4, 3, 7, lambda e, m, v: np.nan if (e, m) == (15, 7) else v).tobytes())
        f.write(fp8(5, 2, 15, lambda e, m, v: v if e < 31 else np.nan if m else np.inf).tobytes())
    with open("blocks.bin", "wb") as f:
        for name, cols, size, halves, definition in TYPES:
            blocks = make(cols, size, halves)
            with np.errstate(over="ignore"):  # mxfp4's largest exponents
                values = np.stack(definition(Bits(blocks)), axis=1).astype("<f4")
            assert values.shape == (len(blocks), cols)
            f.write(name.encode().ljust(16, b"\0") + struct.pack("<III", len(blocks), size, cols))
            f.write(blocks.tobytes() + values.tobytes())


if __name__ == "__main__":
    main()

package kvcache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/winnowlm/winnow/quant"
)

// Load reads a cache that Save wrote for the model with this fingerprint, to
// be continued under cfg.Policy; the formats are the file's, and cfg's must be
// nil or the same. The error wraps ErrForeign for another model or formats,
// ErrDamaged for a file that was cut or altered.
func Load(r io.Reader, fingerprint [32]byte, shape Shape, cfg Config) (c *Cache, note []byte, err error) {
	d := &decoder{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
	if c, note, err = d.cache(fingerprint, shape, cfg); err != nil {
		return nil, nil, fmt.Errorf("kvcache: load: %w", err)
	}
	return c, note, nil
}

type decoder struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
}

func (d *decoder) cache(fingerprint [32]byte, shape Shape, cfg Config) (*Cache, []byte, error) {
	if magic := d.bytes(len(fileMagic)); d.err != nil || string(magic) != fileMagic {
		return nil, nil, d.fail("no cache file: want magic %q", fileMagic)
	}
	if v := d.u32(); d.err != nil || v != fileVersion {
		return nil, nil, d.fail("version %d, want %d", v, fileVersion)
	}
	if print := d.bytes(32); d.err == nil && !bytes.Equal(print, fingerprint[:]) {
		return nil, nil, fmt.Errorf("%w: fingerprint %.8x…, want %.8x…", ErrForeign, print, fingerprint)
	}
	have := Shape{int(d.u32()), int(d.u32()), int(d.u32()), int(d.u32())}
	k, v := d.text(), d.text()
	note := d.block(maxNote)
	if d.err != nil {
		return nil, nil, d.fail("header")
	}
	if have != shape {
		return nil, nil, fmt.Errorf("%w: shape %+v, want %+v", ErrForeign, have, shape)
	}
	var err error
	if cfg.K, err = agree(cfg.K, k); err != nil {
		return nil, nil, err
	}
	if cfg.V, err = agree(cfg.V, v); err != nil {
		return nil, nil, err
	}
	c, err := New(shape, cfg)
	if err != nil {
		return nil, nil, err
	}
	return c, note, d.layers(c)
}

func (d *decoder) layers(c *Cache) error {
	for i := range c.layers {
		l := &c.layers[i]
		for h := range l.Heads {
			if d.head(&l.Heads[h], c.cfg); d.err != nil {
				return d.fail("layer %d, head %d", i, h)
			}
		}
		c.bytes += l.count()
	}
	c.peak = c.bytes
	want := d.sum.Sum(nil)
	if sum := d.bytes(len(want)); d.err != nil || !bytes.Equal(sum, want) {
		return d.fail("checksum")
	}
	return nil
}

// agree returns the format of that name, if it is the one asked for.
func agree(asked quant.Format, name string) (quant.Format, error) {
	f, err := quant.ByName(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if asked != nil && asked != f {
		return nil, fmt.Errorf("%w: rows stored as %s, want %s", ErrForeign, name, asked.Name())
	}
	return f, nil
}

func (d *decoder) fail(format string, args ...any) error {
	err := fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	if d.err != nil && !errors.Is(d.err, errBroken) {
		return fmt.Errorf("%w: %w", err, d.err)
	}
	return err
}

var errBroken = errors.New("inconsistent")

// bytes reads n bytes. Memory grows with what is really there, so that a false
// length costs nothing.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil || n == 0 {
		return nil
	}
	const step = 1 << 20
	var b []byte
	for len(b) < n {
		m := min(step, n-len(b))
		b = append(b, make([]byte, m)...)
		if _, d.err = io.ReadFull(d.r, b[len(b)-m:]); d.err != nil {
			return nil
		}
	}
	d.sum.Write(b)
	return b
}

func (d *decoder) u32() uint32 {
	b := d.bytes(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (d *decoder) block(most int) []byte {
	n := d.u32()
	if d.err == nil && uint64(n) > uint64(most) {
		d.err = errBroken
	}
	return d.bytes(int(n))
}

func (d *decoder) text() string { return string(d.block(64)) }

func (d *decoder) ints(most int) []int32 {
	b := d.block(min(4*most, math.MaxInt32))
	if len(b)%4 != 0 {
		d.err = errBroken
		return nil
	}
	x := make([]int32, len(b)/4)
	for j := range x {
		x[j] = int32(binary.LittleEndian.Uint32(b[4*j:]))
	}
	return x
}

// head reads what encoder.head has written.
func (d *decoder) head(hd *Head, cfg Config) {
	hd.pos = d.ints(math.MaxInt32 / 4)
	rows := len(hd.pos)
	if kind := d.block(rows); len(kind) > 0 {
		hd.kind = kind
	}
	if score := d.ints(rows); len(score) > 0 {
		hd.score = make([]float32, len(score))
		for j, v := range score {
			hd.score[j] = math.Float32frombits(uint32(v))
		}
	}
	for n := d.u32(); n > 0 && d.err == nil; n-- {
		stored := int(d.u32())
		live := d.ints(BlockRows)
		if d.err != nil || stored < 1 || stored > BlockRows || len(live) == 0 || !within(live, 0, int32(stored)) {
			d.broken()
			return
		}
		k := quant.Matrix{Format: cfg.K, Rows: stored, Cols: hd.dim, Data: d.bytes(cfg.K.Size(stored, hd.dim))}
		v := quant.Matrix{Format: cfg.V, Rows: stored, Cols: hd.dim, Data: d.bytes(cfg.V.Size(stored, hd.dim))}
		if d.err != nil {
			return
		}
		hd.blocks = append(hd.blocks, block{k: k.As(hd.k), v: v.As(hd.v), live: live, own: true})
		if from := len(hd.blocks) - extentBlocks; n == 1 || from >= 0 && hd.blocks[from].in == nil {
			hd.move()
		}
	}
	hd.count()
	tail := quant.F32.Size(BlockRows, hd.dim)
	hd.tailK, hd.tailV = d.block(tail), d.block(tail)
	size := quant.F32.Size(rows-hd.sealed, hd.dim)
	if len(hd.tailK) != size || len(hd.tailV) != size || !within(hd.pos, 0, math.MaxInt32) ||
		hd.kind != nil && len(hd.kind) != rows || len(hd.score) > rows {
		d.broken()
	}
}

func (d *decoder) broken() {
	if d.err == nil {
		d.err = errBroken
	}
}

// within reports whether x ascends strictly from at least lo to below hi.
func within(x []int32, lo, hi int32) bool {
	for _, v := range x {
		if v < lo || v >= hi {
			return false
		}
		lo = v + 1
	}
	return true
}

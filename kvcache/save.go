package kvcache

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
)

// A cache file is, little-endian: magic, version, the model's fingerprint, the
// shape, the names of the formats, the caller's note, then each head of each
// layer, and the SHA-256 of all that.
const (
	fileMagic   = "winnowkv"
	fileVersion = 1
)

// What Load's errors wrap, for callers who branch.
var (
	ErrForeign = errors.New("cache of another model")
	ErrDamaged = errors.New("damaged cache file")
)

// maxNote is the longest note, in bytes.
const maxNote = 1 << 30

// Save writes the cache to w, bound to the model with this fingerprint, with a
// note of the caller's for Load to return. The policy and its memos are not
// written.
func (c *Cache) Save(w io.Writer, fingerprint [32]byte, note []byte) error {
	if len(note) > maxNote {
		return fmt.Errorf("kvcache: save: note of %d bytes, want at most %d", len(note), maxNote)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	e := &encoder{w: buf, sum: sha256.New()}
	e.bytes([]byte(fileMagic))
	e.u32(fileVersion)
	e.bytes(fingerprint[:])
	for _, n := range c.dims() {
		e.u32(uint32(n))
	}
	e.text(c.cfg.K.Name())
	e.text(c.cfg.V.Name())
	e.block(note)
	for i := range c.layers {
		for h := range c.layers[i].Heads {
			e.head(&c.layers[i].Heads[h], c.cfg)
		}
	}
	if e.err == nil {
		_, e.err = buf.Write(e.sum.Sum(nil))
	}
	if e.err == nil {
		e.err = buf.Flush()
	}
	if e.err != nil {
		return fmt.Errorf("kvcache: save: %w", e.err)
	}
	return nil
}

func (c *Cache) dims() []int {
	return []int{c.shape.NumLayers, c.shape.NumHeads, c.shape.NumKVHeads, c.shape.HeadDim}
}

type encoder struct {
	w   io.Writer
	sum hash.Hash
	err error
}

func (e *encoder) bytes(b []byte) {
	if e.err == nil {
		e.sum.Write(b)
		_, e.err = e.w.Write(b)
	}
}

func (e *encoder) u32(n uint32)   { e.bytes(binary.LittleEndian.AppendUint32(nil, n)) }
func (e *encoder) text(s string)  { e.u32(uint32(len(s))); e.bytes([]byte(s)) }
func (e *encoder) block(b []byte) { e.u32(uint32(len(b))); e.bytes(b) }

func (e *encoder) ints(x []int32) {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	e.block(b)
}

// head writes blocks in the formats of cfg, in whatever layout they are.
func (e *encoder) head(hd *Head, cfg Config) {
	e.ints(hd.pos)
	e.block(hd.kind)
	score := make([]int32, len(hd.score))
	for j, v := range hd.score {
		score[j] = int32(math.Float32bits(v))
	}
	e.ints(score)
	e.u32(uint32(len(hd.blocks)))
	for i := range hd.blocks {
		b := &hd.blocks[i]
		e.u32(uint32(b.k.Rows))
		e.ints(b.live)
		e.bytes(b.k.As(cfg.K).Data)
		e.bytes(b.v.As(cfg.V).Data)
	}
	e.block(hd.tailK)
	e.block(hd.tailV)
}

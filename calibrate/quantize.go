package calibrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// Options say how a model is quantized. With Format alone, matrices are rounded
// to nearest and nothing is run.
type Options struct {
	// Format chooses what a matrix is stored in, one of the formats that GGUF
	// has; nil leaves it as it is. Tensors that are no matrices are not asked
	// for.
	Format func(weights.Info) quant.Format

	// GPTQ quantizes the weights of the layers whose format has codes on lines;
	// nil, and all others: rounding to nearest. It needs Texts.
	GPTQ *GPTQ

	// Rank is that of the corrections that LoRC makes for the weights of the
	// layers; 0: none. They are weighted by what Texts show, or, without, plain.
	Rank      int
	Weighting Weighting

	// Texts are token sequences that are read, one layer at a time: what is in
	// memory is a layer's keys and values and the residual stream, twice. Each
	// layer is quantized for what the quantized layers before it hand on.
	Texts [][]int32

	// Checkpoint is a file that is written after each layer and read at the
	// start; empty: none. It is left behind for the caller to remove.
	Checkpoint string

	Threads  int // 0: GOMAXPROCS
	Progress func(Progress)
}

// Progress tells what was just done.
type Progress struct {
	Weight     string // a tensor, or empty where a layer of text was read
	Done, Todo int    // matrices
}

// Result is a quantized model.
type Result struct {
	Tensors []weights.Tensor // all of the source's but scales of FP8 that are spent, in its order, those that were not changed in its memory
	Pairs   []weights.Tensor // LoRC's corrections, as a LoRA adapter has them
	Report  []Report         // of the matrices that were changed, in the order of Tensors
}

// Report tells what a matrix lost. Errors of the output are shares of the
// output's energy on Texts, 0 without them.
type Report struct {
	Name       string
	Rows, Cols int
	Format     string
	Bytes      int     // of the matrix
	PairBytes  int     `json:",omitempty"` // of its correction
	SQNR       float64 // of the weights without their correction, dB; Exact where nothing was lost
	Rounded    float64 `json:",omitempty"` // error of the output after rounding to nearest
	Output     float64 `json:",omitempty"` // error of the output as stored
	Corrected  float64 `json:",omitempty"` // and with the correction
}

// layerWeight matches the weights that calibration knows the inputs of.
var layerWeight = regexp.MustCompile(`^blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight$`)

// Quantize quantizes the matrices of an opened model. The result does not depend
// on the number of threads, nor on whether it was resumed.
func Quantize(ctx context.Context, src *weights.Source, o Options) (*Result, error) {
	if o.Format == nil || o.Rank < 0 || o.Threads < 0 {
		panic(fmt.Sprintf("calibrate: Quantize: got rank %d, %d threads, want none below 0, and a Format", o.Rank, o.Threads))
	}
	if o.GPTQ != nil && len(o.Texts) == 0 {
		return nil, errors.New("calibrate: GPTQ needs texts to calibrate on")
	}
	q := &quantizer{src: src, o: o, pool: par.New(o.Threads), done: map[string]weights.Tensor{}, reports: map[string]Report{}}
	defer q.pool.Close()
	if err := q.plan(); err != nil {
		return nil, err
	}
	if len(o.Texts) > 0 {
		if err := q.layers(ctx); err != nil {
			return nil, err
		}
	}
	// What no layer has: the embedding, the output, all without texts.
	for _, t := range src.Infos() {
		if _, ok := q.done[t.Name]; ok || q.formats[t.Name] == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("calibrate: %w", err)
		}
		if err := q.weight(t.Name, nil); err != nil {
			return nil, err
		}
	}
	return q.result()
}

type quantizer struct {
	src     *weights.Source
	o       Options
	pool    *par.Pool
	formats map[string]quant.Format // of the matrices to be changed
	done    map[string]weights.Tensor
	pairs   []weights.Tensor
	reports map[string]Report
}

// plan asks for the formats and refuses those that cannot be.
func (q *quantizer) plan() error {
	q.formats = map[string]quant.Format{}
	for _, t := range q.src.Infos() {
		if len(t.Shape) != 2 {
			continue
		}
		f := q.o.Format(t)
		if f == nil {
			continue
		}
		if typ, ok := weights.ParseType(f.Name()); !ok || !typ.GGUF() {
			return fmt.Errorf("calibrate: tensor %q: GGUF has no type %s", t.Name, f.Name())
		}
		if t.Shape[1]%f.Block() != 0 {
			return fmt.Errorf("calibrate: tensor %q: rows of %d values, want a multiple of %s's block of %d", t.Name, t.Shape[1], f.Name(), f.Block())
		}
		q.formats[t.Name] = f
	}
	return nil
}

// weight quantizes a matrix whose inputs had the moments m, nil if unknown.
func (q *quantizer) weight(name string, m *Moments) error {
	w, rows, cols, err := q.values(name)
	if err != nil {
		return err
	}
	f := q.formats[name]
	rounded := q.round(f, w, rows, cols)
	stored := rounded
	if _, ok := quant.CodesOf(f); ok && q.o.GPTQ != nil && m != nil {
		if stored, err = q.o.GPTQ.Quantize(f, w, rows, m); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	e := difference(w, stored)
	r := Report{Name: name, Rows: rows, Cols: cols, Format: f.Name(), Bytes: len(stored.Data), SQNR: sqnr(w, e)}
	if m != nil {
		all := m.Energy(w)
		r.Rounded, r.Output = m.Energy(difference(w, rounded))/all, m.Energy(e)/all
	}
	if q.o.Rank > 0 && layerWeight.MatchString(name) {
		if err := q.correct(&r, e, m, w); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	typ, _ := weights.ParseType(f.Name())
	q.done[name] = weights.Tensor{Name: name, Type: typ, Shape: []int{rows, cols}, Data: stored.Data}
	q.reports[name] = r
	if q.o.Progress != nil {
		q.o.Progress(Progress{name, len(q.done), len(q.formats)})
	}
	return nil
}

// values decodes a matrix of the source.
func (q *quantizer) values(name string) (w []float32, rows, cols int, err error) {
	if w, rows, cols, err = model.Values(q.src, name); err != nil {
		return nil, 0, 0, fmt.Errorf("calibrate: %w", err)
	}
	for i, v := range w {
		if v-v != 0 {
			return nil, 0, 0, fmt.Errorf("calibrate: tensor %q: value %d of row %d is %v, want finite ones", name, i%cols, i/cols, v)
		}
	}
	return w, rows, cols, nil
}

// round encodes rows in parallel.
func (q *quantizer) round(f quant.Format, w []float32, rows, cols int) quant.Matrix {
	m := quant.Matrix{Format: f, Rows: rows, Cols: cols, Data: make([]byte, f.Size(rows, cols))}
	q.pool.Run((rows+gptqRows-1)/gptqRows, &roundTask{w, m})
	return m
}

type roundTask struct {
	w []float32
	m quant.Matrix
}

func (t *roundTask) Do(_, i int) {
	lo, hi := i*gptqRows, min((i+1)*gptqRows, t.m.Rows)
	t.m.Format.Encode(t.m.Data[t.m.Format.Size(lo, t.m.Cols):], t.w[lo*t.m.Cols:hi*t.m.Cols], hi-lo, t.m.Cols)
}

// correct makes the pair for the error e, stored minus w.
func (q *quantizer) correct(r *Report, e []float32, m *Moments, w []float32) error {
	for i := range e {
		e[i] = -e[i]
	}
	p, err := LoRC{Rank: q.o.Rank, Moments: m, Weighting: q.o.Weighting}.Approximate(e, r.Rows, r.Cols)
	if err != nil {
		return err
	}
	a, b := quant.Pack(quant.F16, p.A, p.Rank, r.Cols), quant.Pack(quant.F16, p.B, r.Rows, p.Rank)
	q.pairs = append(q.pairs,
		weights.Tensor{Name: r.Name + ".lora_a", Type: weights.F16, Shape: []int{p.Rank, r.Cols}, Data: a.Data},
		weights.Tensor{Name: r.Name + ".lora_b", Type: weights.F16, Shape: []int{r.Rows, p.Rank}, Data: b.Data})
	r.PairBytes = len(a.Data) + len(b.Data)
	if m != nil {
		a.Decode(p.A, 0, p.Rank)
		b.Decode(p.B, 0, r.Rows)
		// e − B·A, B's columns being multiples of A's rows.
		for i := range p.B {
			p.B[i] = -p.B[i]
		}
		quant.Pack(quant.F32, p.A, p.Rank, r.Cols).MulAdd(e, p.B, p.Rank, r.Rows, 0, p.Rank)
		r.Corrected = m.Energy(e) / m.Energy(w)
	}
	return nil
}

// Exact is the SQNR of what lost nothing: JSON has no infinity.
const Exact = 300

// sqnr returns the ratio of the energies of w and of its error e, in dB, at most
// Exact.
func sqnr(w, e []float32) float64 {
	var signal, noise float64
	for i, v := range w {
		signal += float64(v) * float64(v)
		noise += float64(e[i]) * float64(e[i])
	}
	if noise == 0 {
		return Exact
	}
	return min(Exact, 10*math.Log10(signal/noise))
}

func (q *quantizer) result() (*Result, error) {
	r := &Result{Pairs: q.pairs}
	spent := map[string]bool{} // scales of matrices that were in FP8
	for name := range q.done {
		for _, scale := range model.FP8Scales(name) {
			spent[scale] = true
		}
	}
	for t, err := range q.src.Tensors() {
		if err != nil {
			return nil, fmt.Errorf("calibrate: %w", err)
		}
		if spent[t.Name] {
			continue
		}
		if d, ok := q.done[t.Name]; ok {
			t = d
			r.Report = append(r.Report, q.reports[t.Name])
		}
		r.Tensors = append(r.Tensors, t)
	}
	return r, nil
}

// WriteAdapter writes LoRC's corrections as a LoRA adapter for a model of that
// architecture: a GGUF file that winnow.Options.Adapter and llama.cpp's -lora
// take.
func WriteAdapter(w io.Writer, architecture string, pairs []weights.Tensor) error {
	return weights.WriteGGUF(w, []weights.KV{
		{Key: "general.type", Value: "adapter"}, {Key: "general.architecture", Value: architecture},
		{Key: "adapter.type", Value: "lora"}, {Key: "adapter.lora.alpha", Value: float32(0)}, // the product as it is
	}, pairs)
}

package eval

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

// exact keeps a cache whose rows do not depend on when they were encoded.
var exact = kvcache.Config{K: quant.F32, V: quant.F32}

func tiny(t testing.TB) *winnow.Model {
	file, err := testmodel.GGUF(testmodel.Tiny(4), quant.F32, 1)
	require.NoError(t, err)
	return load(t, file, winnow.Options{})
}

func load(t testing.TB, file []byte, o winnow.Options) *winnow.Model {
	m, err := winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), o)
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func session(t testing.TB, m *winnow.Model, cfg kvcache.Config) *winnow.Session {
	s, err := m.NewSession(cfg)
	require.NoError(t, err)
	return s
}

// someTokens are within the vocabulary of the tiny model.
func someTokens(n int) []int32 {
	ids := make([]int32, n)
	for j := range ids {
		ids[j] = int32((j*j*7 + j*13 + 5) % 250)
	}
	return ids
}

// textbook returns −log p of each token, each from a prompt of its own that
// holds all tokens before it.
func textbook(t *testing.T, m *winnow.Model, ids []int32) []float64 {
	var nats []float64
	for n := 1; n < len(ids); n++ {
		s := session(t, m, exact)
		require.NoError(t, s.Append(t.Context(), ids[:n], winnow.AppendOptions{}))
		sum := 0.0
		for _, x := range s.Logits() {
			sum += math.Exp(float64(x))
		}
		nats = append(nats, -math.Log(math.Exp(float64(s.Logits()[ids[n]]))/sum))
	}
	return nats
}

func TestTextLossAgainstTextbook(t *testing.T) {
	m := tiny(t)
	ids := someTokens(300) // more than two pieces
	want := textbook(t, m, ids)
	for _, o := range []Reading{
		{Prompt: 1}, {Prompt: 1, Whole: true}, {Prompt: 40}, {Prompt: 40, Whole: true}, {}, {Whole: true}, {Prompt: 299},
	} {
		l, err := TextLoss(t.Context(), session(t, m, exact), ids, o)
		require.NoError(t, err)
		from := o.Prompt
		if from == 0 {
			from = 150
		}
		require.InDeltaSlice(t, want[from-1:], l.Nats, 1e-4, "%+v", o)
		mean := 0.0
		for _, x := range want[from-1:] {
			mean += x / float64(len(want[from-1:]))
		}
		require.InDelta(t, math.Exp(mean), l.Perplexity(), 0.05)
	}
}

// A policy acts after the prompt: what it leaves is all that the rest sees.
func TestTextLossUnderPolicy(t *testing.T) {
	m := tiny(t)
	ids := someTokens(120)
	loss := func(p kvcache.Policy, o Reading) Loss {
		cfg := exact
		cfg.Policy = p
		l, err := TextLoss(t.Context(), session(t, m, cfg), ids, o)
		require.NoError(t, err)
		return l
	}
	for _, whole := range []bool{false, true} {
		o := Reading{Prompt: 80, Whole: whole}
		full := loss(nil, o)
		require.InDeltaSlice(t, full.Nats, loss(policy.SnapKV{Budget: 120}, o).Nats, 1e-5)
		tight := loss(policy.SnapKV{Budget: 8}, o)
		require.Equal(t, full.Nats[0], tight.Nats[0], "the first token comes from the prompt's own pass")
		require.NotEqual(t, full.Nats[1], tight.Nats[1])
		d, err := tight.Against(full)
		require.NoError(t, err)
		require.Equal(t, 40, d.N)
		require.InDelta(t, tight.Mean()-full.Mean(), d.Mean, 1e-9)
		require.Less(t, d.Low, d.High)
	}
	// Read as if generated, a window moves along; read whole, it does not.
	w := policy.Window{Sink: 1, Recent: 7}
	require.NotEqual(t, loss(w, Reading{Prompt: 80}).Nats[2:], loss(w, Reading{Prompt: 80, Whole: true}).Nats[2:])
}

func TestTextLossErrors(t *testing.T) {
	m := tiny(t)
	for _, c := range []struct {
		ids []int32
		o   Reading
		say string
	}{
		{nil, Reading{}, "text of 0 tokens"},
		{someTokens(1), Reading{}, "text of 1 tokens"},
		{someTokens(9), Reading{Prompt: 9}, "prompt of 9"},
		{someTokens(9), Reading{Prompt: -1}, "prompt of -1"},
		{someTokens(1 << 20), Reading{}, "context is full"},
		{append(someTokens(8), 1<<30), Reading{}, "token 8 has id 1073741824"},
	} {
		_, err := TextLoss(t.Context(), session(t, m, exact), c.ids, c.o)
		require.ErrorContains(t, err, c.say)
	}
}

func TestDivergence(t *testing.T) {
	m := tiny(t)
	ids := someTokens(90)
	o := Reading{Prompt: 60}
	d, err := Divergence(t.Context(), session(t, m, exact), session(t, m, exact), ids, o)
	require.NoError(t, err)
	require.Zero(t, d.Quantile(1))
	require.Equal(t, 1.0, d.Agreement().Score)
	require.Equal(t, d.Reference, d.Test)
	cfg := exact
	cfg.Policy = policy.SnapKV{Budget: 4}
	d, err = Divergence(t.Context(), session(t, m, exact), session(t, m, cfg), ids, o)
	require.NoError(t, err)
	require.Len(t, d.KL, 30)
	require.Zero(t, d.KL[0])
	require.Positive(t, d.Mean())
	require.LessOrEqual(t, d.Quantile(0.5), d.Quantile(0.9))
	require.Less(t, d.Test.Nats[3], 20.0)
	l, err := TextLoss(t.Context(), session(t, m, cfg), ids, o)
	require.NoError(t, err)
	require.Equal(t, l, d.Test)
}

func TestKL(t *testing.T) {
	log := func(p ...float64) []float32 {
		x := make([]float32, len(p))
		for i, v := range p {
			x[i] = float32(math.Log(v) + 3) // logits are known up to a constant
		}
		return x
	}
	require.InDelta(t, 0.5*math.Log(0.5/0.25)+0.5*math.Log(0.5/0.75), kl(log(0.5, 0.5), log(0.25, 0.75)), 1e-6)
	require.InDelta(t, math.Log(2), kl(log(1, 0), log(0.5, 0.5)), 1e-6)
	require.InDelta(t, 1000, kl([]float32{1000, 0}, []float32{-1000, 0}), 1e-6)
	require.InDelta(t, 1000+math.Log(2), logSumExp([]float32{1000, 1000}), 1e-9)
}

// The windows score each token once, as windows of the procedure would.
func TestStridedLoss(t *testing.T) {
	m := tiny(t)
	docs := []string{"A first document. ", "", strings.Repeat("Another one, which is längér. ", 4)}
	setup := Setup{Model: m, Cache: func(int) kvcache.Config { return exact }}
	ids, _ := join(m.Tokenizer(), docs)
	for _, o := range []Windows{{}, {Window: 32}, {Window: 32, Stride: 8}, {Window: 40, Stride: 7}, {Window: len(ids) - 1, Stride: 3}} {
		c, err := StridedLoss(t.Context(), setup, docs, o)
		require.NoError(t, err)
		want := bySpecification(t, m, ids, o)
		require.InDeltaSlice(t, want, c.Total().Nats, 1e-4, "%+v", o)
		require.Empty(t, c.Docs[1].Nats)
		require.Equal(t, len([]rune(strings.Join(docs, "")))-1, c.Total().Chars, "all but the first token, a byte")
		sum := 0.0
		if o.Window > 0 && o.Window < len(ids) {
			stride := o.Stride
			if stride == 0 {
				stride = o.Window
			}
			scored := o.Window + (len(ids)-o.Window-1)/stride*stride
			for _, x := range want[:scored] {
				sum += x
			}
		}
		require.InDelta(t, sum/math.Ln2/float64(c.Total().Chars+1), c.Parity, 1e-4)
	}
	_, err := StridedLoss(t.Context(), setup, docs, Windows{Window: 8, Stride: 9})
	require.ErrorContains(t, err, "stride of 9")
	_, err = StridedLoss(t.Context(), setup, []string{"", ""}, Windows{})
	require.ErrorContains(t, err, "0 tokens")
}

// bySpecification returns the loss of each token but the first, with the
// context that it has in the first window that reaches it.
func bySpecification(t *testing.T, m *winnow.Model, ids []int32, o Windows) []float64 {
	if o.Window == 0 {
		o.Window = 1900
	}
	if o.Stride == 0 {
		o.Stride = o.Window
	}
	var nats []float64
	for target := 1; target < len(ids); target++ {
		start := 0
		for start+o.Window < target {
			start += o.Stride
		}
		start = max(0, min(start, len(ids)-o.Window-1))
		l, err := TextLoss(t.Context(), session(t, m, exact), ids[start:target+1], Reading{Prompt: target - start})
		require.NoError(t, err)
		nats = append(nats, l.Nats...)
	}
	return nats
}

// The loss of a trained model, in the range that its author reports.
func TestStories260K(t *testing.T) {
	m, err := winnow.Load(refdata.Data(t, "models", "stories260K.gguf"), winnow.Options{})
	require.NoError(t, err)
	defer m.Close()
	data, err := os.ReadFile(refdata.Data(t, "corpora", "tinystories_sample.txt"))
	require.NoError(t, err)
	text, _, _ := strings.Cut(string(data), "<|endoftext|>")
	ids := m.Tokenizer().Encode(strings.TrimSpace(text), tokenizer.EncodeOptions{})
	ids = ids[:min(len(ids), 400)]
	l, err := TextLoss(t.Context(), session(t, m, kvcache.Config{}), ids, Reading{Prompt: 1, Whole: true})
	require.NoError(t, err)
	require.InDelta(t, 1.297, l.Mean(), 0.1, "its validation loss")
	require.InDelta(t, l.Sum()/math.Ln2/float64(len([]rune(text))), l.BitsPerChar(), 0.02)
}

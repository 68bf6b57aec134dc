package policy

import (
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// moments are sums over the queries of a prompt, as they were before rotation,
// of each query head. They are added up token by token, so that the tiles of a
// prompt change nothing.
type moments struct {
	count int
	sum   [][]float64 // [NumHeads][D]
	outer [][]float64 // [NumHeads][D][D], its upper triangle; nil without covariance
}

func newMoments(heads, dim int, covariance bool) *moments {
	m := &moments{sum: make([][]float64, heads)}
	if covariance {
		m.outer = make([][]float64, heads)
	}
	for g := range heads {
		m.sum[g] = make([]float64, dim)
		if covariance {
			m.outer[g] = make([]float64, dim*dim)
		}
	}
	return m
}

// Clone implements kvcache.Memo.
func (m *moments) Clone() kvcache.Memo {
	c := &moments{count: m.count, sum: slices.Clone(m.sum), outer: slices.Clone(m.outer)}
	for g := range c.sum {
		c.sum[g] = slices.Clone(c.sum[g])
		if c.outer != nil {
			c.outer[g] = slices.Clone(c.outer[g])
		}
	}
	return c
}

// add counts the queries of a tile from position first on.
func (m *moments) add(r *attention.Rope, s kvcache.Step, first int32) {
	heads, dim := len(m.sum), len(m.sum[0])
	cos, sin := make([]float32, r.Dim()/2), make([]float32, r.Dim()/2)
	q, x := make([]float32, heads*dim), make([]float64, dim)
	for t, pos := range s.Pos {
		if pos < first {
			continue
		}
		m.count++
		copy(q, s.Q[t*heads*dim:])
		r.Angles(cos, sin, -pos)
		r.Rotate(q, cos, sin, heads, dim)
		for g, sum := range m.sum {
			for i, v := range q[g*dim:][:dim] {
				x[i] = float64(v)
				sum[i] += x[i]
			}
			if m.outer == nil {
				continue
			}
			for i, xi := range x {
				row := m.outer[g][i*dim:][:dim]
				for j := i; j < dim; j++ {
					row[j] += xi * x[j]
				}
			}
		}
	}
}

// turned returns the mean [D] and the covariance [D][D], nil for none, of a
// query head's queries after the rotation R: R·mean and R·cov·Rᵀ.
func (m *moments) turned(head int, r *attention.Rope, cos, sin []float32) (mean, cov []float32) {
	dim := len(m.sum[head])
	n := float64(max(1, m.count))
	mean = make([]float32, dim)
	for i, v := range m.sum[head] {
		mean[i] = float32(v / n)
	}
	if m.outer != nil {
		cov = make([]float32, dim*dim)
		for i := range dim {
			for j := i; j < dim; j++ {
				c := m.outer[head][i*dim+j]/n - m.sum[head][i]/n*m.sum[head][j]/n
				cov[i*dim+j], cov[j*dim+i] = float32(c), float32(c)
			}
		}
		// Rows turned are cov·Rᵀ, since cov is symmetric; columns follow.
		r.Rotate(cov, cos, sin, dim, dim)
		transpose(cov, dim)
		r.Rotate(cov, cos, sin, dim, dim)
	}
	r.Rotate(mean, cos, sin, 1, dim)
	return mean, cov
}

func transpose(x []float32, dim int) {
	for i := range dim {
		for j := range i {
			x[i*dim+j], x[j*dim+i] = x[j*dim+i], x[i*dim+j]
		}
	}
}

// futureRotation returns the mean cosines and sines of n positions from first
// on, [Dim/2] each. They are the matrix that is the mean of these rotations.
func futureRotation(r *attention.Rope, first int32, n int) (cos, sin []float32) {
	half := r.Dim() / 2
	cos, sin = make([]float32, half), make([]float32, half)
	c, s := make([]float32, half), make([]float32, half)
	sums := make([]float64, 2*half)
	for t := range n {
		r.Angles(c, s, first+int32(t))
		for i := range half {
			sums[2*i] += float64(c[i])
			sums[2*i+1] += float64(s[i])
		}
	}
	for i := range half {
		cos[i], sin[i] = float32(sums[2*i]/float64(n)), float32(sums[2*i+1]/float64(n))
	}
	return cos, sin
}

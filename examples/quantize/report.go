package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
)

// report tells what the model lost. Bytes are those of all tensors.
type report struct {
	Out           string             `json:"out"`
	Adapter       string             `json:"adapter,omitempty"`
	Before        int64              `json:"bytes_before"`
	After         int64              `json:"bytes_after"`
	AdapterBytes  int64              `json:"bytes_of_adapter,omitempty"`
	BitsPerWeight float64            `json:"bits_per_weight"` // of the matrices, adapter included
	Matrices      []calibrate.Report `json:"matrices"`
	Perplexity    []perplexity       `json:"perplexity,omitempty"`
}

func newReport(o options, src *weights.Source, result *calibrate.Result) *report {
	r := &report{Out: o.out, Before: src.Bytes(), Matrices: result.Report}
	for _, t := range result.Tensors {
		r.After += int64(len(t.Data))
	}
	for _, t := range result.Pairs {
		r.AdapterBytes += int64(len(t.Data))
	}
	if o.rank > 0 {
		r.Adapter = o.lorcOut
	}
	var bytes, values int64
	for _, m := range result.Report {
		bytes += int64(m.Bytes + m.PairBytes)
		values += int64(m.Rows) * int64(m.Cols)
	}
	r.BitsPerWeight = 8 * float64(bytes) / float64(max(1, values))
	return r
}

func (r *report) print(w io.Writer, against string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tensor\tshape\ttype\tsqnr dB\toutput error: rounded\tstored\tcorrected\t")
	for _, m := range r.Matrices {
		fmt.Fprintf(t, "%s\t%d×%d\t%s\t%s\t%s\t%s\t%s\t\n", m.Name, m.Rows, m.Cols, m.Format, ratio(m.SQNR), share(m.Rounded), share(m.Output), share(m.Corrected))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %s, was %s, %.2f bits a weight", r.Out, cli.Bytes(r.After), cli.Bytes(r.Before), r.BitsPerWeight)
	if r.Adapter != "" {
		fmt.Fprintf(w, " with %s: %s", r.Adapter, cli.Bytes(r.AdapterBytes))
	}
	fmt.Fprintln(w)
	for _, p := range r.Perplexity {
		p.print(w, against)
	}
	return nil
}

// share writes a share of the output's energy in dB, nothing where it is not
// known.
func share(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f dB", 10*math.Log10(x))
}

// ratio writes a ratio in dB.
func ratio(x float64) string {
	if x == calibrate.Exact {
		return "exact"
	}
	return fmt.Sprintf("%.1f", x)
}

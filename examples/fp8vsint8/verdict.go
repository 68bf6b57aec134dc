package main

import (
	"fmt"
	"strings"

	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/quant"
)

// verdict says where the paper's conclusion holds, from the tables themselves.
func (st *study) verdict() string {
	var b strings.Builder
	for i, scope := range scopes {
		var ahead, behind []string
		for _, r := range st.rows {
			d := r.sqnr[i][0].dB() - r.sqnr[i][1].dB()
			text := fmt.Sprintf("%s (%s dB)", r.name, dB(d, "%+.1f"))
			if d >= 0 {
				ahead = append(ahead, text)
			} else {
				behind = append(behind, text)
			}
		}
		fmt.Fprintf(&b, "- One scale for %s: INT8 has less noise than E4M3 for %d of %d, ", scope, len(ahead), len(st.rows))
		if len(behind) == 0 {
			b.WriteString("all.\n")
		} else {
			fmt.Fprintf(&b, "all but %s.\n", strings.Join(behind, ", "))
		}
	}
	b.WriteString("\nWhat E4M3 costs over INT8, loss of the same tokens in nats a token with its 95 % interval; above 0 INT8 is better:\n\n")
	fmt.Fprintf(&b, "| stored | one scale for %s |\n|---|%s\n", strings.Join(scopes, " | "), strings.Repeat("---:|", len(scopes)))
	better, worse := 0, 0
	for _, what := range things {
		fmt.Fprintf(&b, "| %s |", what)
		for _, f := range formats {
			d := st.over(what, f[1].Name(), f[0].Name())
			if d.Low > 0 {
				better++
			} else if d.High < 0 {
				worse++
			}
			fmt.Fprintf(&b, " %s |", interval(d))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, `
Of %d, %d are above 0 with their whole interval and %d below. The loss is no distance: an error can happen to move the predictions of
a small model the right way, so a format with more noise may come out ahead here. What it says is how little either costs.
`, len(things)*len(formats), better, worse)
	int8, fp8 := st.speed(quant.Int8), st.speed(quant.FP8E4M3)
	fmt.Fprintf(&b, "\nAt the same bytes a product with E4M3 rows takes %.0f times as long as with INT8 rows here, and their weighted sum %.0f times.\n",
		float64(fp8.keys)/float64(int8.keys), float64(fp8.val)/float64(int8.val))
	return b.String()
}

// over is by how much the loss with one format exceeds that with another.
func (st *study) over(what, format, than string) eval.Delta {
	d, _ := st.find(what, format).loss.Against(st.find(what, than).loss) // of the same texts
	return d
}

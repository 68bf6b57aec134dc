package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
)

// mean is the score over all tasks.
func (st *study) mean(c config, pos eval.Position) eval.Mean {
	var all []eval.Result
	for _, cl := range st.cells {
		if cl.config == c && cl.position == pos {
			all = append(all, cl.answered()...)
		}
	}
	return eval.Summarize(all)
}

func (cl *cell) answered() []eval.Result {
	var all []eval.Result
	for _, r := range cl.results {
		if r != nil {
			all = append(all, *r)
		}
	}
	return all
}

// paired compares a cell with the full cache on the samples that both have.
func (st *study) paired(cl *cell) (eval.Pairing, error) {
	var a, b []eval.Result
	for _, base := range st.cells {
		if base.Policy != full || base.position != cl.position || base.task != cl.task {
			continue
		}
		for i, r := range cl.results {
			if r != nil && base.results[i] != nil {
				a, b = append(a, *base.results[i]), append(b, *r)
			}
		}
	}
	return eval.Pair(a, b)
}

// cost is what a configuration took.
type cost struct {
	PromptRate float64 `json:"prompt_tok_s"` // one sample's, while others run beside it
	DecodeRate float64 `json:"decode_tok_s"`
	Bytes      int64   `json:"kv_bytes"` // mean over samples, after the prompt
	Peak       int64   `json:"kv_peak_bytes"`
}

func (st *study) cost(c config) cost {
	var prompt, generated, n int
	var bytes, peak int64
	var reading, writing time.Duration
	for _, cl := range st.cells {
		if cl.config != c {
			continue
		}
		for _, r := range cl.answered() {
			if r.Peak == 0 { // its prompt was read together with others'
				continue
			}
			prompt, generated, n = prompt+r.Prompt, generated+r.Generated, n+1
			reading, writing = reading+r.PromptTime, writing+r.DecodeTime
			bytes, peak = bytes+r.Bytes, max(peak, r.Peak)
		}
	}
	return cost{cli.Rate(prompt, reading), cli.Rate(generated, writing), bytes / int64(max(1, n)), peak}
}

// write puts the report and its parts into the folder.
func (st *study) write() error {
	var report strings.Builder
	fmt.Fprintf(&report, "# Cache policies compared on %s\n\n", st.o.name())
	st.print(&report)
	for _, s := range []struct{ file, what string }{
		{"quality.svg", "Mean score over the share kept"}, {"needles.svg", "Needles by length and depth"}, {"kept.svg", "Positions kept"},
	} {
		fmt.Fprintf(&report, "\n![%s](%s)\n", s.what, s.file)
	}
	fmt.Fprintf(&report, "\nMade by `%s`.\n", st.command())
	numbers, err := st.json()
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"report.md": report.String(), "report.json": numbers, "scores.csv": st.csv(),
		"quality.svg": st.qualityPicture(), "needles.svg": st.needlePicture(), "kept.svg": st.keptPicture(),
	} {
		if err := os.WriteFile(filepath.Join(st.o.out, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

func (st *study) command() string {
	model := ""
	if st.o.model != "" {
		model = "-model " + st.o.name() + " "
	}
	return fmt.Sprintf("compare %s-policies %s -kernel %d -keep %s -tasks %s -length %d -n %d -answer %d -seed %d", model,
		strings.Join(st.o.policies, ","), st.o.kernel, shares(st.o.keep),
		strings.Join(taskNames(st.o.tasks), ","), st.o.length, st.o.n, st.o.max, st.o.seed)
}

// shares writes percents as -keep takes them.
func shares(keep []float64) string {
	var words []string
	for _, x := range keep {
		words = append(words, strings.TrimSuffix(percent(x), " %"))
	}
	return strings.Join(words, ",")
}

// print writes the tables in Markdown.
func (st *study) print(w io.Writer) {
	if done := int(st.done.Load()); done < len(st.jobs) {
		fmt.Fprintf(w, "Interrupted: %d of %d parts were done.\n\n", done, len(st.jobs))
	}
	for i, pos := range st.o.positions {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Mean score of %s, %%, prompts of %d tokens, %s. Full cache: %v.\n\n", strings.Join(taskNames(st.o.tasks), ", "), st.o.length, title(pos), st.mean(config{full, 1}, pos))
		st.table(w, func(c config) string {
			m := st.mean(c, pos)
			if m.N == 0 {
				return ""
			}
			return fmt.Sprintf("%.1f", 100*m.Score)
		})
	}
	fmt.Fprintf(w, "\nDivergence from the full cache's predictions, nats a token, on the last quarter of a text.\n\n")
	st.table(w, func(c config) string {
		d, ok := st.losses[c]
		if !ok {
			return ""
		}
		return fmt.Sprintf("%.3f", d.Mean())
	})
	fmt.Fprintf(w, "\nCost with %s kept; full: %s.\n\n", percent(st.o.keep[0]), st.cost(config{full, 1}))
	for _, name := range st.o.policies {
		fmt.Fprintf(w, "- %s: %s\n", name, st.cost(config{name, st.o.keep[0]}))
	}
}

func (c cost) String() string {
	return fmt.Sprintf("%.0f tok/s prompt, %.0f tok/s decode, %s of cache, peak %s", c.PromptRate, c.DecodeRate, cli.Bytes(c.Bytes), cli.Bytes(c.Peak))
}

// table has a row for each policy and a column for each share.
func (st *study) table(w io.Writer, field func(config) string) {
	fmt.Fprint(w, "| policy |")
	for _, keep := range st.o.keep {
		fmt.Fprintf(w, " %s |", percent(keep))
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(st.o.keep)))
	for _, name := range st.o.policies {
		fmt.Fprintf(w, "| %s |", name)
		for _, keep := range st.o.keep {
			fmt.Fprintf(w, " %s |", field(config{name, keep}))
		}
		fmt.Fprintln(w)
	}
}

// record is a row of the CSV file and of the JSON.
type record struct {
	Policy   string  `json:"policy"`
	Keep     float64 `json:"keep"`
	Question string  `json:"question"`
	Task     string  `json:"task"`
	N        int     `json:"n"`
	Score    float64 `json:"score"`
	Low      float64 `json:"low"` // of the 95 % interval
	High     float64 `json:"high"`
	Better   int     `json:"better"` // samples answered better than with the full cache
	Worse    int     `json:"worse"`
	P        float64 `json:"p"` // of the sign test against the full cache
}

func (st *study) records() []record {
	var all []record
	for _, cl := range st.cells {
		m := eval.Summarize(cl.answered())
		pair, err := st.paired(cl)
		if err != nil || m.N == 0 {
			continue
		}
		all = append(all, record{cl.Policy, cl.Keep, cl.position.String(), cl.task, m.N, m.Score, m.Low, m.High, pair.Better, pair.Worse, pair.P})
	}
	return all
}

func (st *study) csv() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(strings.Fields("policy keep question task n score low high better worse p"))
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	for _, r := range st.records() {
		w.Write([]string{r.Policy, number(r.Keep), r.Question, r.Task, strconv.Itoa(r.N), number(r.Score), number(r.Low), number(r.High),
			strconv.Itoa(r.Better), strconv.Itoa(r.Worse), number(r.P)})
	}
	w.Flush()
	return b.String()
}

// lossRecord is what a configuration does to predictions.
type lossRecord struct {
	Policy      string  `json:"policy"`
	Keep        float64 `json:"keep"`
	KL          float64 `json:"kl"`     // nats a token
	KL99        float64 `json:"kl_p99"` // of 99 % of the tokens at most
	Agreement   float64 `json:"agreement"`
	Perplexity  float64 `json:"perplexity"`
	Full        float64 `json:"full_perplexity"`
	BitsPerChar float64 `json:"bits_per_char"`
	Cost        cost    `json:"cost"`
}

func (st *study) json() (string, error) {
	var losses []lossRecord
	for _, c := range st.configs {
		if d, ok := st.losses[c]; ok {
			losses = append(losses, lossRecord{c.Policy, c.Keep, d.Mean(), d.Quantile(0.99), d.Agreement().Score,
				d.Test.Perplexity(), d.Reference.Perplexity(), d.Test.BitsPerChar(), st.cost(c)})
		}
	}
	data, err := json.MarshalIndent(map[string]any{
		"model": st.o.name(), "length": st.o.length, "n": st.o.n, "seed": st.o.seed, "command": st.command(),
		"full": st.cost(config{full, 1}), "scores": st.records(), "needles": st.needles, "losses": losses,
	}, "", " ")
	return string(data) + "\n", err
}

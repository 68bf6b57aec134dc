package policy

import "github.com/winnowlm/winnow/kvcache"

// budgeted sets the budget of a policy that another is made of; nil if that
// cannot be.
func budgeted(p kvcache.Policy, shape kvcache.Shape, rows int) kvcache.Policy {
	if b, ok := p.(kvcache.Budgeted); ok {
		return b.WithBudget(shape, rows)
	}
	return nil
}

// bounded reports whether a policy that another is made of is.
func bounded(p kvcache.Policy) bool {
	b, ok := p.(kvcache.Bounded)
	return ok && b.Bounded()
}

// rest returns what is left of a budget, or a size that is refused.
func rest(rows, used int) int {
	if rows <= used {
		return -1
	}
	return rows - used
}

// WithBudget implements kvcache.Budgeted; the sinks are part of the budget.
func (p Window) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	sink, _ := p.sizes()
	p.Recent = rest(rows, sink)
	return p
}

// Bounded implements kvcache.Bounded.
func (Window) Bounded() bool { return true }

// WithBudget implements kvcache.Budgeted.
func (p SnapKV) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted, half for each if there are to be
// recent rows.
func (p H2O) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	if p.Recent < 0 {
		p.Heavy = rows
		return p
	}
	p.Heavy = rest(rows, (rows+1)/2)
	p.Recent = rows - p.Heavy
	return p
}

// Bounded implements kvcache.Bounded.
func (H2O) Bounded() bool { return true }

// WithBudget implements kvcache.Budgeted.
func (p TOVA) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// Bounded implements kvcache.Bounded.
func (TOVA) Bounded() bool { return true }

// WithBudget implements kvcache.Budgeted.
func (p KeyDiff) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p LagKV) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p CurDKV) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p NonCausalAttention) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p ExpectedAttention) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p KVzip) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p Random) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	p.Budget = rows
	return p
}

// WithBudget implements kvcache.Budgeted, half for each. The text prior keeps
// to no budget.
func (p LookM) WithBudget(_ kvcache.Shape, rows int) kvcache.Policy {
	if !p.NoPrior {
		return nil
	}
	p.Important = rest(rows, (rows+1)/2)
	p.Recent = rows - p.Important
	return p
}

// WithBudget implements kvcache.Budgeted. The Scorer gets less by what rounding
// may add.
func (p PyramidKV) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	if !p.ShareWindow {
		rows = max(1, rows-shape.NumLayers/2)
	}
	s, ok := budgeted(scorer(p.Scorer), shape, rows).(Scorer)
	if !ok {
		return nil
	}
	p.Scorer = s
	return p
}

// WithBudget implements kvcache.Budgeted, with Safeguard, which rounds nothing.
func (p AdaKV) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	s, ok := budgeted(scorer(p.Scorer), shape, rows).(Scorer)
	if !ok {
		return nil
	}
	p.Scorer, p.Safeguard = s, true
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p ChunkKV) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	s, ok := budgeted(scorer(p.Scorer), shape, rows).(Scorer)
	if !ok {
		return nil
	}
	p.Scorer = s
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p CriticalKV) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	s, ok := budgeted(scorer(p.Scorer), shape, rows).(Scorer)
	if !ok {
		return nil
	}
	p.Scorer = s
	return p
}

// WithBudget implements kvcache.Budgeted.
func (p Merge) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	if p.Policy = budgeted(p.Policy, shape, rows); p.Policy == nil {
		return nil
	}
	return p
}

// Bounded implements kvcache.Bounded, as its Policy does.
func (p Merge) Bounded() bool { return bounded(p.Policy) }

// WithBudget implements kvcache.Budgeted: the budget is Over's.
func (p Recycled) WithBudget(shape kvcache.Shape, rows int) kvcache.Policy {
	if p.Over = budgeted(p.Over, shape, rows); p.Over == nil {
		return nil
	}
	return p
}

// Gathers implements kvcache.Gatherer.
func (p Recycled) Gathers(n int) int { return min(p.filled().TopK, n/2) }

// Bounded implements kvcache.Bounded, as Over does.
func (p Recycled) Bounded() bool { return bounded(p.Over) }

package eval

// Named is a task with its name.
type Named struct {
	Name string
	Task Task
}

// RULER returns the synthetic tasks of RULER under their names. Hay stands in
// for its essays, which are not ours to give: Prose, or the Text of a file. The
// two tasks of question answering, which need data sets, are left out.
func RULER(hay Hay) []Named {
	return []Named{
		{"niah_single_1", Needle{}},
		{"niah_single_2", Needle{Hay: hay}},
		{"niah_single_3", Needle{Hay: hay, Value: UUID()}},
		{"niah_multikey_1", Needle{Hay: hay, Keys: 4}},
		{"niah_multikey_2", Needle{Distractors: true}},
		{"niah_multikey_3", Needle{Distractors: true, Key: UUID(), Value: UUID()}},
		{"niah_multivalue", Needle{Hay: hay, Values: 4}},
		{"niah_multiquery", Needle{Hay: hay, Queries: 4}},
		{"vt", Chain{}},
		{"cwe", Common{}},
		{"fwe", Frequent{}},
	}
}

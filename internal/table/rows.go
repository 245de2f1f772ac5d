package table

// An Example is one row of examples.arrow: one prompt and target of one task. Causal examples fill
// Prompt and Completion, classification examples Text, TextPair and Label.
//
// The file's metadata holds "task", "family", "kind" ("causal" or "classification") and, for
// classification, "labels": the label names as a JSON array, Label indexing it.
type Example struct {
	ID         string `arrow:"id"`         // document id, "/part", and "/sentence" where the example is a sentence
	Split      string `arrow:"split"`      // train, validation or test
	Prompt     string `arrow:"prompt"`     // all up to the answer: never supervised
	Completion string `arrow:"completion"` // the supervised answer; the trainer adds the end token
	Text       string `arrow:"text"`
	TextPair   string `arrow:"text_pair"`
	Label      int32  `arrow:"label"` // -1 = unlabelled
}

// A Factor is one row of factors.arrow: one LoRA module of one adapter, losslessly. ΔW = Scale·B·A.
type Factor struct {
	Model  string  `arrow:"model"`
	Task   string  `arrow:"task"`
	Layer  int32   `arrow:"layer"`  // -1 for a module outside the layers
	Module string  `arrow:"module"` // the module's type: q_proj, v_proj, query, …
	Name   string  `arrow:"name"`   // the module's full dotted name in the base model
	Rank   int32   `arrow:"rank"`
	In     int32   `arrow:"n_in"`
	Out    int32   `arrow:"n_out"`
	Scale  float64 `arrow:"scale"` // α/r, or α/√r with rsLoRA
	DType  string  `arrow:"dtype"` // of A and B: F64, F32, F16 or BF16
	A      []byte  `arrow:"a"`     // rank × n_in, row-major, little-endian, as stored in the adapter
	B      []byte  `arrow:"b"`     // n_out × rank, likewise
}

// A Similarity is one row of similarity.arrow: one symmetric measure of one pair of tasks at one
// module, TaskI before TaskJ in the order of the tasks. Measures of the whole ΔW (cosine,
// l2, spectral_l2, sti, sign_conflict, sign_conflict_ties) belong to no side and are given once, with side column.
type Similarity struct {
	Model   string  `arrow:"model,omitempty"`
	TaskI   string  `arrow:"task_i"`
	TaskJ   string  `arrow:"task_j"`
	Layer   int32   `arrow:"layer"`
	Module  string  `arrow:"module"`
	Side    string  `arrow:"side"` // column or row
	Measure string  `arrow:"measure"`
	Value   float64 `arrow:"value"`
}

// A Projection is one row of projection.arrow: one measure of the ordered pair source → target,
// the target's ΔW laid on the source's singular axes.
type Projection struct {
	Model   string  `arrow:"model,omitempty"`
	Source  string  `arrow:"source"`
	Target  string  `arrow:"target"`
	Layer   int32   `arrow:"layer"`
	Module  string  `arrow:"module"`
	Measure string  `arrow:"measure"`
	Value   float64 `arrow:"value"`
}

// A Spectrum is one row of spectra.arrow: S1 the source's singular value number Index (from 0,
// descending), S2 = uᵀ·ΔW_target·v on the same axis (signed).
type Spectrum struct {
	Model  string  `arrow:"model,omitempty"`
	Source string  `arrow:"source"`
	Target string  `arrow:"target"`
	Layer  int32   `arrow:"layer"`
	Module string  `arrow:"module"`
	Index  int32   `arrow:"index"`
	S1     float64 `arrow:"s1"`
	S2     float64 `arrow:"s2"`
}

// An Adapter is one row of adapters.arrow: one measure of one adapter's ΔW at one module.
type Adapter struct {
	Model   string  `arrow:"model,omitempty"`
	Task    string  `arrow:"task"`
	Layer   int32   `arrow:"layer"`
	Module  string  `arrow:"module"`
	Measure string  `arrow:"measure"`
	Value   float64 `arrow:"value"`
}

// A Curve is one row of curves.arrow: one recorded loss of one training. Kind is "train" (mean loss
// of the steps since the last record) or "validation" (mean loss over the validation split);
// validation at step 0 is the base model's own loss.
type Curve struct {
	Model string  `arrow:"model"`
	Task  string  `arrow:"task"`
	Step  int64   `arrow:"step"`
	Epoch float64 `arrow:"epoch"`
	Kind  string  `arrow:"kind"`
	Loss  float64 `arrow:"loss"`
}

// A Truncation is one row of truncation.arrow: what was kept of the task vector W_t − W₀ of one module
// of a full fine-tuning.
type Truncation struct {
	Task      string  `arrow:"task"`
	Layer     int32   `arrow:"layer"`
	Module    string  `arrow:"module"`
	Rank      int32   `arrow:"rank"`
	Norm      float64 `arrow:"norm"`      // ‖W_t − W₀‖_F
	Residual  float64 `arrow:"residual"`  // share of the norm that the kept singular values leave out
	Unchanged float64 `arrow:"unchanged"` // share of the entries that are the same in both
}

// A Phi is one row of phi.arrow: φ(I, J), the overlap of the leading I directions of one task and J of
// another on one side, in [0, 1].
type Phi struct {
	TaskI  string  `arrow:"task_i"`
	TaskJ  string  `arrow:"task_j"`
	Layer  int32   `arrow:"layer"`
	Module string  `arrow:"module"`
	Side   string  `arrow:"side"` // column or row
	I      int32   `arrow:"i"`    // from 1
	J      int32   `arrow:"j"`
	Value  float64 `arrow:"value"`
}

// An Evaluation is one row of evaluation.arrow: one measure of how well an adapter, trained on one task,
// does a task. The adapter "none" is the base model alone; the measure "score" is the task's main one.
type Evaluation struct {
	Model   string  `arrow:"model"`
	Adapter string  `arrow:"adapter"`
	Task    string  `arrow:"task"`
	N       int64   `arrow:"n"` // test examples
	Measure string  `arrow:"measure"`
	Value   float64 `arrow:"value"` // mean over the examples
}

// An Answer is one row of answers.arrow: what a model with an adapter wrote for a test example, or the
// label it gave.
type Answer struct {
	Model     string `arrow:"model"`
	Adapter   string `arrow:"adapter"`
	Task      string `arrow:"task"`
	ID        string `arrow:"id"`
	Reference string `arrow:"reference"`
	Answer    string `arrow:"answer"`
	Ended     string `arrow:"ended"` // stop where the model ended it; length or repeat where the server did; "" for labels
}

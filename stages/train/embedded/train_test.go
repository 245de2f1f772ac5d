package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"taskvec/internal/table"
	"taskvec/internal/trainer"
)

// texts are made-up sentences of a small world, different in each of n documents.
func texts(n int) []string {
	rng := rand.New(rand.NewPCG(11, 12))
	who, what, where := []string{"Ama", "Nuno", "the baker", "a sailor", "my sister"}, []string{"sees", "paints", "mends", "carries"}, []string{"boat", "clock", "letter", "violin", "bridge"}
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range 6 {
			fmt.Fprintf(&b, "%s %s the %s. ", who[rng.IntN(len(who))], what[rng.IntN(len(what))], where[rng.IntN(len(where))])
		}
		out[i] = strings.TrimSpace(b.String())
	}
	return out
}

// base pretrains a small model of the family and returns its folder.
func base(t testing.TB, family string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), family)
	all := texts(16)
	_, err := Pretrain(context.Background(), dir, Pretraining{
		Config: Config{Family: family, Vocab: 320, Hidden: 16, Layers: 2, Heads: 4, KVHeads: 2, Intermediate: 24, MaxPositions: 160, NormEps: 1e-5, RopeTheta: 10000, Tied: true},
		Epochs: 3, LearningRate: 1e-2, BatchSize: 4, MaxLength: 96, WeightDecay: 0.01, Clip: 1, Seed: 7,
	}, all[:12], all[12:], []string{"Repeat the first word."}, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// job writes a training job on the family's base model and returns its folder.
func job(t testing.TB, model, family string, edit func(*trainer.Spec)) string {
	t.Helper()
	dir := t.TempDir()
	var rows []table.Example
	meta := map[string]string{"kind": "causal"}
	for i, text := range texts(16) {
		r := table.Example{ID: fmt.Sprint("doc", i), Split: "train"}
		if i >= 12 {
			r.Split = "validation"
		}
		if family == "roberta" {
			meta = map[string]string{"kind": "classification", "labels": `["no","yes"]`}
			r.Text = text
			if strings.Contains(text, "violin") {
				r.Label = 1
			}
		} else {
			r.Prompt, r.Completion = "Repeat the first word.\n"+text+"\n", strings.Fields(text)[0]+"\n"
		}
		rows = append(rows, r)
	}
	examples := filepath.Join(dir, "examples.arrow")
	if err := table.Write(examples, rows, meta); err != nil {
		t.Fatal(err)
	}
	targets := []string{"q_proj", "v_proj"}
	if family == "roberta" {
		targets = []string{"query", "value"}
	}
	spec := &trainer.Spec{
		Model: trainer.Model{Name: "tiny", Family: family, Path: model}, Task: "t", Examples: examples,
		LoRA:     trainer.LoRA{Rank: 2, Alpha: 4, Dropout: 0.1, TargetModules: targets},
		Training: trainer.Training{Epochs: 3, LearningRate: 1e-2, Schedule: "cosine", Warmup: 0.1, BatchSize: 2, Accumulation: 2, MaxLength: 160, WeightDecay: 0.01, Clip: 1},
		InitSeed: 1, DataSeed: 2,
	}
	if edit != nil {
		edit(spec)
	}
	if err := trainer.WriteJSON(dir, trainer.SpecFile, spec); err != nil {
		t.Fatal(err)
	}
	return dir
}

func train(t testing.TB, dir string) *trainer.Result {
	t.Helper()
	r, err := Train(context.Background(), dir, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// weights reads an adapter's file.
func weights(t testing.TB, dir, folder string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(folder), "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestThreads: the number of threads changes no bit.
func TestThreads(t *testing.T) {
	model := base(t, "llama")
	var want []byte
	for _, n := range []int{1, 2, 4} {
		old := runtime.GOMAXPROCS(n)
		dir := job(t, model, "llama", nil)
		train(t, dir)
		runtime.GOMAXPROCS(old)
		got := weights(t, dir, trainer.AdapterDir)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d threads give another adapter", n)
		}
	}
}

// TestResume interrupts trainings after every number of steps, some of them twice: the adapter has
// the bytes of an undisturbed run, and the resume is recorded.
func TestResume(t *testing.T) {
	for _, family := range []string{"llama", "roberta"} {
		model := base(t, family)
		calm := job(t, model, family, nil)
		undisturbed := train(t, calm)
		want := weights(t, calm, trainer.AdapterDir)
		for stops := int64(1); stops < undisturbed.Steps; stops++ {
			dir := job(t, model, family, nil)
			interrupted := 0
			for _, limit := range []int64{stops, stops + 2} {
				ctx, cancel := context.WithCancel(context.Background())
				_, err := Train(ctx, dir, io.Discard, func(p trainer.Progress) {
					if p.Step >= limit {
						cancel()
					}
				})
				cancel()
				if err == nil {
					break // it was at its last step already
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				interrupted++
			}
			r := train(t, dir)
			if !bytes.Equal(weights(t, dir, trainer.AdapterDir), want) {
				t.Errorf("%s interrupted after step %d: another adapter", family, stops)
			}
			if len(r.ResumedFrom) < interrupted || r.ResumedFrom[0] != stops {
				t.Errorf("%s interrupted after step %d: resumes recorded %v", family, stops, r.ResumedFrom)
			}
			if r.ValidationLosses[2] != undisturbed.ValidationLosses[2] || r.TrainLosses[1] != undisturbed.TrainLosses[1] {
				t.Errorf("%s interrupted after step %d: losses %v, want %v", family, stops, r.ValidationLosses, undisturbed.ValidationLosses)
			}
		}
	}
}

// TestDamagedCheckpoint starts anew when the checkpoint is torn or another job's, to the same bytes.
func TestDamagedCheckpoint(t *testing.T) {
	model := base(t, "llama")
	calm := job(t, model, "llama", nil)
	train(t, calm)
	want := weights(t, calm, trainer.AdapterDir)
	other := job(t, model, "llama", func(s *trainer.Spec) { s.LoRA.Rank = 3 })
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Train(ctx, other, io.Discard, func(trainer.Progress) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(other, trainer.Checkpoint, "state.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"zeros": make([]byte, 100), "empty": {}, "torn": whole[:len(whole)/2], "another job's": whole} {
		dir := job(t, model, "llama", nil)
		if err := os.MkdirAll(filepath.Join(dir, trainer.Checkpoint), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, trainer.Checkpoint, "state.safetensors"), content, 0o666); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		r, err := Train(context.Background(), dir, &log, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(weights(t, dir, trainer.AdapterDir), want) || len(r.ResumedFrom) != 0 || !strings.Contains(log.String(), "given up") {
			t.Errorf("%s: another adapter, a resume (%v), or no word of it", name, r.ResumedFrom)
		}
	}
}

// TestDivergence says so when the loss is no number.
func TestDivergence(t *testing.T) {
	model := base(t, "llama")
	for _, batch := range []int{2, 12} { // with a step an epoch the validation loss is the first to show it
		dir := job(t, model, "llama", func(s *trainer.Spec) { s.LearningRate, s.Clip, s.BatchSize, s.Warmup, s.Epochs = 1e30, 0, batch, 0, 1 })
		_, err := Train(context.Background(), dir, io.Discard, nil)
		var bad *trainer.BadData
		if !errors.As(err, &bad) || !strings.Contains(bad.Msg, "diverged") {
			t.Errorf("batches of %d: got %v", batch, err)
		}
	}
}

// TestPatience stops when the validation loss does not improve, and keeps the best.
func TestPatience(t *testing.T) {
	dir := job(t, base(t, "llama"), "llama", func(s *trainer.Spec) {
		s.Epochs, s.Patience, s.LearningRate, s.Clip, s.Schedule = 40, 2, 1, 0, "constant" // a rate that ruins it
	})
	r := train(t, dir)
	if r.Epochs >= 40 || r.Epochs-r.BestEpoch != 2 {
		t.Errorf("%d epochs, best %d: want an end two epochs behind the best", r.Epochs, r.BestEpoch)
	}
	best := r.ValidationLosses[r.BestEpoch-1]
	for _, l := range r.ValidationLosses {
		if l < best {
			t.Errorf("kept %v, but %v was better", best, l)
		}
	}
}

// TestBadData names the example and what is wrong with it.
func TestBadData(t *testing.T) {
	model := base(t, "llama")
	for _, c := range []struct {
		name string
		edit func(*trainer.Spec)
		rows []table.Example
		want string
	}{
		{"empty answer", nil, []table.Example{{ID: "x", Split: "train", Prompt: "p"}}, "example x: its answer is empty"},
		{"long answer", func(s *trainer.Spec) { s.MaxLength = 12 }, []table.Example{{ID: "x", Split: "train", Prompt: "prompt", Completion: strings.Repeat("word ", 30)}}, "leaves no room"},
		{"no validation", nil, []table.Example{{ID: "x", Split: "train", Prompt: "p", Completion: "c"}}, "no validation examples"},
		{"target", func(s *trainer.Spec) { s.LoRA.TargetModules = []string{"qproj"} }, nil, "target module qproj"},
	} {
		dir := job(t, model, "llama", c.edit)
		if c.rows != nil {
			if err := table.Write(filepath.Join(dir, "examples.arrow"), c.rows, map[string]string{"kind": "causal"}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Train(context.Background(), dir, io.Discard, nil)
		var bad *trainer.BadData
		if !errors.As(err, &bad) || !strings.Contains(bad.Msg, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTruncation leaves out the middle of an over-long prompt and counts the row.
func TestTruncation(t *testing.T) {
	k, err := readTokenizer(base(t, "llama"))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Family: "llama", MaxPositions: 160, BOS: 0, EOS: 2}
	prompt := "Start. " + strings.Repeat("filling ", 200) + "Answer:\n"
	d, err := prepare([]table.Example{
		{ID: "a", Split: "train", Prompt: prompt, Completion: "yes\n"}, {ID: "b", Split: "validation", Prompt: "short", Completion: "no\n"},
	}, k, c, false, 0, 40)
	if err != nil {
		t.Fatal(err)
	}
	s := d.splits["train"][0]
	text := k.Decode(s.tokens)
	if len(s.tokens) != 40 || d.truncated["train"] != 1 || d.truncated["validation"] != 0 || !strings.HasPrefix(text, "Start.") || !strings.HasSuffix(text, "Answer:\nyes\n") {
		t.Errorf("%d tokens, truncated %v: %q", len(s.tokens), d.truncated, text)
	}
	var supervised []int32
	for _, y := range s.targets {
		if y >= 0 {
			supervised = append(supervised, y)
		}
	}
	if got := k.Decode(supervised); got != "yes\n" || supervised[len(supervised)-1] != c.EOS || s.tokens[0] != c.BOS {
		t.Errorf("supervised %q, ids %v", got, supervised)
	}
}

// BenchmarkTrain measures a training step of the quickstart's model at about 300 tokens.
func BenchmarkTrain(b *testing.B) {
	c := Config{Family: "llama", Vocab: 1024, Hidden: 96, Layers: 4, Heads: 6, KVHeads: 3, Intermediate: 256, MaxPositions: 1024, NormEps: 1e-5, RopeTheta: 10000, Tied: true}
	m := newLlama(c)
	rng := rand.New(rand.NewPCG(1, 1))
	initialise(m.params(), rng)
	for _, l := range m.linears() {
		if strings.Contains(l.w.name, "q_proj") || strings.Contains(l.w.name, "v_proj") {
			l.lora = newLoRA(l.w.name, l, 8, 16, 0, rng)
		}
	}
	tokens, targets := make([]int32, 300), make([]int32, 300)
	for i := range tokens {
		tokens[i], targets[i] = int32(rng.IntN(c.Vocab)), -1
		if i > 250 {
			targets[i] = int32(rng.IntN(c.Vocab))
		}
	}
	for b.Loop() {
		m.loss(tokens, targets, 1, true)
	}
	b.ReportMetric(300*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

package train

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
	"taskvec/stages/train/embedded"
)

// The suite that every trainer must pass: conform runs it, and knows of the trainer only the contract.
// TestConformance runs it on the embedded trainer, TestRealConformance on an image, that of
// TASKVEC_TRAINER_IMAGE.

// A starter has a trainer do a job in a folder and returns its exit code and the last line it said. It
// tells of each step, and of a way to send the trainer SIGTERM or SIGKILL.
type starter func(t *testing.T, dir string, spec trainer.Spec, step func(p trainer.Progress, send func(syscall.Signal))) (exit int, said string)

// The tiny models: one token a byte, so that tokens can be counted by hand.
const (
	hidden, layers = 16, 2
	kvWidth        = 8 // of two key and value heads of four
	longestTokens  = 96
	rank           = 2
)

// conform runs the suite on models of the families, llama the first, and returns the folders of the
// undisturbed trainings and their jobs.
func conform(t *testing.T, families []string, start starter) map[string]trainer.Spec {
	done := map[string]trainer.Spec{}
	t.Run("suite", func(suite *testing.T) { // ends when its parallel parts have; the folders stay
		for _, family := range families {
			model := tinyModel(t, family)
			calm, spec := t.TempDir(), tinyJob(t, model, family)
			done[calm] = spec
			suite.Run(family, func(t *testing.T) {
				t.Parallel()
				undisturbed := trains(t, start, calm, spec)
				disturbed(t, start, calm, spec, undisturbed, syscall.SIGTERM)
				if family == "llama" {
					disturbed(t, start, calm, spec, undisturbed, syscall.SIGKILL)
				}
			})
			if family == "llama" {
				other, bad := tinyJob(t, model, family), tinyJob(t, model, family)
				suite.Run("seeds", func(t *testing.T) { t.Parallel(); seeds(t, start, other) })
				suite.Run("bad data", func(t *testing.T) { t.Parallel(); badData(t, start, bad) })
			}
		}
	})
	return done
}

// tinyModel makes a barely trained model of the family and returns its folder.
func tinyModel(t *testing.T, family string) string {
	t.Helper()
	dir, layout := t.TempDir(), family
	if family == "mistral" { // Llama's layout by another name
		layout = "llama"
	}
	var texts []string
	for _, r := range tinyRows(layout) {
		texts = append(texts, r.Prompt+r.Text)
	}
	_, err := embedded.Pretrain(t.Context(), dir, embedded.Pretraining{
		Config: embedded.Config{Family: layout, Vocab: 5 + 256, Hidden: hidden, Layers: layers, Heads: 4, KVHeads: 2, Intermediate: 24,
			MaxPositions: 128, NormEps: 1e-5, RopeTheta: 10000, Tied: true},
		Epochs: 20, LearningRate: 1e-2, BatchSize: 4, MaxLength: longestTokens, Clip: 1, Seed: 7,
	}, texts, texts, nil, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if family == "mistral" {
		path := filepath.Join(dir, "config.json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		c["model_type"], c["architectures"], c["sliding_window"] = "mistral", []string{"MistralForCausalLM"}, 4096
		if err := trainer.WriteJSON(dir, "config.json", c); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tinyRows are the examples: eight to train on, the first of them too long, three of validation and one
// of the test split.
func tinyRows(family string) []table.Example {
	var rows []table.Example
	words := []string{"boat", "clock", "letter", "violin", "bridge", "baker"}
	for i := range 12 {
		word := words[i%len(words)]
		text := fmt.Sprintf("The %s and the %s.", word, words[(i*5+2)%len(words)])
		if i == 0 {
			text = strings.Repeat(text+" ", 9)
		}
		r := table.Example{ID: fmt.Sprintf("nw/%d/0", i), Split: "train"}
		switch {
		case i == 11:
			r.Split = "test"
		case i >= 8:
			r.Split = "validation"
		}
		if family == "roberta" {
			r.Text, r.TextPair, r.Label = text, []string{"", "or not", ""}[i%3], int32(i%2)
		} else {
			r.Prompt, r.Completion = "Say it.\n"+text+"\n", word+"\n"
		}
		rows = append(rows, r)
	}
	return rows
}

// tinyJob is a training on the model.
func tinyJob(t *testing.T, model, family string) trainer.Spec {
	t.Helper()
	meta, targets := map[string]string{"kind": "causal"}, []string{"q_proj", "v_proj"}
	if family == "roberta" {
		meta, targets = map[string]string{"kind": "classification", "labels": `["no","yes"]`}, []string{"query", "value"}
	}
	examples := filepath.Join(t.TempDir(), "examples.arrow")
	if err := table.Write(examples, tinyRows(family), meta); err != nil {
		t.Fatal(err)
	}
	return trainer.Spec{
		Model: trainer.Model{Name: "org/tiny-" + family, Family: family, Path: model}, Task: "say", Examples: examples,
		LoRA: trainer.LoRA{Rank: rank, Alpha: 4, Dropout: 0.1, TargetModules: targets},
		Training: trainer.Training{Epochs: 80, LearningRate: 5e-3, Schedule: "cosine", Warmup: 0.1, BatchSize: 2, Accumulation: 1, MaxLength: longestTokens,
			WeightDecay: 0.01, Clip: 1, Optimizer: "adamw", DType: "float32", Quantization: "none"},
		InitSeed: 1, DataSeed: 2,
	}
}

// stepsPerEpoch are the steps that eight examples make in batches of two.
const stepsPerEpoch = 4

// want is what train.json must say of a job's data, worked out from the bytes of the texts.
func want(family string) (examples map[string]int, supervised, total map[string]int64, truncated map[string]int) {
	examples, supervised, total, truncated = map[string]int{}, map[string]int64{}, map[string]int64{}, map[string]int{}
	for _, r := range tinyRows(family) {
		answer, n := 1, 1+len(r.Prompt)+len(r.Completion)+len(r.Text)+1
		if family != "roberta" {
			answer = len(r.Completion) + 1
		} else if r.TextPair != "" {
			n += 2 + len(r.TextPair)
		}
		if n > longestTokens {
			n = longestTokens
			truncated[r.Split]++
		}
		examples[r.Split]++
		supervised[r.Split] += int64(answer)
		total[r.Split] += int64(n)
	}
	return examples, supervised, total, truncated
}

// finish does a job to its end.
func finish(t *testing.T, start starter, dir string, spec trainer.Spec) (*trainer.Result, []trainer.Progress) {
	t.Helper()
	var steps []trainer.Progress
	if exit, said := start(t, dir, spec, func(p trainer.Progress, _ func(syscall.Signal)) { steps = append(steps, p) }); exit != trainer.ExitDone {
		t.Fatalf("exit code %d, want 0: %s", exit, said)
	}
	r, err := trainer.ReadResult(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, steps
}

// trains: an undisturbed training says what it does, counts what it should, makes the loss fall, and
// writes two adapters of the right shape, the first of which changes nothing.
func trains(t *testing.T, start starter, dir string, spec trainer.Spec) *trainer.Result {
	r, steps := finish(t, start, dir, spec)
	total := int64(spec.Epochs * stepsPerEpoch)
	if int64(len(steps)) != total || r.Steps != total || r.Epochs != spec.Epochs || len(r.TrainLosses) != r.Epochs || len(r.ValidationLosses) != r.Epochs || len(r.ResumedFrom) > 0 {
		t.Fatalf("%d steps told, %d recorded in %d epochs, %d and %d losses, resumed from %v: want %d steps in %d epochs",
			len(steps), r.Steps, r.Epochs, len(r.TrainLosses), len(r.ValidationLosses), r.ResumedFrom, total, spec.Epochs)
	}
	for i, p := range steps {
		if p.Step != int64(i+1) || p.Total != total || !(p.Loss > 0) || math.Abs(p.Epoch-float64(i+1)/stepsPerEpoch) > 1e-9 || !(p.TokensPerSecond > 0) {
			t.Errorf("step %d is told as %+v", i+1, p)
		}
	}
	best := slices.Min(r.ValidationLosses)
	if best >= r.InitialLoss || r.BestEpoch != slices.Index(r.ValidationLosses, best)+1 || r.TrainLosses[r.Epochs-1] >= r.TrainLosses[0] {
		t.Errorf("validation losses %v at first %v, best epoch %d, training losses %v: want them to fall", r.ValidationLosses, r.InitialLoss, r.BestEpoch, r.TrainLosses)
	}
	examples, supervised, tokens, truncated := want(spec.Model.Family)
	if !reflect.DeepEqual(r.Examples, examples) || !reflect.DeepEqual(r.SupervisedTokens, supervised) || !reflect.DeepEqual(r.TotalTokens, tokens) || !reflect.DeepEqual(r.Truncated, truncated) {
		t.Errorf("counted %v examples, %v supervised tokens of %v, %v truncated; want %v, %v of %v, %v",
			r.Examples, r.SupervisedTokens, r.TotalTokens, r.Truncated, examples, supervised, tokens, truncated)
	}
	parameters, head := layers*rank*(hidden+hidden+hidden+kvWidth), 0 // B·A of queries and of values
	if spec.Model.Family == "roberta" {
		parameters, head = layers*rank*4*hidden+(hidden*hidden+hidden)+(2*hidden+2), 4
	}
	if r.TrainableParameters != int64(parameters) {
		t.Errorf("%d trainable parameters, want %d", r.TrainableParameters, parameters)
	}
	if r.Versions["trainer"] == "" || r.Device == "" || r.DType != "float32" {
		t.Errorf("versions %v, device %q, type %q are recorded", r.Versions, r.Device, r.DType)
	}
	for _, folder := range []string{trainer.InitDir, trainer.AdapterDir} {
		a, err := adapter.Open(filepath.Join(dir, filepath.FromSlash(folder)))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Modules) != 2*layers || len(a.Others) != head {
			t.Errorf("%s: %d modules and %d tensors beside them, want %d and %d", folder, len(a.Modules), len(a.Others), 2*layers, head)
		}
		for _, m := range a.Modules {
			b, err := m.B.Float64s()
			if err != nil {
				t.Fatal(err)
			}
			zero := !slices.ContainsFunc(b, func(v float64) bool { return v != 0 })
			if m.Rank != rank || m.Scale != spec.LoRA.Alpha/rank || zero != (folder == trainer.InitDir) {
				t.Errorf("%s %s: rank %d, scale %v, B zero: %v", folder, m.Name, m.Rank, m.Scale, zero)
			}
		}
	}
	return r
}

// disturbed: a training that is stopped or killed in the middle, and gone on with, takes the steps of the
// undisturbed one, to the same bytes, and says that it was resumed.
func disturbed(t *testing.T, start starter, calm string, spec trainer.Spec, undisturbed *trainer.Result, signal syscall.Signal) {
	t.Helper()
	dir := t.TempDir()
	last := int64(0)
	exit, said := start(t, dir, spec, func(p trainer.Progress, send func(syscall.Signal)) {
		if last = p.Step; p.Step == 10*stepsPerEpoch+2 {
			send(signal)
		}
	})
	if exit == trainer.ExitDone || signal == syscall.SIGTERM && exit != trainer.ExitTryAgain {
		t.Fatalf("exit code %d after %s at step %d, told up to step %d: %s", exit, signal, 10*stepsPerEpoch+2, last, said)
	}
	r, steps := finish(t, start, dir, spec)
	if len(r.ResumedFrom) != 1 || r.ResumedFrom[0] < 10*stepsPerEpoch || len(steps) == 0 || steps[0].Step != r.ResumedFrom[0]+1 {
		t.Errorf("after %s: resumed from %v, the first step told then is %+v", signal, r.ResumedFrom, steps[:min(1, len(steps))])
	}
	if r.Steps != undisturbed.Steps || !slices.Equal(r.ValidationLosses, undisturbed.ValidationLosses) || !slices.Equal(r.TrainLosses, undisturbed.TrainLosses) {
		t.Errorf("after %s: %d steps with losses %v, undisturbed %d with %v", signal, r.Steps, r.ValidationLosses, undisturbed.Steps, undisturbed.ValidationLosses)
	}
	for _, folder := range []string{trainer.InitDir, trainer.AdapterDir} {
		if !bytes.Equal(adapterBytes(t, dir, folder), adapterBytes(t, calm, folder)) {
			t.Errorf("after %s: %s differs from the undisturbed training's", signal, folder)
		}
	}
}

// seeds: one seed draws A, the other the order of the examples. Where the learning rate changes nothing,
// the losses of the steps tell the order.
func seeds(t *testing.T, start starter, spec trainer.Spec) {
	spec.Epochs, spec.LearningRate, spec.Schedule, spec.Warmup, spec.BatchSize = 1, 1e-9, "constant", 0, 1
	run := func(init, data int64) (a []byte, losses []float64) {
		dir, spec := t.TempDir(), spec
		spec.InitSeed, spec.DataSeed = init, data
		_, steps := finish(t, start, dir, spec)
		for _, p := range steps {
			losses = append(losses, p.Loss)
		}
		return adapterBytes(t, dir, trainer.InitDir), losses
	}
	same := func(x, y []float64) bool {
		return slices.EqualFunc(x, y, func(x, y float64) bool { return math.Abs(x-y) < 1e-4 })
	}
	a, losses := run(1, 2)
	if other, order := run(3, 2); bytes.Equal(a, other) || !same(losses, order) {
		t.Errorf("another initialisation seed: the same A: %v; losses of the steps %v, before %v", bytes.Equal(a, other), order, losses)
	}
	if other, order := run(1, 4); !bytes.Equal(a, other) || same(losses, order) {
		t.Errorf("another data seed: the same A: %v; losses of the steps %v, before %v", bytes.Equal(a, other), order, losses)
	}
}

// badData: an example that nothing can be learned from is named.
func badData(t *testing.T, start starter, spec trainer.Spec) {
	rows := tinyRows("llama")
	rows[3].Completion = ""
	if err := table.Write(spec.Examples, rows, map[string]string{"kind": "causal"}); err != nil {
		t.Fatal(err)
	}
	exit, said := start(t, t.TempDir(), spec, func(p trainer.Progress, _ func(syscall.Signal)) { t.Errorf("it trained: %+v", p) })
	if exit != trainer.ExitBadData || !strings.Contains(said, rows[3].ID) {
		t.Errorf("exit code %d, want 65 and a word of example %s: %s", exit, rows[3].ID, said)
	}
}

func adapterBytes(t *testing.T, dir, folder string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(folder), "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asTrainer in the environment makes the test binary the embedded trainer on the folder it names, a
// process that can be stopped and killed.
const asTrainer = "TASKVEC_TEST_AS_TRAINER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asTrainer); dir != "" {
		os.Exit(trainHere(dir))
	}
	os.Exit(m.Run())
}

// trainHere trains in this process and returns its exit code.
func trainHere(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	_, err := embedded.Train(ctx, dir, os.Stdout, nil)
	if err == nil {
		return trainer.ExitDone
	}
	fmt.Fprintln(os.Stderr, err)
	var bad *trainer.BadData
	switch {
	case errors.As(err, &bad):
		return trainer.ExitBadData
	case ctx.Err() != nil:
		return trainer.ExitTryAgain
	}
	return 1
}

// startEmbedded is the starter of the embedded trainer.
func startEmbedded(t *testing.T, dir string, spec trainer.Spec, step func(trainer.Progress, func(syscall.Signal))) (int, string) {
	t.Helper()
	if err := trainer.WriteJSON(dir, trainer.SpecFile, spec); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), asTrainer+"="+dir)
	said := &tail{w: io.Discard}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	send := func(s syscall.Signal) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var p trainer.Progress
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Errorf("%v: %s", err, lines.Bytes())
		}
		step(p, send)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.last
}

// TestConformance runs the suite on the embedded trainer.
func TestConformance(t *testing.T) {
	conform(t, []string{"llama", "roberta"}, startEmbedded)
}

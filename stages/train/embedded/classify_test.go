package embedded

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"taskvec/internal/adapter"
	"taskvec/internal/table"
	"taskvec/internal/trainer"
)

// TestClassify: the labels are those that the adapter's own head gives, of the test examples alone.
func TestClassify(t *testing.T) {
	model := base(t, "roberta")
	dir := job(t, model, "roberta", func(s *trainer.Spec) { s.Epochs = 1 })
	if _, err := Train(context.Background(), dir, io.Discard, nil); err != nil {
		t.Fatal(err)
	}
	rows, meta, err := table.Read[table.Example](filepath.Join(dir, "examples.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		r := rows[i]
		r.Split = "test"
		rows = append(rows, r)
	}
	examples := filepath.Join(t.TempDir(), "other.arrow")
	if err := table.Write(examples, rows, meta); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(dir, filepath.FromSlash(trainer.AdapterDir), "adapter_model.safetensors")
	tensors, _, err := adapter.ReadSafetensors(weights)
	if err != nil {
		t.Fatal(err)
	}
	for label, bias := range [][]float32{{100, -100}, {-100, 100}} {
		for i := range tensors {
			if tensors[i].Name == "base_model.model.classifier.out_proj.bias" {
				tensors[i] = adapter.Float32Tensor(tensors[i].Name, []int{2}, bias)
			}
		}
		if err := adapter.WriteSafetensors(weights, tensors, nil); err != nil {
			t.Fatal(err)
		}
		got, err := Classify(context.Background(), dir, model, examples)
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Repeat([]int{label}, 5); !slices.Equal(got, want) {
			t.Errorf("a head that says %d alone gives %v, want %v", label, got, want)
		}
	}
	var bad *trainer.BadData
	llama := job(t, base(t, "llama"), "llama", nil)
	if _, err := Classify(context.Background(), llama, base(t, "llama"), filepath.Join(llama, "examples.arrow")); !errors.As(err, &bad) {
		t.Errorf("a language model: %v, want bad data", err)
	}
}

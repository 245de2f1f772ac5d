package embedded

import (
	"context"
	"io"
	"path/filepath"

	"taskvec/internal/trainer"
)

// Classify returns the label that a classifier gives to each test example of a file, in its order: the
// classifier is the adapter and the head that the job in dir trained, on the base model's folder. The
// file's labels are to be those that it was trained on.
func Classify(ctx context.Context, dir, base, examples string) ([]int, error) {
	spec, err := trainer.ReadSpec(dir)
	if err != nil {
		return nil, err
	}
	spec.Model.Path, spec.Examples = base, examples
	s, err := begin(spec, dir, io.Discard)
	if err != nil {
		return nil, err
	}
	if !s.classify {
		return nil, &trainer.BadData{Msg: "task " + spec.Task + " has no labels to tell"}
	}
	path := filepath.Join(dir, filepath.FromSlash(trainer.AdapterDir), "adapter_model.safetensors")
	if err := readTensors(path, adapterPrefix, s.trained()); err != nil {
		return nil, err
	}
	test := s.data.splits["test"]
	labels := make([]int, len(test))
	for i := range test {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		_, labels[i] = s.roberta.classify(test[i].tokens, test[i].label, 0, false)
	}
	return labels, nil
}

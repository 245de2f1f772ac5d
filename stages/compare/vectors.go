package compare

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"taskvec/internal/adapter"
	"taskvec/internal/table"
)

// VectorsDir is the folder of the task vectors made of checkpoints, below that of the results.
const VectorsDir = "vectors"

// Vectors puts, in place of each folder that holds a full fine-tuned model, one with its task vector
// W_t − W₀ as an adapter, of at most rank singular values a module, below out; and writes what each
// leaves out into out/truncation.csv and .arrow. Folders of adapters stay. A checkpoint without a
// base is an error.
func Vectors(ctx context.Context, dirs []string, base, out string, rank int, progress func(done, total int, note string)) (adapters, notes []string, err error) {
	var rows []table.Truncation
	for _, dir := range dirs {
		if !adapter.IsCheckpoint(dir) {
			adapters = append(adapters, dir)
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		if base == "" {
			return nil, nil, &adapter.Error{File: dir, Msg: "is a full model, not an adapter: give the model it was fine-tuned from as --base"}
		}
		task := filepath.Base(filepath.Clean(dir))
		place := filepath.Join(out, VectorsDir, task)
		vectors, said, err := adapter.Extract(dir, base, place, rank, seed, func(done, total int) {
			if progress != nil {
				progress(done, total, task)
			}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("take the task vector of %s: %w", dir, err)
		}
		for _, v := range vectors {
			rows = append(rows, table.Truncation{Task: task, Layer: int32(v.Layer), Module: v.Type, Rank: int32(v.Rank), Norm: v.Norm, Residual: v.Residual, Unchanged: v.Unchanged})
		}
		adapters, notes = append(adapters, place), append(notes, said...)
	}
	if rows == nil {
		return adapters, notes, nil
	}
	for _, name := range []string{"truncation.csv", "truncation.arrow"} {
		w, err := table.Create[table.Truncation](filepath.Join(out, name), nil)
		if err != nil {
			return nil, nil, err
		}
		if err := errors.Join(w.Write(rows), w.Close()); err != nil {
			return nil, nil, err
		}
	}
	return adapters, notes, nil
}

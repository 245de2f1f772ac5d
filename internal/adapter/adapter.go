// Package adapter reads LoRA adapters in PEFT's folder format: adapter_config.json with its rules
// for rank and scale, and adapter_model.safetensors, which it also writes.
//
// It hands out factors as they are stored, A (r × n_in) and B (n_out × r) with the scale s of
// ΔW = s·B·A. It is not a tensor library and computes nothing with the factors (that is package
// subspace's), it never opens a pickle, and it knows no tasks.
package adapter

import "fmt"

// An Error is an adapter, or a file of one, that cannot be used as what it should be: bad input
// data. Tensor is empty when the fault is not one tensor's.
type Error struct {
	File   string // file or folder
	Tensor string
	Msg    string
}

func (e *Error) Error() string {
	if e.Tensor != "" {
		return fmt.Sprintf("%s: tensor %q: %s", e.File, e.Tensor, e.Msg)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Msg)
}

package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"taskvec/internal/subspace"
)

// A Checkpoint is a full model in a Hugging Face folder, its weights in one safetensors file or in
// shards. Tensors are read one by one.
type Checkpoint struct {
	Dir     string
	tensors map[string]Tensor // without data
	file    map[string]*File  // of each tensor
	files   []*File
}

// The names of the weights' files, whole or in shards.
const (
	wholeFile = "model.safetensors"
	indexFile = "model.safetensors.index.json"
)

// IsCheckpoint says whether a folder holds a full model and no adapter.
func IsCheckpoint(dir string) bool {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	return !there("adapter_config.json") && (there(wholeFile) || there(indexFile))
}

// OpenCheckpoint indexes the weights of a model's folder. Its error names a shard that is missing or
// damaged.
func OpenCheckpoint(dir string) (_ *Checkpoint, err error) {
	c := &Checkpoint{Dir: dir, tensors: map[string]Tensor{}, file: map[string]*File{}}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	names := []string{wholeFile}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	path := filepath.Join(dir, indexFile)
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, &index); err != nil {
			return nil, configError(path, text, err)
		}
		names = nil
		for _, shard := range index.WeightMap {
			if shard != filepath.Base(shard) {
				return nil, &Error{File: path, Msg: fmt.Sprintf("names the shard %q outside of its folder", shard)}
			}
			if !slices.Contains(names, shard) {
				names = append(names, shard)
			}
		}
		slices.Sort(names)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, name := range names {
		f, err := OpenSafetensors(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return nil, &Error{File: filepath.Join(dir, name), Msg: "there is no such file: a checkpoint is a folder with model.safetensors, or with an index and all its shards"}
		}
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, f)
		for _, t := range f.Tensors {
			c.tensors[t.Name], c.file[t.Name] = t, f
		}
	}
	for name := range index.WeightMap {
		if _, ok := c.tensors[name]; !ok {
			return nil, &Error{File: path, Tensor: name, Msg: "is in none of the shards"}
		}
	}
	return c, nil
}

// Close closes the files.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// linearModules are the modules of layers whose weight is a matrix.
func (c *Checkpoint) linearModules() []string {
	var names []string
	for name, t := range c.tensors {
		module, ok := strings.CutSuffix(name, weightSuffix)
		if layer, _, _ := layerOf(module); ok && layer >= 0 && len(t.Shape) == 2 && floating(t.DType) {
			names = append(names, module)
		}
	}
	slices.Sort(names)
	return names
}

// Matrix returns the weight of a module of an adapter, of out × in; transposed says that the model stores it as
// in × out. The module is found where the names of model and adapter begin differently, as those of a model
// with and without a head do, if only one fits. A weight that is missing or of another shape is an *Error.
func (c *Checkpoint) Matrix(module string, out, in int, transposed bool) (subspace.Matrix, error) {
	name, err := c.Find(module, out, in, transposed)
	if err != nil {
		return subspace.Matrix{}, err
	}
	w := subspace.NewMatrix(out, in)
	if !transposed {
		_, err = c.weight(name, 1, w.Data, nil)
		return w, err
	}
	t, err := c.file[name+weightSuffix].Read(c.tensors[name+weightSuffix], nil)
	if err == nil {
		err = t.Transpose(w.Data)
	}
	return w, err
}

const weightSuffix = ".weight"

// Find returns the checkpoint's name of a module of an adapter, as Matrix has it.
func (c *Checkpoint) Find(module string, out, in int, transposed bool) (string, error) {
	var found []string
	for name := range c.tensors {
		own, ok := strings.CutSuffix(name, weightSuffix)
		if ok && (own == module || strings.HasSuffix(own, "."+module) || strings.HasSuffix(module, "."+own)) {
			found = append(found, own)
		}
	}
	if slices.Contains(found, module) {
		found = []string{module}
	}
	if len(found) != 1 {
		return "", &Error{File: c.Dir, Tensor: module + weightSuffix, Msg: fmt.Sprintf("%d weights of the model have this name: it is not the model that the adapter was trained on", len(found))}
	}
	want := []int{out, in}
	if transposed {
		slices.Reverse(want)
	}
	if t := c.tensors[found[0]+weightSuffix]; !slices.Equal(t.Shape, want) || !floating(t.DType) {
		return "", &Error{File: c.Dir, Tensor: t.Name, Msg: fmt.Sprintf("is %v of %s, and the adapter adds %v to it: it is not the model that the adapter was trained on", t.Shape, t.DType, want)}
	}
	return found[0], nil
}

// weight adds sign·W of a module to dst; buf is room for its bytes, which is returned.
func (c *Checkpoint) weight(module string, sign float64, dst []float64, buf []byte) ([]byte, error) {
	name := module + weightSuffix
	t, err := c.file[name].Read(c.tensors[name], buf)
	if err != nil {
		return buf, err
	}
	cols := t.Shape[1]
	row := make([]float64, cols)
	size := elementSize(t.DType)
	for i := range t.Shape[0] {
		stripe := Tensor{DType: t.DType, Shape: []int{cols}, Data: t.Data[i*cols*size : (i+1)*cols*size]}
		if err := stripe.Decode(row); err != nil {
			return t.Data, err
		}
		for j, v := range row {
			dst[i*cols+j] += sign * v
		}
	}
	return t.Data, nil
}

// A TaskVector is what was kept of W_t − W₀ of one module.
type TaskVector struct {
	Module    string
	Layer     int
	Type      string
	Rank      int
	Norm      float64 // ‖W_t − W₀‖_F
	Residual  float64 // share of the norm that the kept singular values leave out
	Unchanged float64 // share of the entries that are the same in both
}

// Extract writes the task vector of a full fine-tuning, W_t − W₀, as a PEFT adapter into the folder
// out: for each linear module of the layers its leading singular triples, B = U·S and A = Vᵀ. The
// stored bits are subtracted in float64, one module at a time. The notes say what was left out and
// what is inexact. Modules that the two models do not share, and other shapes, are an *Error.
func Extract(tuned, base, out string, rank int, seed uint64, progress func(done, total int)) (vectors []TaskVector, notes []string, err error) {
	t, err := OpenCheckpoint(tuned)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	b, err := OpenCheckpoint(base)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	modules := t.linearModules()
	if len(modules) == 0 {
		return nil, nil, &Error{File: tuned, Msg: "holds no linear module of a numbered layer"}
	}
	var tensors []Tensor
	var room []float64
	var buf []byte
	ranks := map[string]int{}
	rounded := false
	for i, module := range modules {
		name := module + weightSuffix
		w, other := t.tensors[name], b.tensors[name]
		switch {
		case other.Name == "":
			return nil, nil, &Error{File: base, Tensor: name, Msg: "is missing, and " + tuned + " has it: the base is another model"}
		case !slices.Equal(w.Shape, other.Shape) || !floating(other.DType):
			return nil, nil, &Error{File: base, Tensor: name, Msg: fmt.Sprintf("is %v of %s, and in %s %v of %s", other.Shape, other.DType, tuned, w.Shape, w.DType)}
		}
		rounded = rounded || w.DType == BF16 || w.DType == F16
		n := w.Shape[0] * w.Shape[1]
		room = slices.Grow(room[:0], n)[:n]
		clear(room)
		if buf, err = t.weight(module, 1, room, buf); err != nil {
			return nil, nil, err
		}
		if buf, err = b.weight(module, -1, room, buf); err != nil {
			return nil, nil, err
		}
		v, factors, err := vector(module, subspace.Matrix{Rows: w.Shape[0], Cols: w.Shape[1], Data: room}, rank, seed)
		if err != nil {
			return nil, nil, &Error{File: tuned, Tensor: name, Msg: err.Error()}
		}
		vectors, tensors = append(vectors, v), append(tensors, factors...)
		ranks[module] = v.Rank
		if progress != nil {
			progress(i+1, len(modules))
		}
	}
	notes = append(notes, fmt.Sprintf("%s: the task vector is that of %d linear modules; embeddings, norms and heads are left out", tuned, len(modules)))
	if rounded {
		notes = append(notes, tuned+": its weights are rounded to bf16 or f16, so that small changes are partly rounding: see the share of unchanged entries in truncation.csv")
	}
	return vectors, notes, writeVector(out, base, tensors, ranks)
}

// vector returns what is kept of one module's change, and the factors.
func vector(module string, w subspace.Matrix, rank int, seed uint64) (TaskVector, []Tensor, error) {
	v := TaskVector{Module: module}
	same := 0
	for _, x := range w.Data {
		if x == 0 {
			same++
		}
	}
	v.Unchanged = float64(same) / float64(len(w.Data))
	d, residual, err := subspace.Truncate(w, rank, seed)
	if err != nil {
		return v, nil, err
	}
	v.Residual, v.Norm = residual, w.Norm()
	named := []Module{{Name: module}}
	nameTypes(named)
	v.Layer, v.Type = named[0].Layer, named[0].Type
	r := max(d.Rank(), 1) // an unchanged module is a factor of zeros
	a, b := make([]float32, r*w.Cols), make([]float32, w.Rows*r)
	for k, s := range d.S {
		for j, x := range d.V.Row(k) {
			a[k*w.Cols+j] = float32(x)
		}
		for i, x := range d.U.Row(k) {
			b[i*r+k] = float32(s * x)
		}
	}
	v.Rank = r
	return v, []Tensor{
		Float32Tensor("base_model.model."+module+".lora_A.weight", []int{r, w.Cols}, a),
		Float32Tensor("base_model.model."+module+".lora_B.weight", []int{w.Rows, r}, b),
	}, nil
}

// writeVector writes the factors as a PEFT folder whose scale is 1 in every module.
func writeVector(out, base string, tensors []Tensor, ranks map[string]int) error {
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	alphas := map[string]float64{}
	for module, r := range ranks {
		alphas[module] = float64(r)
	}
	config, err := json.MarshalIndent(map[string]any{
		"peft_type": "LORA", "base_model_name_or_path": base, "r": 1, "lora_alpha": 1, "rank_pattern": ranks, "alpha_pattern": alphas,
		"target_modules": slices.Sorted(maps.Keys(ranks)), "bias": "none", "init_lora_weights": true,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "adapter_config.json"), append(config, '\n'), 0o666); err != nil {
		return err
	}
	return WriteSafetensors(filepath.Join(out, "adapter_model.safetensors"), tensors, map[string]string{"format": "pt"})
}

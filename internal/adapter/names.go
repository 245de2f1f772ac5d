package adapter

import (
	"slices"
	"strconv"
	"strings"
)

// A key is the name of a tensor in an adapter's file, taken apart.
type key struct {
	module    string // dotted name of the module in the base model, wrappers' parts removed
	half      byte   // 'A' or 'B'; 0 = not half of a LoRA pair
	embedding bool   // of an embedding
	prefixes  int    // how many times base_model.model. stood before it
}

// parseKey takes the name of a tensor apart: prefixes and infixes of torch.compile, FSDP and DDP
// and PEFT's own are removed, as is the adapter's name "default".
func parseKey(name string) key {
	var k key
	name = strings.ReplaceAll(name, "_orig_mod.", "")
	name = strings.ReplaceAll(name, "_fsdp_wrapped_module.", "")
	for stripped := true; stripped; {
		stripped = false
		if rest, ok := strings.CutPrefix(name, "base_model.model."); ok {
			name, stripped = rest, true
			k.prefixes++
		}
		if rest, ok := strings.CutPrefix(name, "module."); ok {
			name, stripped = rest, true
		}
	}
	k.module = name
	rest := strings.TrimSuffix(name, ".weight")
	rest = strings.TrimSuffix(rest, ".default")
	for _, end := range []struct {
		suffix    string
		half      byte
		embedding bool
	}{{".lora_A", 'A', false}, {".lora_B", 'B', false}, {".lora_embedding_A", 'A', true}, {".lora_embedding_B", 'B', true}} {
		if module, ok := strings.CutSuffix(rest, end.suffix); ok {
			k.module, k.half, k.embedding = module, end.half, end.embedding
		}
	}
	return k
}

// layerOf returns the number of the layer a module lies in, the first of its name's parts that is
// a number, and the parts before and after it; -1 when no part is.
func layerOf(module string) (layer int, before, within string) {
	parts := strings.Split(module, ".")
	for i, part := range parts {
		if n, err := strconv.ParseInt(part, 10, 32); err == nil && n >= 0 {
			return int(n), strings.Join(parts[:i], "."), strings.Join(parts[i+1:], ".")
		}
	}
	return -1, "", module
}

// nameTypes sets the layer and type of modules. The type is the last part of a module's name, such
// as q_proj; where a layer has several of one name, such as RoBERTa's dense, it is the whole path
// inside the layer (attention.output.dense), and where that is not enough either, as with an
// encoder and a decoder, the whole name but for the layer's number.
func nameTypes(modules []Module) {
	names := make([][]string, len(modules)) // the names of one module from short to long
	for i := range modules {
		m := &modules[i]
		layer, before, within := layerOf(m.Name)
		m.Layer = layer
		names[i] = []string{within[strings.LastIndexByte(within, '.')+1:], within, strings.Trim(before+"."+within, ".")}
	}
	pending := make([]int, len(modules))
	for i := range pending {
		pending[i] = i
	}
	for length := range 3 {
		type place struct {
			layer int
			name  string
		}
		count := map[place]int{}
		ambiguous := map[string]bool{}
		for _, i := range pending {
			p := place{modules[i].Layer, names[i][length]}
			if count[p]++; count[p] > 1 {
				ambiguous[p.name] = true
			}
		}
		pending = slices.DeleteFunc(pending, func(i int) bool {
			modules[i].Type = names[i][length]
			return !ambiguous[modules[i].Type]
		})
	}
}

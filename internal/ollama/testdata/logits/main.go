// Logits prints what Ollama's own engine makes of texts: the tokens, and the logits of the one after the
// last. It links the very package that the server runs models with, whose API has no logits.
//
//	logits MODEL [ADAPTER] <TEXTS
//
// MODEL and ADAPTER are GGUF files, such as the blobs of a server; TEXTS is a JSON list of strings. It
// prints a JSON list of {"tokens": […], "logits": […]}.
package main

/*
#include <stdint.h>
float * llama_get_logits_ith(void * ctx, int32_t i);
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"unsafe"

	"github.com/ollama/ollama/llama"
)

// These are the settings of the server's runner.
const (
	contextTokens = 2048
	batchTokens   = 512
	threads       = 1
)

type result struct {
	Tokens []int     `json:"tokens"`
	Logits []float32 `json:"logits"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("logits: ")
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		log.Fatalf("read the texts: %v", err)
	}
	llama.BackendInit()
	model, err := llama.LoadModelFromFile(os.Args[1], llama.ModelParams{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, err := llama.NewContextWithModel(model, llama.NewContextParams(contextTokens, batchTokens, 1, threads, false, ""))
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 2 {
		if err := model.ApplyLoraFromFile(ctx, os.Args[2], 1, threads); err != nil {
			log.Fatalf("%s: %v", os.Args[2], err)
		}
	}
	results := make([]result, len(texts))
	for i, text := range texts {
		if results[i], err = next(model, ctx, text); err != nil {
			log.Fatalf("%q: %v", text, err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// next runs the model over a text.
func next(model *llama.Model, ctx *llama.Context, text string) (result, error) {
	tokens, err := model.Tokenize(text, true, true)
	if err != nil {
		return result{}, err
	}
	if len(tokens) > contextTokens {
		return result{}, fmt.Errorf("%d tokens are more than %d", len(tokens), contextTokens)
	}
	ctx.KvCacheClear()
	batch, err := llama.NewBatch(batchTokens, 1, 0)
	if err != nil {
		return result{}, err
	}
	defer batch.Free()
	for i, token := range tokens {
		batch.Add(token, nil, i, i == len(tokens)-1, 0)
		if batch.NumTokens() == batchTokens || i == len(tokens)-1 {
			if err := ctx.Decode(batch); err != nil {
				return result{}, err
			}
			if i < len(tokens)-1 {
				batch.Clear()
			}
		}
	}
	// The engine's context is the first field of the Go one.
	logits := C.llama_get_logits_ith(*(*unsafe.Pointer)(unsafe.Pointer(ctx)), C.int32_t(batch.NumTokens()-1))
	if logits == nil {
		return result{}, fmt.Errorf("the engine gave no logits")
	}
	return result{tokens, append([]float32(nil), unsafe.Slice((*float32)(logits), model.NumVocab())...)}, nil
}

package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"taskvec/internal/tokenizer"
	"taskvec/internal/trainer"
)

// initStd is the standard deviation of freshly drawn weights.
const initStd = 0.02

// Pretraining are the settings by which a base model W₀ is made from scratch.
type Pretraining struct {
	Config
	Epochs       int
	LearningRate float64 // peak; AdamW, a tenth of warm-up, then cosine to a tenth
	BatchSize    int     // sequences a step
	MaxLength    int     // tokens a sequence
	WeightDecay  float64
	Clip         float64
	Seed         int64
}

// Pretrained says how a pretraining went.
type Pretrained struct {
	Parameters       int64     `json:"parameters"`
	Vocabulary       int       `json:"vocabulary"`
	Tokens           int64     `json:"tokens"` // of the training text
	Steps            int64     `json:"steps"`
	TrainLosses      []float64 `json:"train_losses"`      // mean over each epoch, per predicted token
	ValidationLosses []float64 `json:"validation_losses"` // before the first epoch and after each
}

// maskShare is the share of tokens that masked-language training predicts; of these eight tenths
// become the mask, a tenth another token, a tenth stays (Devlin et al. 2019).
const maskShare = 0.15

// Pretrain makes a base model from texts: a tokenizer from the texts and vocabulary (further text
// whose words shall be in the vocabulary), then a causal (llama) or masked (roberta) language model
// of the texts. It writes an ordinary Hugging Face folder into dir.
func Pretrain(ctx context.Context, dir string, set Pretraining, train, validation, vocabulary []string, out io.Writer, progress func(trainer.Progress)) (*Pretrained, error) {
	k := trainTokenizer(append(append([]string(nil), train...), vocabulary...), set.Vocab)
	c := set.Config
	c.Vocab, c.BOS, c.Pad, c.EOS, c.Mask = k.Len(), specialID(bosToken), specialID(padToken), specialID(eosToken), specialID(maskToken)
	if c.Family == "roberta" {
		c.KVHeads = c.Heads
		c.MaxPositions += int(c.Pad) + 1
	}
	var model languageModel
	var params []*param
	if c.Family == "roberta" {
		m := newRoberta(c)
		model, params = m, m.params()
	} else {
		m := newLlama(c)
		model, params = m, m.params()
	}
	initialise(params, stream(set.Seed, streamWeights, 0))
	opt := newAdamW(params, set.WeightDecay)
	chunks, held := cutChunks(train, k, c, set.MaxLength), cutChunks(validation, k, c, set.MaxLength)
	if len(chunks) == 0 || len(held) == 0 {
		return nil, &trainer.BadData{Msg: "no text to pretrain on, or none to validate with"}
	}
	r := &Pretrained{Vocabulary: k.Len()}
	for _, p := range params {
		r.Parameters += int64(len(p.w))
	}
	for _, ch := range chunks {
		r.Tokens += int64(len(ch))
	}
	evaluate := func() float64 {
		sum, n := 0.0, 0
		for i, ch := range held {
			tokens, targets := predict(ch, c, stream(set.Seed, streamMask, 1<<40|uint64(i)))
			l, m := model.loss(tokens, targets, 0, false)
			sum, n = sum+l, n+m
		}
		return sum / float64(max(n, 1))
	}
	r.ValidationLosses = append(r.ValidationLosses, evaluate())
	per := (len(chunks) + set.BatchSize - 1) / set.BatchSize
	total := int64(per * set.Epochs)
	began, seen := time.Now(), int64(0)
	for epoch := range set.Epochs {
		order := stream(set.Seed, streamOrder, uint64(epoch)).Perm(len(chunks))
		sum, n := 0.0, 0
		for i := range per {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			rng := stream(set.Seed, streamMask, uint64(r.Steps))
			batch := order[i*set.BatchSize : min((i+1)*set.BatchSize, len(order))]
			stepLoss, stepCount := 0.0, 0
			for _, j := range batch {
				tokens, targets := predict(chunks[j], c, rng)
				// Every sequence of a step weighs by its predicted tokens; their number is near enough the
				// same, so the mean over the batch is taken over its sequences' expected count.
				expected := float32(len(tokens)) * float32(len(batch))
				if c.Family == "roberta" {
					expected *= maskShare
				}
				l, m := model.loss(tokens, targets, 1/expected, true)
				stepLoss, stepCount = stepLoss+l, stepCount+m
				seen += int64(len(tokens))
			}
			opt.clip(set.Clip)
			opt.update(rateAt(r.Steps, total, set.LearningRate, "cosine", 0.1, 0.1))
			r.Steps++
			sum, n = sum+stepLoss, n+stepCount
			p := trainer.Progress{Step: r.Steps, Total: total, Loss: stepLoss / float64(max(stepCount, 1)), Epoch: float64(r.Steps) / float64(per),
				TokensPerSecond: float64(seen) / time.Since(began).Seconds()}
			if err := json.NewEncoder(out).Encode(p); err != nil {
				return nil, fmt.Errorf("report progress: %w", err)
			}
			if progress != nil {
				progress(p)
			}
		}
		r.TrainLosses = append(r.TrainLosses, sum/float64(max(n, 1)))
		r.ValidationLosses = append(r.ValidationLosses, evaluate())
	}
	return r, writeFolder(dir, c, params, k)
}

// A languageModel predicts the targets of a sequence.
type languageModel interface {
	loss(tokens, targets []int32, scale float32, backward bool) (float64, int)
}

// initialise draws the matrices from a normal distribution; vectors keep what they were made with.
func initialise(params []*param, rng *rand.Rand) {
	for _, p := range params {
		if len(p.shape) == 2 {
			for i := range p.w {
				p.w[i] = float32(rng.NormFloat64() * initStd)
			}
		}
	}
}

// cutChunks tokenises each text, frames it by BOS and EOS, and cuts it into pieces of at most
// longest tokens.
func cutChunks(texts []string, k *tokenizer.Tokenizer, c Config, longest int) [][]int32 {
	var out [][]int32
	for _, text := range texts {
		tokens := append(append([]int32{c.BOS}, k.Encode(text)...), c.EOS)
		for len(tokens) > 1 {
			n := min(longest, len(tokens))
			out = append(out, tokens[:n])
			tokens = tokens[n:]
		}
	}
	return out
}

// predict returns the input and targets of a language-model step on a chunk: the next token, or for
// roberta the masked ones.
func predict(chunk []int32, c Config, rng *rand.Rand) (tokens, targets []int32) {
	targets = make([]int32, len(chunk))
	if c.Family != "roberta" {
		copy(targets, chunk[1:])
		targets[len(chunk)-1] = -1
		return chunk, targets
	}
	tokens = append([]int32(nil), chunk...)
	for i, tok := range chunk {
		targets[i] = -1
		if tok == c.BOS || tok == c.EOS || rng.Float64() >= maskShare {
			continue
		}
		targets[i] = tok
		switch u := rng.Float64(); {
		case u < 0.8:
			tokens[i] = c.Mask
		case u < 0.9:
			tokens[i] = int32(len(specialTokens) + rng.IntN(c.Vocab-len(specialTokens)))
		}
	}
	return tokens, targets
}

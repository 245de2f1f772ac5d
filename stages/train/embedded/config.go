package embedded

// A Config is the shape of a model and the ids of its special tokens.
type Config struct {
	Family       string // llama or roberta
	Vocab        int
	Hidden       int
	Layers       int
	Heads        int
	KVHeads      int
	Intermediate int
	MaxPositions int // of roberta, those before the first token included
	NormEps      float64
	RopeTheta    float64
	Tied         bool // the output layer is the embedding

	BOS, EOS, Pad, Mask int32
}

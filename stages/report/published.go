package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"
)

// Published are values of a publication to print beside ours: configs/published/poster.yaml.
type Published struct {
	Projection []PublishedProjection `yaml:"projection"`
	Entropy    []PublishedEntropy    `yaml:"entropy"`
	Figures    []struct {
		Model   string `yaml:"model"`
		Caption string `yaml:"caption"`
	} `yaml:"figures"`
	Takeaways []string `yaml:"takeaways"`
}

// PublishedProjection are L_1 and REC of an ordered pair for each variant of the model.
type PublishedProjection struct {
	Pair     [2]string `yaml:"pair"`
	Instruct L1REC     `yaml:"instruct"`
	Base     L1REC     `yaml:"base"`
}

// L1REC is one cell of the published projection table.
type L1REC struct {
	L1  float64 `yaml:"l1"`
	REC float64 `yaml:"rec"`
}

// PublishedEntropy are H(S₁) and H(S₂) of an ordered pair for each variant of the model.
type PublishedEntropy struct {
	Pair     [2]string `yaml:"pair"`
	Instruct H1H2      `yaml:"instruct"`
	Base     H1H2      `yaml:"base"`
}

// H1H2 is one cell of the published entropy table.
type H1H2 struct {
	H1 float64 `yaml:"h1"`
	H2 float64 `yaml:"h2"`
}

// ReadPublished reads a file of published values; unknown keys are errors with their line.
func ReadPublished(path string) (*Published, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read published values: %w", err)
	}
	var p Published
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read published values: %s: %w", path, err)
	}
	return &p, nil
}

// projection returns the published L_1 and REC of a pair for a variant.
func (p *Published) projection(source, target, variant string) (L1REC, bool) {
	for _, e := range p.Projection {
		if e.Pair == [2]string{source, target} {
			return ofVariant(variant, e.Instruct, e.Base)
		}
	}
	return L1REC{}, false
}

// entropy returns the published H(S₁) and H(S₂) of a pair for a variant.
func (p *Published) entropy(source, target, variant string) (H1H2, bool) {
	for _, e := range p.Entropy {
		if e.Pair == [2]string{source, target} {
			return ofVariant(variant, e.Instruct, e.Base)
		}
	}
	return H1H2{}, false
}

// ofVariant chooses what was published of a variant; a model of none is compared with nothing.
func ofVariant[T any](variant string, instruct, base T) (value T, ok bool) {
	switch variant {
	case "instruct":
		return instruct, true
	case "base":
		return base, true
	}
	return value, false
}

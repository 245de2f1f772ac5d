package embedded

import (
	"fmt"

	"taskvec/internal/table"
	"taskvec/internal/tokenizer"
	"taskvec/internal/trainer"
)

// A sequence is one tokenised example. Targets are −1 where nothing is supervised; a causal target
// is the next token. Label is the class of a classification example.
type sequence struct {
	tokens  []int32
	targets []int32
	label   int32
}

// supervised is how many tokens, or labels, of the sequence are trained on.
func (s *sequence) supervised() int64 {
	if s.targets == nil {
		return 1
	}
	n := int64(0)
	for _, y := range s.targets {
		if y >= 0 {
			n++
		}
	}
	return n
}

// A dataset is the tokenised examples of each split.
type dataset struct {
	splits    map[string][]sequence
	truncated map[string]int
}

// prepare tokenises the examples and checks what would spoil a training in silence: rows without a
// supervised token, a missing end token, a doubled start token.
func prepare(rows []table.Example, k *tokenizer.Tokenizer, c Config, classify bool, labels, maxLength int) (*dataset, error) {
	longest := c.MaxPositions
	if c.Family == "roberta" {
		longest -= int(c.Pad) + 1
	}
	longest = min(longest, maxLength)
	d := &dataset{splits: map[string][]sequence{}, truncated: map[string]int{}}
	for _, r := range rows {
		var s sequence
		var cut bool
		var err error
		if classify {
			s, cut, err = classified(r, k, c, labels, longest)
		} else {
			s, cut, err = completed(r, k, c, longest)
		}
		if err != nil {
			return nil, &trainer.BadData{Msg: fmt.Sprintf("example %s: %v", r.ID, err)}
		}
		if cut {
			d.truncated[r.Split]++
		}
		d.splits[r.Split] = append(d.splits[r.Split], s)
	}
	for _, split := range []string{"train", "validation"} {
		if len(d.splits[split]) == 0 {
			return nil, &trainer.BadData{Msg: fmt.Sprintf("no %s examples", split)}
		}
	}
	return d, nil
}

// completed tokenises a causal example: BOS, prompt, completion, EOS, prompt and completion apart.
// Of an over-long one the middle of the prompt is left out, so that the instruction and the words
// that announce the answer stay.
func completed(r table.Example, k *tokenizer.Tokenizer, c Config, longest int) (sequence, bool, error) {
	prompt, answer := k.Encode(r.Prompt), k.Encode(r.Completion)
	if len(answer) == 0 {
		return sequence{}, false, fmt.Errorf("its answer is empty: nothing would be trained")
	}
	room := longest - len(answer) - 2
	if room < min(len(prompt), 2) {
		return sequence{}, false, fmt.Errorf("its answer of %d tokens leaves no room for the prompt in %d: raise max_length", len(answer), longest)
	}
	cut := len(prompt) > room
	if cut {
		head := room / 2
		prompt = append(prompt[:head:head], prompt[len(prompt)-(room-head):]...)
	}
	tokens := append([]int32{c.BOS}, prompt...)
	start := len(tokens)
	tokens = append(append(tokens, answer...), c.EOS)
	targets := make([]int32, len(tokens))
	for i := range targets {
		targets[i] = -1
		if i+1 >= start && i+1 < len(tokens) {
			targets[i] = tokens[i+1]
		}
	}
	if len(tokens) > 1 && tokens[1] == c.BOS {
		return sequence{}, false, fmt.Errorf("it begins with two start tokens")
	}
	if targets[len(targets)-2] != c.EOS {
		return sequence{}, false, fmt.Errorf("its end token is not supervised")
	}
	return sequence{tokens: tokens, targets: targets}, cut, nil
}

// classified tokenises a classification example as RoBERTa does: <s> text </s>, and
// </s> pair </s> behind it where there is one. Of an over-long one the end of the longer text is
// left out, of both where each alone takes more than half the room (Hugging Face's longest_first).
func classified(r table.Example, k *tokenizer.Tokenizer, c Config, labels, longest int) (sequence, bool, error) {
	if r.Label < 0 || int(r.Label) >= labels {
		return sequence{}, false, fmt.Errorf("its label %d is none of the %d labels", r.Label, labels)
	}
	text, pair := k.Encode(r.Text), []int32(nil)
	special := 2
	if r.TextPair != "" {
		pair = k.Encode(r.TextPair)
		special = 4
	}
	first, second := longestFirst(len(text), len(pair), longest-special)
	cut := first < len(text) || second < len(pair)
	tokens := append(append([]int32{c.BOS}, text[:first]...), c.EOS)
	if r.TextPair != "" {
		tokens = append(append(append(tokens, c.EOS), pair[:second]...), c.EOS)
	}
	return sequence{tokens: tokens, label: r.Label}, cut, nil
}

// longestFirst returns how many tokens two texts of a and b keep in room: the longer one is cut
// down to the other and then both alike.
func longestFirst(a, b, room int) (int, int) {
	switch half := room / 2; {
	case a+b <= room:
		return a, b
	case a <= half:
		return a, room - a
	case b <= half:
		return room - b, b
	case a > b:
		return room - half, half
	default:
		return half, room - half
	}
}

package subspace

import "math"

// A Sign is what the negative entries of a projected spectrum count as.
type Sign string

const (
	Abs    Sign = "abs"    // as their absolute value
	Clip   Sign = "clip"   // as 0
	Signed Sign = "signed" // as they are, in L_p distances; elsewhere as their absolute value
)

// Apply returns s with its negative entries counted as the sign says; Signed leaves them.
func (sign Sign) Apply(s []float64) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		switch {
		case sign == Signed || v >= 0:
			out[i] = v
		case sign == Abs:
			out[i] = -v
		}
	}
	return out
}

// Negatives returns how many entries of s are below 0.
func Negatives(s []float64) int {
	n := 0
	for _, v := range s {
		if v < 0 {
			n++
		}
	}
	return n
}

// Lp returns (Σ|a−b|^p)^{1/p} of two spectra of one length, p ≥ 1.
func Lp(p float64, a, b []float64) float64 {
	largest := 0.0
	for i, v := range a {
		largest = max(largest, math.Abs(v-b[i]))
	}
	if largest == 0 {
		return 0
	}
	sum := 0.0
	for i, v := range a {
		switch d := math.Abs(v-b[i]) / largest; p { // powers of 1, 2 and 3 are the usual ones, and quick
		case 1:
			sum += d
		case 2:
			sum += d * d
		case 3:
			sum += d * d * d
		default:
			sum += math.Pow(d, p)
		}
	}
	switch p {
	case 1:
		return largest * sum
	case 2:
		return largest * math.Sqrt(sum)
	case 3:
		return largest * math.Cbrt(sum)
	}
	return largest * math.Pow(sum, 1/p)
}

// Unit returns s divided by Σ|s|; a spectrum of zeros as it is.
func Unit(s []float64) []float64 {
	total := size(s)
	out := make([]float64, len(s))
	if total > 0 {
		for i, v := range s {
			out[i] = v / total
		}
	}
	return out
}

// Rec returns the overlap Σ min(p, q) in [0, 1] of two spectra, p and q being them as shares of
// their own Σ|s|; 0 when one of them is all zeros.
func Rec(a, b []float64) float64 {
	p, q := size(a), size(b)
	if p == 0 || q == 0 {
		return 0
	}
	sum := 0.0
	for i, v := range a {
		sum += min(math.Abs(v)/p, math.Abs(b[i])/q)
	}
	return min(sum, 1)
}

// size returns Σ|s|.
func size(s []float64) float64 {
	total := 0.0
	for _, v := range s {
		total += math.Abs(v)
	}
	return total
}

// Entropy returns −Σ p·ln p / ln k in [0, 1], p = |s|/Σ|s| of a spectrum of k entries and
// 0·ln 0 = 0: 1 for a flat spectrum. It is 0 when k = 1 or all entries are 0.
func Entropy(s []float64) float64 {
	if len(s) < 2 {
		return 0
	}
	return min(nats(s)/math.Log(float64(len(s))), 1)
}

// nats returns −Σ p·ln p, p = |s|/Σ|s| and 0·ln 0 = 0.
func nats(s []float64) float64 {
	h, total := 0.0, size(s)
	for _, v := range s {
		if p := math.Abs(v) / total; p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h
}

// StableRank returns ΣS²/S_max² = ‖ΔW‖_F²/‖ΔW‖₂² of a descending spectrum of k > 0 singular values,
// in [1, k] (Rudelson and Vershynin 2007); 0 when k = 0.
func StableRank(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	root := norm(s) / s[0]
	return root * root
}

// EffectiveRank returns exp(−Σ p·ln p), p = S/ΣS, of a spectrum of k > 0 singular values, in [1, k]
// (Roy and Vetterli, EUSIPCO 2007); 0 when k = 0.
func EffectiveRank(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	return math.Exp(nats(s))
}

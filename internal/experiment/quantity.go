package experiment

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Quantity is a number of bytes, written as in Kubernetes: 512Mi, 40Gi, 2G.
type Quantity int64

// A Duration is a time span, written as in Go: 30s, 10m, 12h.
type Duration time.Duration

// units are the suffixes of a Quantity and what they multiply by.
var units = []struct {
	suffix string
	factor int64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40},
	{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
}

// ParseQuantity reads a number of bytes.
func ParseQuantity(s string) (Quantity, error) {
	number, factor := s, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, factor = rest, u.factor
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a quantity of bytes: write a whole number and a unit, such as 512Mi or 40Gi", s)
	}
	return Quantity(n * factor), nil
}

// String gives the quantity with the largest binary unit that divides it.
func (q Quantity) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; int64(q) != 0 && int64(q)%u.factor == 0 {
			return fmt.Sprintf("%d%s", int64(q)/u.factor, u.suffix)
		}
	}
	return strconv.FormatInt(int64(q), 10)
}

// ParseDuration reads a time span; negative ones are refused.
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration: write a number and a unit, such as 30s, 10m or 12h", s)
	}
	return Duration(d), nil
}

func (d Duration) String() string { return time.Duration(d).String() }

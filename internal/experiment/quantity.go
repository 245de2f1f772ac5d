package experiment

import "time"

// A Quantity is a number of bytes, written as in Kubernetes: 512Mi, 40Gi, 2G.
type Quantity int64

// A Duration is a time span, written as in Go: 30s, 10m, 12h.
type Duration time.Duration

package subspace

import (
	"math"
	"slices"
)

// smallValues puts the n singular values of x, m × n with m ≥ n ≥ 1, which it overwrites, into s,
// descending; e is for n more numbers. It is for matrices that fit a first-level cache, where it takes a
// quarter of LAPACK's time: Householder bidiagonalisation (Golub and Van Loan, Matrix Computations, 4th
// ed., algorithm 5.4.2) and then the differential quotient-difference algorithm with shifts (dqds;
// Fernando and Parlett, Numer. Math. 67, 1994). Values are good to a few ε of the largest. It reports
// whether it came to an end; it does not try for matrices too small or large to be squared twice.
func smallValues(x Matrix, s, e []float64) bool {
	m, n := x.Rows, x.Cols
	s, e = s[:n], e[:n]
	largest := 0.0
	for _, v := range x.Data {
		largest = max(largest, math.Abs(v))
	}
	if !(largest > 1e-60 && largest < 1e60) {
		return false
	}
	for k := range n {
		// A reflector from the left clears column k below the diagonal.
		s[k] = 0
		if square := columnSquare(x, k, k); square > 0 {
			d := x.Data[k*n+k]
			beta := -math.Copysign(math.Sqrt(square), d)
			s[k] = beta
			x.Data[k*n+k] = d - beta
			gamma := 1 / (beta * (d - beta))
			w := e[k+1:] // of the trailing columns, not yet used for anything else
			clear(w)
			for i := k; i < m; i++ {
				row := x.Data[i*n+k : (i+1)*n]
				v := row[0]
				for j, y := range row[1:] {
					w[j] += v * y
				}
			}
			for i := k; i < m; i++ {
				row := x.Data[i*n+k : (i+1)*n]
				v := row[0] * gamma
				for j, y := range w {
					row[1+j] += v * y
				}
			}
		}
		if k+1 >= n {
			break
		}
		// A reflector from the right clears row k beyond the superdiagonal.
		row := x.Data[k*n+k+1 : (k+1)*n]
		square := 0.0
		for _, y := range row {
			square += y * y
		}
		e[k] = 0
		if square > 0 {
			beta := -math.Copysign(math.Sqrt(square), row[0])
			e[k] = beta
			gamma := 1 / (beta * (row[0] - beta))
			row[0] -= beta
			for i := k + 1; i < m; i++ {
				other := x.Data[i*n+k+1 : (i+1)*n]
				sum := 0.0
				for j, y := range row {
					sum += y * other[j]
				}
				sum *= gamma
				for j, y := range row {
					other[j] += sum * y
				}
			}
		}
	}
	return bidiagonalValues(s, e[:n-1])
}

// columnSquare returns the square of the length of column j of x from row from on.
func columnSquare(x Matrix, from, j int) float64 {
	square := 0.0
	for i := from; i < x.Rows; i++ {
		v := x.Data[i*x.Cols+j]
		square += v * v
	}
	return square
}

// bidiagonalValues overwrites d with the singular values of the bidiagonal matrix of diagonal d and
// superdiagonal e, which it uses up, descending.
func bidiagonalValues(d, e []float64) bool {
	var fixed [4][16]float64
	q, f, q2, f2 := fixed[0][:], fixed[1][:], fixed[2][:], fixed[3][:]
	if len(d) > len(fixed[0]) {
		more := make([]float64, 4*len(d))
		q, f, q2, f2 = more[:len(d)], more[len(d):2*len(d)], more[2*len(d):3*len(d)], more[3*len(d):]
	}
	for i, v := range d {
		q[i] = v * v
	}
	for i, v := range e {
		f[i] = v * v
	}
	const negligible = (10 * epsilon) * (10 * epsilon)
	shifted := 0.0
	steps := 0
	for n := len(d); n > 0; {
		last := n - 1
		if last == 0 || f[last-1] <= negligible*(shifted+q[last]) {
			d[last] = math.Sqrt(shifted + q[last])
			n--
			continue
		}
		small, large := pairValues(q, f, last)
		if last == 1 || f[last-2] <= negligible*(shifted+q[last-1]) {
			d[last-1], d[last] = math.Sqrt(shifted+large), math.Sqrt(shifted+small)
			n -= 2
			continue
		}
		// small is not below the least eigenvalue λ of all. By its residual in the next row it is above
		// it by ρ²/gap or less, if it is λ's neighbour (Temple).
		shift := small / 4
		coupling, rest := f[last-1]*q[last], q[last-1]+f[last-1]-small
		square := f[last-2] * q[last-1] * coupling / (coupling + rest*rest)
		if gap := min(large, q[last-2]) - small; gap > 0 && square < small*gap/4 {
			shift = small - 2*square/gap
		}
		for try := 0; ; try++ {
			if steps++; steps > 30*len(d) {
				return false
			}
			least, end := quotientDifference(q2, f2, q, f, shift, n)
			if least >= 0 {
				break
			}
			switch { // too large a shift; that it was so only at the end says what is right
			case least != least || shift == 0:
				return false
			case end && try == 0 && shift+least > 0:
				shift = (shift + least) * (1 - 2*epsilon)
			case try < 2:
				shift /= 4
			default:
				shift = 0
			}
		}
		shifted += shift
		q, f, q2, f2 = q2, f2, q, f
	}
	slices.Sort(d)
	slices.Reverse(d)
	return true
}

// pairValues returns the eigenvalues of the last 2 × 2 block.
func pairValues(q, f []float64, last int) (small, large float64) {
	x, y, z := q[last-1], q[last], f[last-1]
	large = (x + y + z + math.Sqrt((x-y+z)*(x-y+z)+4*y*z)) / 2
	if large > 0 {
		small = x * y / large
	}
	return small, large
}

// quotientDifference takes one step with a shift from the first n elements of q and f to those of q2
// and f2. It returns the least of the values that must not be negative, NaN when it broke down, and
// whether only the last of them was.
func quotientDifference(q2, f2, q, f []float64, shift float64, n int) (least float64, end bool) {
	q2, f2, q, f = q2[:n], f2[:n], q[:n], f[:n]
	d := q[0] - shift
	least = d
	for i := range n - 1 {
		if d < 0 {
			return d, false
		}
		q2[i] = d + f[i]
		ratio := q[i+1] / q2[i]
		f2[i] = f[i] * ratio
		d = d*ratio - shift
		least = min(least, d)
	}
	q2[n-1] = d
	return least, true
}

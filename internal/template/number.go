package template

import (
	"math"
	"strconv"
)

// scanNumber returns the length of the decimal number that s begins with (0 if none) and whether it
// has a fraction or an exponent.
func scanNumber(s string) (n int, isFloat bool) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	first := i
	i = skipDigits(s, i)
	if i == first {
		return 0, false
	}
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		i, isFloat = skipDigits(s, i+1), true
	}
	if end := skipExponent(s, i); end > i {
		i, isFloat = end, true
	}
	return i, isFloat
}

func skipDigits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

func skipExponent(s string, i int) int {
	if i >= len(s) || s[i] != 'e' && s[i] != 'E' {
		return i
	}
	j := i + 1
	if j < len(s) && (s[j] == '-' || s[j] == '+') {
		j++
	}
	if end := skipDigits(s, j); end > j {
		return end
	}
	return i
}

// parseNumber reads a text that is a number as a whole. An integer beyond 64 bits becomes a float.
func parseNumber(s string) (Value, bool) {
	n, isFloat := scanNumber(s)
	if n == 0 || n < len(s) {
		return Value{}, false
	}
	if !isFloat {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Int(i), true
		}
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range: the infinity is the value
	return newFloat(f), true
}

// number is the value as an operand: an integer or a float. exact is false if the value is not a
// number as a whole, so that it counts as 0 or as the number that it begins with.
func (v Value) number() (n Value, exact bool) {
	switch v.kind {
	case integer, float:
		return v, true
	case boolean:
		return Int(int64(v.bits)), false
	case text:
		s := v.text()
		if n, ok := parseNumber(s); ok {
			return n, true
		}
		end, _ := scanNumber(s)
		if n, ok := parseNumber(s[:end]); ok {
			return n, false
		}
	}
	return Int(0), false
}

func (v Value) toFloat() float64 {
	if v.kind == float {
		return v.float()
	}
	return float64(v.int())
}

// toInt truncates; ok is false where 64 bits do not suffice.
func (v Value) toInt() (n int64, ok bool) {
	if v.kind != float {
		return v.int(), true
	}
	f := v.float()
	return int64(f), f > -(1<<63) && f < 1<<63
}

// compareNumbers returns -1, 0 or 1; a NaN equals nothing and is less than everything.
func compareNumbers(a, b Value) int {
	if a.kind == integer && b.kind == integer {
		switch {
		case a.int() < b.int():
			return -1
		case a.int() > b.int():
			return 1
		}
		return 0
	}
	switch x, y := a.toFloat(), b.toFloat(); {
	case x == y:
		return 0
	case x > y:
		return 1
	}
	return -1
}

// calculate applies one of + - * / % to two numbers; ok is false for a division by zero.
func calculate(op byte, a, b Value) (v Value, ok bool) {
	if op == '%' {
		return modulo(a, b)
	}
	if a.kind == integer && b.kind == integer {
		if v, ok := calculateInts(op, a.int(), b.int()); ok {
			return v, true
		}
	}
	x, y := a.toFloat(), b.toFloat()
	switch op {
	case '+':
		return newFloat(x + y), true
	case '-':
		return newFloat(x - y), true
	case '*':
		return newFloat(x * y), true
	}
	return newFloat(x / y), y != 0
}

// calculateInts is exact; ok is false where the result is no 64 bit integer.
func calculateInts(op byte, a, b int64) (v Value, ok bool) {
	switch op {
	case '+':
		c := a + b
		return Int(c), (c > a) == (b > 0)
	case '-':
		c := a - b
		return Int(c), (c < a) == (b > 0)
	case '*':
		if a == 0 || b == 0 {
			return Int(0), true
		}
		c := a * b
		wraps := a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64
		return Int(c), !wraps && c/b == a
	}
	if b == 0 || a == math.MinInt64 && b == -1 || a%b != 0 {
		return Value{}, false
	}
	return Int(a / b), true
}

func modulo(a, b Value) (v Value, ok bool) {
	x, okX := a.toInt()
	y, okY := b.toInt()
	if okX && okY {
		if y == 0 {
			return Value{}, false
		}
		return Int(x % y), true
	}
	return newFloat(math.Mod(math.Trunc(a.toFloat()), math.Trunc(b.toFloat()))), b.toFloat() != 0
}

// appendFloat writes the shortest decimal without exponent, 15 significant digits at most.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	case f == 0:
		return append(dst, '0') // also for minus zero
	}
	var buf [32]byte
	rounded, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'e', 14, 64)), 64)
	if err != nil {
		rounded = f // the largest floats cannot be rounded up
	}
	return strconv.AppendFloat(dst, rounded, 'f', -1, 64)
}

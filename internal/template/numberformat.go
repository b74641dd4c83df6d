package template

import "strings"

// maxDecimals is more than any float has; it bounds the result.
const maxDecimals = 400

// numberFormat is number_format:decimals:point:thousands. It works on the decimal digits, so that
// 1.005 rounds to 1.01.
func numberFormat(s *state, v Value, a arguments) (Value, error) {
	n, exact := v.number()
	if !exact || a.n == 0 {
		return v, nil
	}
	digits, negative := strings.CutPrefix(n.text(), "-")
	if digits[0] > '9' { // not finite
		return v, nil
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	whole, fraction = roundDecimal(whole, fraction, min(max(a.int(0, 0), 0), maxDecimals))
	negative = negative && strings.Trim(whole+fraction, "0") != ""
	if fraction != "" {
		fraction = a.text(1, ".") + fraction
	}
	sep := a.text(2, "")
	if err := s.room(len(whole)*(1+len(sep)) + len(fraction)); err != nil {
		return v, err
	}
	out := group(whole, sep) + fraction
	if negative {
		out = "-" + out
	}
	return String(out), nil
}

// roundDecimal rounds half away from zero to so many decimals.
func roundDecimal(whole, fraction string, decimals int) (string, string) {
	if len(fraction) <= decimals {
		return whole, fraction + strings.Repeat("0", decimals-len(fraction))
	}
	up := fraction[decimals] >= '5'
	all := []byte("0" + whole + fraction[:decimals])
	for i := len(all) - 1; up && i >= 0; i-- {
		if all[i] == '9' {
			all[i] = '0'
			continue
		}
		all[i]++
		up = false
	}
	if all[0] == '0' {
		all = all[1:]
	}
	n := len(all) - decimals
	return string(all[:n]), string(all[n:])
}

func group(whole, sep string) string {
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteByte(whole[i])
	}
	return b.String()
}

package settings

import "regexp/syntax"

const maxLiterals = 32 // alternatives of a pattern

// required finds folded texts of which every match contains one; nil: none are known. The longer they are the better.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{fold(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpConcat:
		return longestOf(re.Sub)
	case syntax.OpAlternate:
		return oneOf(re.Sub)
	}
	return nil
}

// longestOf takes the part of a sequence that says most.
func longestOf(parts []*syntax.Regexp) (best []string) {
	for _, part := range parts {
		if found := required(part); len(found) > 0 && (best == nil || shortest(found) > shortest(best)) {
			best = found
		}
	}
	return best
}

// oneOf needs something of each alternative.
func oneOf(alternatives []*syntax.Regexp) (all []string) {
	for _, one := range alternatives {
		found := required(one)
		if len(found) == 0 || len(all)+len(found) > maxLiterals {
			return nil
		}
		all = append(all, found...)
	}
	return all
}

func shortest(list []string) int {
	n := len(list[0])
	for _, s := range list {
		n = min(n, len(s))
	}
	return n
}

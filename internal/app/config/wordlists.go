package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// wordType is one of the words; empty counts only where it is one of them.
func wordType(words ...string) Type {
	t := Type{Name: "word", Allowed: wordsOf(words), empty: slices.Contains(words, "")}
	t.parse = func(raw string) (any, error) {
		for _, w := range words {
			if strings.EqualFold(raw, w) {
				return w, nil
			}
		}
		return "", errors.New("is not one of the words")
	}
	return t
}

func wordsOf(words []string) string {
	if words[0] == "" {
		return strings.Join(words[1:], ", ") + " or empty"
	}
	return strings.Join(words, ", ")
}

// wordsType is a list of the words, each kept once, in the order of the value.
func wordsType(words ...string) Type {
	one := wordType(words...)
	t := Type{Name: "word list", Allowed: strings.Join(words, ", ") + ", separated by commas", empty: true}
	t.parse = func(raw string) (any, error) {
		var list []string
		for _, item := range splitList(raw, ",;") {
			w, err := one.parse(item)
			if err != nil {
				return list, fmt.Errorf("%q is not one of the words", item)
			}
			if !slices.Contains(list, w.(string)) {
				list = append(list, w.(string))
			}
		}
		return list, nil
	}
	return t
}

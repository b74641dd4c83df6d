package settings

import (
	"encoding/binary"
	"slices"
)

// index finds the patterns that may match a text without trying each: a pattern is only tried if four bytes that every match
// contains are in the text. Patterns are numbered in the order in which they were added.
type index struct {
	size   int32
	blind  []int32 // those of which no such bytes are known
	grams  map[uint32][]int32
	filter *[1 << filterBits / 64]uint64 // a bit for each key of grams, by hash: most texts need no more
}

const (
	gram       = 4 // bytes
	filterBits = 16
)

func newIndex() index {
	return index{grams: map[uint32][]int32{}, filter: new([1 << filterBits / 64]uint64)}
}

// add puts the next pattern where its literals lead, each by those four bytes of it that fewest patterns share: words such as
// "blocked" are in many of them.
func (x *index) add(literals []string) {
	number := x.size
	x.size++
	if len(literals) == 0 || shortest(literals) < gram {
		x.blind = append(x.blind, number)
		return
	}
	for _, s := range literals {
		best := key(s)
		for i := 1; i+gram <= len(s); i++ {
			if k := key(s[i:]); len(x.grams[k]) < len(x.grams[best]) {
				best = k
			}
		}
		if at := x.grams[best]; len(at) == 0 || at[len(at)-1] != number {
			x.grams[best] = append(at, number)
			word, bit := place(best)
			x.filter[word] |= bit
		}
	}
}

// key is the first four bytes.
func key(s string) uint32 {
	return binary.LittleEndian.Uint32([]byte{s[0], s[1], s[2], s[3]})
}

// place is where a key stands in the filter.
func place(key uint32) (word uint32, bit uint64) {
	hash := key * 0x9e3779b1 >> (32 - filterBits)
	return hash / 64, 1 << (hash % 64)
}

// candidates are the patterns to try with a folded text, in order. Each is there once, however often its bytes are in the text.
func (x *index) candidates(text string) []int32 {
	var seen []uint64 // a bit per pattern
	for i := 0; i+gram <= len(text); i++ {
		k := key(text[i:])
		if word, bit := place(k); x.filter[word]&bit == 0 {
			continue
		}
		for _, n := range x.grams[k] {
			if seen == nil {
				seen = make([]uint64, x.size/64+1)
			}
			seen[n/64] |= 1 << (n % 64)
		}
	}
	if seen == nil {
		return x.blind
	}
	for _, n := range x.blind {
		seen[n/64] |= 1 << (n % 64)
	}
	return set(seen)
}

// set lists the bits that are set.
func set(bits []uint64) (list []int32) {
	for i, word := range bits {
		for n := int32(0); n < 64; n++ {
			if word&(1<<n) != 0 {
				list = append(list, int32(i)*64+n)
			}
		}
	}
	return slices.Clip(list)
}

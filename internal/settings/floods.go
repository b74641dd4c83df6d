package settings

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Flood is a row of flood_responses whose pattern matched (delivery-control.md section 2).
type Flood struct {
	ID      int64
	Name    string
	Pause   time.Duration // stop sending for so long; 0 = go on
	Reduced time.Duration // then use the limits of the row for so long; 0 = do not
}

type flood struct {
	Flood
	*pattern
	digit bool // compared with code, status and description too
}

// floods finds the patterns that match without trying each: a pattern is only tried if four bytes that every match contains are
// in the text.
type floods struct {
	rows   []flood // by id
	blind  []int32 // rows of which no such bytes are known
	index  map[uint32][]int32
	filter *[1 << filterBits / 64]uint64 // a bit for each key of the index, by hash: most texts need no more
	digits bool                          // some row is of that kind
}

const (
	gram       = 4 // bytes
	filterBits = 16
	maxAnswer  = 4096 // bytes of a description that are looked at
	maxUnicode = 3    // bytes that a cut may leave of a character
)

func newFloods(rows []flood) floods {
	f := floods{rows: rows, index: map[uint32][]int32{}, filter: new([1 << filterBits / 64]uint64)}
	for i := range rows {
		f.digits = f.digits || rows[i].digit
		f.add(int32(i), rows[i].literals)
	}
	return f
}

// add puts a row where its literals lead, each by those four bytes of it that fewest rows share: words such as "blocked" are in
// many patterns.
func (f *floods) add(row int32, literals []string) {
	if len(literals) == 0 || shortest(literals) < gram {
		f.blind = append(f.blind, row)
		return
	}
	for _, s := range literals {
		best := key(s)
		for i := 1; i+gram <= len(s); i++ {
			if k := key(s[i:]); len(f.index[k]) < len(f.index[best]) {
				best = k
			}
		}
		if at := f.index[best]; len(at) == 0 || at[len(at)-1] != row {
			f.index[best] = append(at, row)
			word, bit := place(best)
			f.filter[word] |= bit
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

// digitPattern says that a pattern is meant for code, status and description together.
func digitPattern(kind, s string) bool {
	if strings.EqualFold(strings.TrimSpace(kind), "regex") {
		s = strings.TrimPrefix(bare(s), "^")
	}
	return s != "" && s[0] >= '0' && s[0] <= '9'
}

// answer is the text of a failed delivery in the forms that patterns are compared with.
type answer struct {
	text, folded       string // the description
	full, foldedInFull string // with code and status in front; empty: there is none
}

func (f *floods) answer(description string, code int, status string) answer {
	a := answer{text: cut(description)}
	a.folded = fold(a.text)
	if f.digits && code != 0 {
		a.full = strconv.Itoa(code) + " "
		if status != "" {
			a.full += cut(status) + " "
		}
		a.full += a.text
		a.foldedInFull = fold(a.full)
	}
	return a
}

// cut keeps the front of a text.
func cut(s string) string {
	if len(s) <= maxAnswer {
		return s
	}
	end := maxAnswer
	for end > maxAnswer-maxUnicode && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func (f *floods) match(description string, code int, status string) (found []Flood) {
	if len(f.rows) == 0 {
		return nil
	}
	a := f.answer(description, code, status)
	for _, i := range f.candidates(a) {
		if f.rows[i].matches(a) {
			found = append(found, f.rows[i].Flood)
		}
	}
	return found
}

func (f *flood) matches(a answer) bool {
	return f.match(a.text, a.folded) || f.digit && a.full != "" && f.match(a.full, a.foldedInFull)
}

// candidates are the rows to try, in order. Each is tried once, however often its bytes are in the text.
func (f *floods) candidates(a answer) []int32 {
	text := a.foldedInFull // ends with the description
	if text == "" {
		text = a.folded
	}
	var seen []uint64 // a bit per row
	for i := 0; i+gram <= len(text); i++ {
		k := key(text[i:])
		if word, bit := place(k); f.filter[word]&bit == 0 {
			continue
		}
		for _, row := range f.index[k] {
			if seen == nil {
				seen = make([]uint64, len(f.rows)/64+1)
			}
			seen[row/64] |= 1 << (row % 64)
		}
	}
	if seen == nil {
		return f.blind
	}
	for _, row := range f.blind {
		seen[row/64] |= 1 << (row % 64)
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

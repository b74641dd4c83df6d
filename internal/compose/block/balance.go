package block

import (
	"slices"
	"strings"
)

var (
	void = strings.Fields("area base br col embed hr img input link meta param source track wbr")
	// An element that only styles text may end in the middle of others.
	phrasing = strings.Fields("a abbr b big cite code em font i kbd label nobr q s small span strike strong sub sup tt u")
	// The end of what they are in ends these.
	implied = strings.Fields("p li dt dd option optgroup rt rp")
	// These would end the cell that the fragment is in, unless they are in a table of its own.
	tableParts = strings.Fields("tr td th thead tbody tfoot caption colgroup col")
	// These end the drawing or formula that they are in.
	breakout = strings.Fields(`b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li
		listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var`)
	// The end of another element does not reach beyond these.
	fences = strings.Fields("table td th caption")
)

// maxOpen is how many elements, and how many conditions, may be in each other.
const maxOpen = 200

// start notes an element that begins.
func (s *scanner) start(name string, from, to int, selfClosing bool) {
	if slices.Contains(breakout, name) {
		s.svg = 0
	}
	switch {
	case name == "html", name == "plaintext": // nothing ends a plaintext
		s.change(from, to, "")
	case name == "head":
		if s.head < 0 {
			s.head, s.before = from, len(s.open)
		}
		s.change(from, to, "")
	case name == "body" && !s.inBody:
		s.openBody(to)
	case name == "body":
		s.change(from, to, "")
	case slices.Contains(tableParts, name) && !slices.Contains(s.open, "table"):
		s.change(from, to, "")
	case slices.Contains(void, name), selfClosing && s.svg > 0:
	case len(s.open) == maxOpen:
		s.change(from, to, "")
	default:
		if name == "svg" || name == "math" {
			s.svg++
		}
		s.open = append(s.open, name)
	}
}

// openBody leaves all out that came before.
func (s *scanner) openBody(to int) {
	s.inBody, s.head = true, -1
	s.open, s.forks, s.svg = nil, nil, 0
	s.edits = []edit{{0, to, ""}}
}

// finish notes the end of an element. What is open in it ends too. It is false when nothing of what follows counts.
func (s *scanner) finish(name string, from, to int) bool {
	switch {
	case s.inBody && (name == "body" || name == "html"):
		s.end = from
		return false
	case name == "head" && s.head >= 0 && !s.inBody:
		s.closeHead(to)
		return true
	case name == "br", name == "p" && !slices.Contains(s.open, name): // they make an element
		return true
	}
	i := s.find(name)
	switch {
	case i < 0:
		s.change(from, to, "")
	case slices.Contains(phrasing, name):
		s.open = slices.Delete(s.open, i, i+1)
	default:
		s.open = s.open[:i]
	}
	if i >= 0 && (name == "svg" || name == "math") {
		s.svg = max(0, s.svg-1)
	}
	return true
}

// closeHead leaves the head out.
func (s *scanner) closeHead(to int) {
	keep := slices.IndexFunc(s.edits, func(e edit) bool { return e.from >= s.head })
	s.edits = append(s.edits[:keep], edit{s.head, to, ""})
	s.open, s.head = s.open[:min(s.before, len(s.open))], -1
}

// find is where the element is open that an end tag ends, or -1.
func (s *scanner) find(name string) int {
	fence := fences
	switch name {
	case "table":
		fence = nil
	case "tr", "td", "th", "tbody", "thead", "tfoot", "caption", "colgroup":
		fence = fences[:1]
	}
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.open[i] == name {
			return i
		}
		if slices.Contains(fence, s.open[i]) {
			return -1
		}
	}
	return -1
}

const cdata = "<![CDATA["

// comment ends one, or character data of a drawing, that has no end.
func (s *scanner) comment(from, to int) {
	text := s.src.mask[from:to]
	switch {
	case s.svg > 0 && strings.HasPrefix(text, cdata):
		if !strings.HasSuffix(text, "]]>") {
			s.change(to, to, "]]>")
		}
	case strings.HasPrefix(text, "<!--") && !strings.HasSuffix(text, "-->") && !strings.HasSuffix(text, "--!>"):
		s.change(to, to, "-->")
	case !strings.HasSuffix(text, ">"):
		s.change(to, to, ">")
	}
}

// branches follows the conditions of a template up to a place: what one branch opened, the next one has not.
func (s *scanner) branches(to int) {
	for len(s.words) > 0 && s.words[0].end <= to {
		n := len(s.forks)
		switch s.words[0].word {
		case "if", "foreach":
			if n == maxOpen {
				s.forks = s.forks[1:]
			}
			s.forks = append(s.forks, slices.Clone(s.open))
		case "else", "elseif", "foreachelse":
			if n > 0 {
				s.open = slices.Clone(s.forks[n-1])
			}
		case "/if", "endif", "/foreach", "endforeach":
			if n > 0 {
				s.forks = s.forks[:n-1]
			}
		}
		s.words = s.words[1:]
	}
}

// close ends what is still open at the end of a fragment.
func (s *scanner) close() {
	var ends strings.Builder
	for _, name := range slices.Backward(s.open) {
		if !slices.Contains(implied, name) {
			ends.WriteString("</" + name + ">")
		}
	}
	if ends.Len() > 0 {
		s.change(s.end, s.end, ends.String())
	}
}

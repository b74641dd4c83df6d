// Package inline moves the style sheets of an HTML mail into style attributes, since many readers drop the sheets.
// It changes start tags and style elements only; every other byte stays. What cannot be inlined (media queries, :hover,
// hooks for one reader) is kept in a sheet. It opens nothing and starts no goroutine. See reference/inline-css.md.
package inline

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What is beyond these is not inlined.
const (
	maxSize     = 5 << 20
	maxElements = 20000
	maxDepth    = 500
	maxSteps    = 5_000_000 // tests of one compound on one element
	maxText     = 10 << 20  // what is written into the part
)

// LimitError says that a part is too large to be inlined, and can be sent as it is.
type LimitError struct {
	What     string // "bytes", "elements", "levels of nesting", "steps of matching", "bytes of style attributes", "bytes of kept rules"
	Has, Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the style sheets were not inlined: %d %s, and %d at most are read", e.Has, e.What, e.Max)
}

// Inliner inlines, and remembers the sheets that it has parsed: the mails of a mailing share them. It may be used by
// several goroutines.
type Inliner struct {
	cache *cache
	steps int // maxSteps, but in tests
}

// New makes an Inliner that remembers sheets of up to so many bytes of CSS together.
func New(cacheBytes int) *Inliner { return &Inliner{newCache(cacheBytes), maxSteps} }

// HTML inlines the sheets of one HTML part in UTF-8. What it returns is src itself when there is nothing to do, and with
// any error. A *LimitError means that the part can go out as it is; anything else is a fault of this package.
func (i *Inliner) HTML(src []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = src, fmt.Errorf("inlining the style sheets failed: %v", p)
		}
	}()
	switch {
	case !hasStyle(src):
		return src, nil
	case len(src) > maxSize:
		return src, &LimitError{"bytes", len(src), maxSize}
	}
	d, err := parseDocument(src)
	if err != nil {
		return src, err
	}
	r := run{document: d, matcher: matcher{steps: i.steps}}
	if err := r.all(i.cache); err != nil {
		return src, err
	}
	return r.apply(), nil
}

// hasStyle says that there may be a style element.
func hasStyle(src []byte) bool {
	for {
		i := bytes.IndexByte(src, '<')
		if i < 0 {
			return false
		}
		if src = src[i+1:]; prefix(src, "style") {
			return true
		}
	}
}

// run is the work on one document.
type run struct {
	*document
	matcher
	sheets []*style // those that are read
	vars   map[string]string
	full   map[string]string        // values with var() that were expanded
	owns   map[string][]declaration // style attributes that were read
	edits  []edit
	text   []byte // of all edits

	// Room for the work on one element.
	hits         []hit
	list, before []winner
	final        []declaration
	attributes   []attribute
	css          []byte
}

// edit replaces what lies between start and end in the source by a piece of the text.
type edit struct{ start, end, from, to int }

// edit notes that what was added to the text since from is to stand in the place of a piece of the source.
func (r *run) edit(start, end, from int) {
	r.edits = append(r.edits, edit{start, end, from, len(r.text)})
}

func (r *run) all(c *cache) error {
	r.edits, r.text = make([]edit, 0, len(r.elements)+len(r.styles)), make([]byte, 0, len(r.src)/2)
	r.readSheets(c)
	if len(r.sheets) == 0 {
		return nil
	}
	if err := r.cascade(); err != nil {
		return err
	}
	return r.keep()
}

// apply makes the edits.
func (r *run) apply() []byte {
	if len(r.edits) == 0 {
		return r.src
	}
	slices.SortStableFunc(r.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	out := make([]byte, 0, len(r.src)+len(r.text))
	from := 0
	for _, e := range r.edits {
		out = append(append(out, r.src[from:e.start]...), r.text[e.from:e.to]...)
		from = e.end
	}
	return append(out, r.src[from:]...)
}

// readSheets finds the style elements that are for us, and frees the others of their marks. Those that are read leave the
// tree: what is first or empty is so in the mail as it will be.
func (r *run) readSheets(c *cache) {
	for _, s := range r.styles {
		switch t := &r.tags[s.tag]; {
		case r.marked(s):
		case !readable(s):
		default:
			if s.sheet = c.get(r.src[t.end:t.textEnd]); s.sheet.ignored {
				continue
			}
			s.used = make([]bool, s.sheet.static)
			s.node.Parent.RemoveChild(s.node)
			r.sheets = append(r.sheets, s)
		}
	}
}

// readable says that a style element is CSS for all readers on a screen.
func readable(s *style) bool {
	media, _ := attr(s.node, "media")
	kind, _ := attr(s.node, "type")
	return slices.Contains([]string{"", "all", "screen"}, strings.ToLower(strings.TrimSpace(media))) &&
		slices.Contains([]string{"", "text/css"}, strings.ToLower(strings.TrimSpace(kind)))
}

// marked says that the author wants a style element kept, and takes the mark away.
func (r *run) marked(s *style) bool {
	is := false
	t := &r.tags[s.tag]
	for _, a := range attributes(nil, r.src, t.nameEnd, t.end) {
		name := strings.ToLower(string(a.name))
		value, _ := attr(s.node, name)
		switch {
		case name == "data-premailer" && value == "ignore":
			is = true
		case name == "data-embed", name == "data-roadie-ignore", name == "no-inline",
			(name == "data-inline" || name == "inline") && strings.EqualFold(value, "false"):
			is = true
			start := a.start
			for apart := strings.IndexByte(" \t\r\n\f/>", r.src[a.end]) >= 0; apart && space(r.src[start-1]); {
				start--
			}
			r.edit(start, a.end, len(r.text))
		}
	}
	return is
}

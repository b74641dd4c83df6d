package block

import (
	"strings"

	"posthoorn/internal/compose/node"
)

// Purpose is what something is downloaded for.
type Purpose uint8

// The purposes of responsive-email.md section 8.
const (
	ImageSize Purpose = iota
	Embedded          // the bytes of an image
	Text
	HTML
	Feed
	Import
	Still // the oEmbed answer of a video
	Attachment
)

// Limit is how many bytes a download may have. Of an image whose size is wanted, the first bytes up to the limit are enough.
func (p Purpose) Limit() int64 {
	switch p {
	case ImageSize:
		return 256 << 10
	case Embedded:
		return 10 << 20
	case Attachment:
		return 25 << 20
	}
	return 5 << 20
}

// Need is a download that a document needs.
type Need struct {
	URL     string // http or https, without fragment; the key of the resource
	Purpose Purpose
	Path    string // of the document, for messages
}

// Resource is what a download brought.
type Resource struct {
	Data []byte
	Type string // the Content-Type of the response
	Name string // the file name of its Content-Disposition, or of the final URL
	// Err is why there is no data, and Fault what that means for the message.
	Err   error
	Fault node.Fault
}

// Resources are what has been downloaded, by URL.
type Resources map[string]Resource

// Needs are downloads without repetition. Of two for one URL the one that wants more of it stays.
type Needs []Need

// Add notes a download; false when there are too many.
func (n *Needs) Add(need Need) bool {
	for i := range *n {
		if have := &(*n)[i]; have.URL == need.URL {
			if need.Purpose.Limit() > have.Purpose.Limit() {
				have.Purpose = need.Purpose
			}
			return true
		}
	}
	if len(*n) == maxNeeds {
		return false
	}
	*n = append(*n, need)
	return true
}

// Download cuts what is never sent off a URL; ok is false for one that cannot be downloaded.
func Download(url string) (key string, ok bool) {
	url, _, _ = strings.Cut(strings.TrimSpace(url), "#")
	scheme, rest, found := strings.Cut(url, "://")
	web := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	return url, found && web && rest != "" && len(url) <= maxURL && strings.IndexFunc(url, isControl) < 0
}

const maxURL = 16 << 10

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// fetch is the resource of a URL, which may be a template. Without it the block is left out; why is a problem already.
func (b *builder) fetch(at *node.Value, url string, purpose Purpose) (Resource, bool) {
	key, ok := Download(b.plain(at, url))
	if !ok {
		b.problems.Add(at, "no http or https address: "+shown(key))
		return Resource{}, false
	}
	r, ok := b.get(at, key, purpose)
	if b.reading -= len(r.Data); b.reading < 0 {
		b.problems.Add(at, "too much to read for one document")
		return Resource{}, false
	}
	return r, ok
}

// get is fetch for a key.
func (b *builder) get(at *node.Value, key string, purpose Purpose) (Resource, bool) {
	r, ok := b.look(at, key, purpose)
	switch {
	case !ok:
		return r, false
	case r.Err != nil:
		b.problems.AddError(&node.Error{Path: at.Path(), Text: shown(key), Fault: r.Fault, Cause: r.Err})
		return r, false
	}
	return r, true
}

// look is the resource of a key; without it, it becomes a need.
func (b *builder) look(at *node.Value, key string, purpose Purpose) (Resource, bool) {
	r, ok := b.have[key]
	if !ok && !b.needs.Add(Need{key, purpose, at.Path()}) {
		b.problems.Add(at, "too many downloads")
	}
	return r, ok
}

// shown is a text of the document as it may be put into a message.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

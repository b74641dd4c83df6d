package compose

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

// Personalization is what the templates of one message see.
type Personalization struct {
	// Data is the JSON of the data property. Nothing, or null: the message is no template.
	Data []byte
	// Envelope and Recipient are {$envelope} and {$recipient}, unless the data have members of those names.
	Envelope, Recipient string
	// Now is the moment of the first attempt, so that every attempt prints the same dates.
	Now time.Time
	// Document: the message was made of a mime object, so that all its header fields and the names of its attachments are
	// templates, not only those of a message that came as MIME (section 1.1).
	Document bool
	// Templates keeps what was compiled, for all messages; nil: nothing is kept.
	Templates *template.Cache
	// Work is what is left of MaxWork for all templates of the message together, those of [Personalization.Text] too; nil: each
	// call has MaxWork for itself.
	Work *int
}

// MaxWork bounds all templates of a message together, however many there are: about two seconds, in nanoseconds.
const MaxWork = 2 << 30

// What is printed is bounded, for a header field, and for all parts of a message together.
const (
	maxFieldOutput = 64 << 10
	maxOutput      = 64 << 20
)

var errData = errors.New("it must be an object")

// Personalize renders the templates of a message (personalization.md section 1): some header fields, and the text and HTML
// parts that are not attachments. Every byte outside of them, and fields and parts without tags, stay as they are. Nothing in
// the data can begin a header field or a further address. The error is an [*Error] of state personalize, or several joined; what
// is returned with it has the fields and parts at fault unpersonalised.
func Personalize(source []byte, p Personalization) ([]byte, error) {
	data := bytes.TrimSpace(p.Data)
	if len(data) == 0 || string(data) == "null" {
		return source, nil
	}
	r := renderer{source: source, Personalization: p, room: maxOutput}
	if data[0] != '{' {
		r.fail("data", errData)
		return source, r.err()
	}
	parts, err := mime.Parts(source)
	if err != nil {
		r.fail("mime", err)
		return source, r.err()
	}
	if r.Work == nil {
		left := MaxWork
		r.Work = &left
	}
	r.vars = p.vars()
	for i := range parts[0].Fields {
		r.field(&parts[0].Fields[i])
	}
	names := partNames{}
	for i := range parts {
		r.part(&parts[i], names.of(&parts[i]))
	}
	if len(r.edits) == 0 {
		return source, r.err()
	}
	return mime.Rewrite(source, r.edits), r.err()
}

// renderer personalises one message.
type renderer struct {
	source []byte
	Personalization
	vars  [2]template.Value
	room  int // of maxOutput
	edits []mime.Edit
	errs  []error
}

// maxErrors of a message are told.
const maxErrors = 10

func (r *renderer) fail(where string, err error) {
	if len(r.errs) == maxErrors {
		return
	}
	r.errs = append(r.errs, &Error{State: mail.StatePersonalize, Where: where, Err: err})
}

func (r *renderer) err() error {
	if len(r.errs) == 1 {
		return r.errs[0]
	}
	return errors.Join(r.errs...)
}

// render appends what a template prints; done is false when it is static or at fault.
func (r *renderer) render(dst []byte, src, where string, env template.Env) (out []byte, done bool) {
	t, err := r.compile(src)
	if err == nil && t.Static() {
		return dst, false
	}
	if err == nil {
		env.Vars, env.Now, env.Work = r.vars[:], r.Now, r.Work
		dst, err = t.Append(dst, &env)
	}
	if err != nil {
		r.fail(where, err)
	}
	return dst, err == nil
}

func (r *renderer) compile(src string) (*template.Template, error) {
	if r.Templates == nil {
		return template.Compile(src)
	}
	return r.Templates.Compile(src)
}

// part renders a body part.
func (r *renderer) part(p *mime.Part, where string) {
	if !p.IsText("plain") && !p.IsText("html") {
		r.parameter(p, "Content-Type", "name")
		r.parameter(p, "Content-Disposition", "filename")
		return
	}
	if !mayHaveTags(p, r.source[p.Body:p.End]) {
		return
	}
	text, err := p.AppendText(make([]byte, 0, p.End-p.Body), r.source)
	if err != nil {
		if bytes.IndexByte(p.AppendDecoded(nil, r.source), '{') >= 0 {
			r.fail(where, err)
		}
		return
	}
	if bytes.IndexByte(text, '{') < 0 {
		return
	}
	src := unsafe.String(unsafe.SliceData(text), len(text)) // nobody writes to text any more
	out, ok := r.render(make([]byte, 0, len(text)+len(text)/8+256), src, where, template.Env{MaxOutput: max(r.room, 1)})
	if ok {
		r.room -= len(out)
		r.edits = p.AppendTextEdits(r.edits, r.source, out)
	}
}

// mayHaveTags says whether a brace may show when the transfer encoding is undone.
func mayHaveTags(p *mime.Part, body []byte) bool {
	switch p.Encoding {
	case "base64":
		return true
	case "quoted-printable":
		return bytes.IndexByte(body, '{') >= 0 || bytes.Contains(body, []byte("=7B")) || bytes.Contains(body, []byte("=7b"))
	}
	return bytes.IndexByte(body, '{') >= 0
}

// parameter renders the name of a file, if the message was a document.
func (r *renderer) parameter(p *mime.Part, field, name string) {
	f := p.Field(field)
	if f == nil || !r.Document {
		return
	}
	m := mime.ParseMedia(f.Value)
	src := mime.DecodeWords(m.Get(name))
	if !strings.Contains(src, "{") {
		return
	}
	out, ok := r.render(nil, src, field, template.Env{MaxOutput: maxFieldOutput})
	if ok {
		value := mime.AppendMedia(nil, field, m.With(name, cleanName(string(out))))
		r.edits = append(r.edits, mime.Edit{Start: f.Start, End: f.End, With: value})
	}
}

// partNames counts the parts of a kind, to tell them apart in errors: text, html, html 2.
type partNames map[string]int

func (n partNames) of(p *mime.Part) string {
	kind := "text"
	switch {
	case p.IsText("html"):
		kind = "html"
	case !p.IsText("plain"):
		return ""
	}
	if n[kind]++; n[kind] > 1 {
		return fmt.Sprintf("%s %d", kind, n[kind])
	}
	return kind
}

package compose

import (
	"strconv"

	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
)

// Document is the mime property of a message when it is an object: a description of the mail (responsive-email.md). It keeps
// slices of the JSON that it was made of, which must not change. It may be used by many goroutines.
type Document struct {
	raw, dkim, data []byte

	from, replyTo, to, cc []address
	subject, text         string
	headers               []customField
	unsubscribe           unsubscribe
	content               *block.Content // nil: there is no HTML
	attachments           []attachment
	problems              node.Problems
}

// ParseDocument reads a document. The error is a [*node.Error]: the text is no JSON object, or is too deep or too large. Whatever
// else is wrong with it shows in [Document.Build].
func ParseDocument(json []byte) (*Document, error) {
	if err := checkJSON(json); err != nil {
		return nil, err
	}
	d := &Document{raw: json}
	slim, files := d.split()
	root, err := node.Parse(slim, "mime")
	if err != nil {
		return nil, err
	}
	d.read(root, files)
	return d, nil
}

// DKIM is the JSON of the property dkim; nil: there is none.
func (d *Document) DKIM() []byte { return d.dkim }

// Data is the JSON of the property data; nil: there is none, so that nothing is a template on its account.
func (d *Document) Data() []byte { return d.data }

// split takes out what is large, the data of attachments, so that it is never copied: a number stands in the place of each, which
// tells where in files it is.
func (d *Document) split() (slim []byte, files [][]byte) {
	pos := 0
	file := func(data []byte) {
		start := cap(d.raw) - cap(data) // data is a slice of raw
		slim = append(append(slim, d.raw[pos:start]...), strconv.Itoa(len(files))...)
		pos = start + len(data)
		files = append(files, data)
	}
	eachMember(d.raw, func(name string, value []byte) {
		switch {
		case name == "attachments":
			eachElement(value, func(element []byte) {
				eachMember(element, func(name string, value []byte) {
					if name == "data" && !isNull(value) {
						file(value)
					}
				})
			})
		case isNull(value):
		case name == "dkim":
			d.dkim = value
		case name == "data":
			d.data = value
		}
	})
	return append(slim, d.raw[pos:]...), files
}

func (d *Document) read(root *node.Value, files [][]byte) {
	p := &d.problems
	d.from = d.addresses(root.Get("from"))
	d.replyTo = d.addresses(root.Get("replyTo", "replyto"))
	d.to = d.addresses(root.Get("to"))
	d.cc = d.addresses(root.Get("cc"))
	d.addresses(root.Get("bcc")) // must be right, and never goes out
	d.subject = p.String(root.Get("subject"))
	d.text = p.String(root.Get("text", "textVersion"))
	d.readUnsubscribe(root.Get("unsubscribe"))
	d.readHeaders(root.Get("headers"), nil)
	d.readHeaders(root.Get("extra"), root.Get("headers"))
	d.readAttachments(root.Get("attachments"), files)
	d.content = block.Parse(root, p)
}

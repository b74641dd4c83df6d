package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
	"posthoorn/internal/template"
)

// maxMessage bounds a message that is built, in bytes.
const maxMessage = 150 << 20

// BuildOptions are what a message is built with. The zero value is usable, and the same options give the same bytes.
type BuildOptions struct {
	// Resources are the downloads that [Document.Needs] asked for.
	Resources block.Resources
	// Render renders one string of the document for the recipient: the URL of something to download. All other strings go into
	// the message with their tags unharmed, for [Personalize] with Document set. Nil: nothing is a template, and braces are plain
	// text.
	Render func(source string) (string, error)
	// Icons and Note are those of [block.Options].
	Icons string
	Note  func(path, text string)
	// Date and MessageID must be the same for all attempts. MessageID is the part before the @, behind which comes the domain of
	// from, or else Host. They are used where the document gives no such field.
	Date      time.Time
	MessageID string
	Host      string
}

// Needs tells which downloads are wanted that are not among the resources. Those may show that more is wanted: ask again with what
// has come, also with what has failed, until there are none.
func (d *Document) Needs(o *BuildOptions) []block.Need {
	b := d.builder(o)
	var needs block.Needs
	if d.content != nil {
		needs = d.content.Needs(o.Resources, b.blocks())
	}
	for i := range d.attachments {
		a := &d.attachments[i]
		url, ok := b.download(a)
		if _, have := o.Resources[url]; ok && !have {
			needs.Add(block.Need{URL: url, Purpose: block.Attachment, Path: a.at.Get("url").Path()})
		}
	}
	return needs
}

// Build makes the MIME source (responsive-email.md section 10): lines end with CRLF and have 998 bytes at most, all is ASCII
// unless an address is not, and there is no Bcc. The error is a [*node.Error], the one that decides if there are several; the
// message that is returned with it has what is at fault left out.
func (d *Document) Build(o *BuildOptions) ([]byte, error) {
	b := d.builder(o)
	from := b.sender()
	b.id = b.messageID(from)
	header := b.header(from)
	root := b.structure()
	out := make([]byte, 0, len(header)+root.size()+2)
	out = root.appendTo(append(out, header...))
	if !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, '\r', '\n')
	}
	return out, b.problems.Err()
}

// builder builds one message.
type builder struct {
	d        *Document
	o        *BuildOptions
	id       string // what the message has in angle brackets
	problems node.Problems
	room     int // bytes that are left of maxMessage
}

func (d *Document) builder(o *BuildOptions) *builder {
	return &builder{d: d, o: o, problems: d.problems, room: maxMessage - maxHeader}
}

func (b *builder) blocks() *block.Options {
	return &block.Options{Render: b.o.Render, Icons: b.o.Icons, Note: b.o.Note}
}

// take says whether so many bytes still fit into the message.
func (b *builder) take(at *node.Value, size int) bool {
	if size > b.room {
		b.problems.Add(at, "the message would be larger than 150 MB")
		return false
	}
	b.room -= size
	return true
}

// tags is where the tags of a text lie, if it is a template. That it is a faulty one shows when it is rendered.
func (b *builder) tags(text string) []mime.Span {
	if b.o.Render == nil || !strings.Contains(text, "{") {
		return nil
	}
	pieces, err := template.Split(text)
	if err != nil {
		return nil
	}
	var spans []mime.Span
	pos := 0
	for _, p := range pieces {
		if p.Kind != template.Text {
			spans = append(spans, mime.Span{Start: pos, End: pos + len(p.Source)})
		}
		pos += len(p.Source)
	}
	return spans
}

// literal keeps a text that is not the author's from becoming a template.
func (b *builder) literal(text string) string {
	if b.o.Render == nil {
		return text
	}
	return braces.Replace(text)
}

var braces = strings.NewReplacer("{", "{ldelim}", "}", "{rdelim}")

// messageID makes the Message-ID of the id of the message and the domain of its author (RFC 5322 section 3.6.4).
func (b *builder) messageID(from []mime.Mailbox) string {
	id, host := b.o.MessageID, b.o.Host
	if id == "" {
		sum := sha256.Sum256(b.d.raw)
		id = hash(string(sum[:]), b.o.Date.UTC().Format(time.RFC3339Nano))
	} else if !isHostlike(id) {
		id = hash(id)
	}
	if len(from) == 1 && !from[0].Verbatim {
		address := mime.FormatAddress(from[0].Address)
		if domain := address[strings.LastIndexByte(address, '@')+1:]; len(domain) < len(address) && isHostlike(domain) {
			host = domain
		}
	}
	if !isHostlike(host) {
		host = "localhost"
	}
	return id + "@" + host
}

// isHostlike says whether s can stand on either side of an @ as it is.
func isHostlike(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c == '.' && i > 0 && s[i-1] != '.' && i < len(s)-1:
		default:
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// hash is 128 bits of a hash, in hexadecimal digits.
func hash(texts ...string) string {
	h := sha256.New()
	for _, s := range texts {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

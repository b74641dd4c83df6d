package compose

import (
	"net/url"
	"path"
	"strings"

	"posthoorn/internal/compose/block"
	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
)

// maxAttachments leaves room for embedded images in the parts that a message may have.
const maxAttachments = 400

// attachment is a file that goes along (section 2.4).
type attachment struct {
	at              *node.Value
	url, name, kind string
	data            *base64Text // nil: the file is at url
}

// readAttachments reads the property. Numbers stand in it for what is in files.
func (d *Document) readAttachments(v *node.Value, files [][]byte) {
	p := &d.problems
	items := p.List(v)
	if len(items) > maxAttachments {
		p.Add(v, "more than 400 attachments")
		items = nil
	}
	for i := range items {
		if v := p.Object(&items[i]); v != nil {
			d.readAttachment(v, files)
		}
	}
}

func (d *Document) readAttachment(v *node.Value, files [][]byte) {
	p := &d.problems
	a := attachment{at: v, url: p.String(v.Get("url")), name: p.String(v.Get("name")), kind: p.String(v.Get("type"))}
	if data := v.Get("data"); data != nil {
		quoted := files[p.Int(data, 0)]
		switch {
		case quoted[0] != '"':
			p.Add(data, "a text is expected")
			return
		case len(quoted) > 2 || a.url == "": // empty is as good as absent, where there is a url
			if a.data = readBase64(quoted); a.data == nil {
				p.Add(data, "not base64")
				return
			}
		}
	}
	if a.data == nil && a.url == "" {
		p.Add(v, "neither data nor url")
		return
	}
	d.attachments = append(d.attachments, a)
}

// download is the URL that an attachment comes from; ok is false when there is none.
func (b *builder) download(a *attachment) (key string, ok bool) {
	if a.data != nil {
		return "", false
	}
	address := a.url
	if b.o.Render != nil {
		var err error
		if address, err = b.o.Render(address); err != nil {
			b.problems.AddError(&node.Error{Path: a.at.Get("url").Path(), Text: "the template cannot be rendered", Cause: err})
			return "", false
		}
	}
	if key, ok = block.Download(address); !ok {
		b.problems.Add(a.at.Get("url"), "no http or https address")
	}
	return key, ok
}

// attachment is the part that an attachment becomes; nil without its content.
func (b *builder) attachment(a *attachment) *entity {
	name, kind := a.name, a.kind
	var content body = a.data
	if a.data == nil {
		r, from, ok := b.fetched(a)
		if !ok {
			return nil
		}
		content = file(r.Data)
		if name == "" {
			name = b.literal(r.Name)
		}
		if name == "" {
			name = b.literal(lastSegment(from))
		}
		if usable(r.Type) {
			kind = r.Type
		}
	}
	if !b.take(a.at, content.size()+1024) {
		return nil
	}
	name = b.fileName(name)
	return leaf(fileFields(mediaOf(kind, name), "attachment", name), content)
}

// fetched is the file that was downloaded.
func (b *builder) fetched(a *attachment) (r block.Resource, key string, ok bool) {
	key, ok = b.download(a)
	if !ok {
		return r, key, false
	}
	at := a.at.Get("url")
	switch r, ok = b.o.Resources[key]; {
	case !ok:
		b.problems.AddError(&node.Error{Path: at.Path(), Text: "not downloaded in time", Fault: node.Timeout})
	case r.Err != nil:
		b.problems.AddError(&node.Error{Path: at.Path(), Text: "not downloaded", Fault: r.Fault, Cause: r.Err})
	case int64(len(r.Data)) > block.Attachment.Limit():
		b.problems.Add(at, "larger than 25 MB")
	default:
		return r, key, true
	}
	return r, key, false
}

func lastSegment(address string) string {
	u, err := url.Parse(address)
	if err != nil || strings.HasSuffix(u.Path, "/") {
		return ""
	}
	return path.Base("/" + u.Path)
}

// image is the part that an embedded image becomes.
func (b *builder) image(image *block.Image) *entity {
	content := file(image.Data)
	if !b.take(nil, content.size()+1024) {
		return nil
	}
	name := b.fileName(b.literal(lastSegment(image.URL)))
	m := mediaOf(image.Type, name)
	if !strings.HasPrefix(m.Type, "image/") {
		m = mime.Media{Type: "application/octet-stream"} // never a text, which would be a template
	}
	fields := fileFields(m, "inline", name)
	return leaf(mime.AppendField(fields, "Content-ID", "<"+image.ID+">"), content)
}

package compose

import (
	"strings"

	"posthoorn/internal/compose/node"
	"posthoorn/internal/mime"
)

// address is one entry of an address property (section 2.1): a text that may hold several addresses, or one with its name
// apart. Whether there are tags in it, which nothing may be cut at, is not known before the message is built.
type address struct {
	at         *node.Value
	name, text string
	apart      bool
}

func (d *Document) addresses(v *node.Value) []address {
	if !v.Is(node.Array) {
		return d.address(nil, v)
	}
	var list []address
	for i := range v.Items {
		list = d.address(list, &v.Items[i])
	}
	return list
}

func (d *Document) address(list []address, v *node.Value) []address {
	switch {
	case v == nil, v.Kind == node.Null:
		return list
	case v.Kind == node.String:
		return append(list, address{at: v, text: v.Text})
	case v.Kind == node.Object:
		name, text := d.problems.String(v.Get("name")), d.problems.String(v.Get("address", "email"))
		return append(list, address{at: v, name: name, text: text, apart: true})
	}
	d.problems.Add(v, "a text or an object with name and address is expected")
	return list
}

// mailboxes takes the entries apart. Those without an address are left out: they would make the field invalid.
func (b *builder) mailboxes(list []address) []mime.Mailbox {
	var all []mime.Mailbox
	for i := range list {
		a := &list[i]
		for _, m := range a.mailboxes(b.tags(a.text)) {
			if m.Address == "" {
				b.problems.Add(a.at, "a name without an address")
				continue
			}
			all = append(all, m)
		}
	}
	return all
}

func (a *address) mailboxes(tags []mime.Span) []mime.Mailbox {
	var list []mime.Mailbox
	if !a.apart {
		list = mime.Mailboxes(a.text, tags)
	} else if text := bare(a.text); text != "" || a.name != "" {
		list = []mime.Mailbox{{Name: a.name, Address: text}}
	}
	for i := range list {
		m := &list[i]
		m.Name = mime.DecodeWords(m.Name)
		if m.Address == "" && len(tags) > 0 && strings.Contains(m.Name, "{") {
			m.Name, m.Address = "", m.Name // a tag that stands for an address
		}
		m.Verbatim = len(tags) > 0 && strings.Contains(m.Address, "{")
	}
	return list
}

// bare is an address without angle brackets around it.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n > 2 && s[0] == '<' && s[n-1] == '>' {
		return s[1 : n-1]
	}
	return s
}

// sender is the author of the message, at most one.
func (b *builder) sender() []mime.Mailbox {
	list := b.mailboxes(b.d.from)
	if len(list) > 1 {
		b.problems.Add(b.d.from[0].at, "one address is expected")
		list = list[:1]
	}
	return list
}

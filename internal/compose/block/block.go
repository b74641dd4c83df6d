// Package block makes the HTML of a mail from the blocks of a document (responsive-email.md): nested tables of 580 pixels, with
// columns that stack on small screens and conditional comments for Outlook. HTML that the author wrote himself goes through it
// too, for its links, images and tracking pixel.
//
// The strings of a document may be templates. The HTML that comes out is one template then: tags are carried through as they
// are, and a value that they print in the place of a text or attribute prints escaped. Text from feeds never becomes a template.
//
// What is wrong with a document is collected as [node.Problems] and left out, so that there is always some HTML. Everything is
// bounded: blocks and their nesting, downloads, links to rewrite, and the output. The package opens nothing: what must be
// downloaded is told by [Content.Needs] and handed in as [Resources].
package block

import (
	"posthoorn/internal/compose/node"
)

const (
	pageWidth   = 580
	maxBlocks   = 2000 // with those of imports and feeds
	maxNesting  = 30   // containers in each other
	maxNeeds    = 100
	maxReading  = 24 << 20 // bytes of resources, each time that they are used
	maxOutput   = 16 << 20
	maxMatching = 1 << 20 // rules times links
)

// Content is the HTML side of a document, read and ready to be made.
type Content struct {
	at      *node.Value
	own     string // HTML of the author's own
	isOwn   bool
	title   string
	embed   bool
	rewrite rules
	pixel   pixel

	font       font
	background string
	direct     direct // of the page
	inner      direct // of the 580 pixels
	innerColor string
	blocks     []block
}

type pixel struct {
	url   string
	force bool
}

// Options is what a document is made under. The zero value can be used.
type Options struct {
	// Render renders one string of the document with the data of the recipient. It is nil for a message without data: then
	// nothing is a template and braces are plain text.
	Render func(source string) (string, error)
	// Icons is where the icons of social networks are, with {type}, {size} and {platform}. Without it they are text links.
	Icons string
	// Note, if set, hears what was left out without being an error.
	Note func(path, text string)
}

// Made is the result of [Content.HTML].
type Made struct {
	HTML   []byte
	Images []Image // that the HTML refers to as cid:
}

// Image is an embedded image.
type Image struct {
	ID   string // without angle brackets
	URL  string
	Data []byte
	Type string
}

// Parse reads what of the mime object of a message concerns its HTML; nil if it has no HTML.
func Parse(mime *node.Value, problems *node.Problems) *Content {
	content := mime.Get("content", "html")
	if content == nil {
		if mime.Get("blocks") == nil {
			return nil
		}
		content = mime
	}
	p := parser{problems: problems}
	c := &Content{at: content}
	switch content.Kind {
	case node.Object:
		p.page(c, mime, content)
	case node.Array:
		problems.Add(content, "a text or an object with blocks is expected")
		return nil
	default:
		c.own, c.isOwn = content.Text, true
	}
	c.title = scalar(mime.Get("subject"))
	c.embed = scalar(mime.Get("images")) == "embed"
	c.rewrite = p.rules(mime.Get("rewrite"))
	if tracking := problems.Object(mime.Get("tracking")); tracking != nil {
		c.pixel = pixel{problems.String(tracking.Get("pixel")), problems.Bool(tracking.Get("force"))}
	}
	return c
}

// page reads the design. Where the blocks stand at top level, page and content are the same object.
func (p *parser) page(c *Content, mime, content *node.Value) {
	c.font = p.font(mime.Get("font"))
	c.background = p.background(mime.Get("background"))
	c.direct = p.direct(mime)
	if content != mime {
		c.innerColor = p.background(content.Get("background"))
		c.inner = p.direct(content)
	}
	c.blocks = p.blocks(content.Get("blocks"))
}

func scalar(v *node.Value) string {
	if v == nil {
		return ""
	}
	return v.Text
}

// Needs tells which downloads the HTML needs that are not among the resources. Those may show that more is needed: ask again
// with what has come.
func (c *Content) Needs(have Resources, o *Options) []Need {
	quiet := *o
	quiet.Note = nil
	return c.build(have, &quiet, &node.Problems{}).needs
}

// HTML makes the HTML.
func (c *Content) HTML(have Resources, o *Options, problems *node.Problems) Made {
	b := c.build(have, o, problems)
	for _, n := range b.needs {
		if n.Purpose != ImageSize {
			problems.AddError(&node.Error{Path: n.Path, Text: "not downloaded in time", Fault: node.Timeout})
		}
	}
	return Made{HTML: b.out, Images: b.embedded}
}

func (c *Content) build(have Resources, o *Options, problems *node.Problems) *builder {
	b := &builder{
		have: have, options: o, problems: problems, content: c,
		rewrite: []rules{c.rewrite}, matching: maxMatching, reading: maxReading, parser: parser{problems: problems},
	}
	if c.isOwn {
		b.ownPage()
	} else {
		b.page()
	}
	if b.matching < 0 {
		problems.Add(c.at, "too many links for so many rules")
	}
	return b
}

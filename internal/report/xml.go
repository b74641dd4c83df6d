package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// maxXMLDepth is far above what reports need.
const maxXMLDepth = 32

var (
	errXMLDepth = errors.New("XML is nested too deeply")
	errDTD      = errors.New("XML has a document type")
)

// guard hands on the tokens of an XML text, and stops at what no report has: a document type, and with it entities, and depth.
type guard struct {
	from  *xml.Decoder
	depth int
}

// newXML is a decoder for a text of strangers.
func newXML(data []byte) *xml.Decoder {
	data = bytes.TrimLeftFunc(data, unicode.IsSpace)
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return r, nil // whoever could read that far does not read UTF-16: it was made good, or never was
		}
		return transform.NewReader(r, e.NewDecoder()), nil
	}
	return xml.NewTokenDecoder(&guard{from: d})
}

// Token makes guard an xml.TokenReader.
func (g *guard) Token() (xml.Token, error) {
	t, err := g.from.RawToken()
	switch t.(type) {
	case xml.StartElement:
		if g.depth++; g.depth > maxXMLDepth {
			return nil, errXMLDepth
		}
	case xml.EndElement:
		g.depth--
	case xml.Directive:
		return nil, errDTD
	}
	return t, err
}

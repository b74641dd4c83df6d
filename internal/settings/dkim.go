package settings

import (
	"math"
	"slices"
	"strings"

	"posthoorn/internal/mailauth/dkim"
)

// DKIM are the keys that sign mail and the patterns of the domains that they sign for (database.md, dkim_keys and dkim_patterns). A
// key without pattern signs nothing and is left out; so is one that is not for DKIM (protocols). Whether the keys can be used is for
// a dkim.Ring to say. Callers leave the list as it is; it is the same one until rows of
// the database change.
func (s *Snapshot) DKIM() []dkim.Row { return s.keys }

// keyRows joins the keys and their patterns. A pattern whose key is gone says nothing.
func (c *contents) keyRows(keys, patterns []Row) {
	byKey := c.signPatterns(patterns)
	c.each(tableKeys, keys, func(in *cells, id int64) {
		row := dkim.Row{ID: id, Spec: in.keySpec(), Verify: true, Signs: signs(byKey[id])}
		if _, set := in.row["verify"]; set {
			row.Verify = in.whole("verify", math.MinInt32, math.MaxInt32) != 0
		}
		if in.err == nil && len(byKey[id]) > 0 && row.DKIM() {
			c.keys = append(c.keys, row)
		}
	})
}

// keySpec leaves the judgement of texts to those who sign. The private key is never part of an error.
func (c *cells) keySpec() dkim.Spec {
	return dkim.Spec{
		Domain: c.row["domain"], Selector: c.row["selector"], Private: c.row["privatekey"], Expire: c.moment("expire"),
		Headers: list(c.row["headers"]), Report: c.whole("report", math.MinInt32, math.MaxInt32) > 0,
		Priority:         int(c.whole("priority", math.MinInt32, math.MaxInt32)),
		Canonicalization: c.row["canonicalization"], Algorithm: c.row["algorithm"], Protocols: list(c.row["protocols"]),
	}
}

// list takes words with commas, blanks or line ends between them, and an array of JSON.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`,;"[]`, r) })
}

// signPatterns are the patterns by the id of their key.
func (c *contents) signPatterns(rows []Row) map[int64][]*pattern {
	byKey := map[int64][]*pattern{}
	c.each(tableSigns, rows, func(in *cells, _ int64) {
		key := in.whole("key_id", math.MinInt64, math.MaxInt64)
		p, err := newPattern(in.row["type"], strings.TrimSpace(in.row["sign"]))
		switch {
		case in.err != nil:
		case err != nil:
			in.err = err
		default:
			byKey[key] = append(byKey[key], p)
		}
	})
	return byKey
}

func signs(patterns []*pattern) func(domain string) bool {
	return func(domain string) bool {
		folded := fold(domain)
		return slices.ContainsFunc(patterns, func(p *pattern) bool { return p.match(domain, folded) })
	}
}

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"posthoorn/internal/mail"
	"posthoorn/internal/mailauth/dkim"
	"posthoorn/internal/settings"
)

const (
	keyTable     = "dkim_keys"
	patternTable = "dkim_patterns"
	privateCell  = "privatekey"
)

type keyRequest struct {
	Domain    string `json:"domain"`
	Selector  string `json:"selector"`
	Algorithm string `json:"algorithm"`
	Bits      int    `json:"bits"`
	Patterns  []struct {
		Type string `json:"type"`
		Sign string `json:"sign"`
	} `json:"patterns"`

	bits   int    // what it means; 0: Ed25519
	record string // the name of it
}

type recordAnswer struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Zone  string `json:"zone"`
}

type keyAnswer struct {
	ID     int64        `json:"id"`
	Change int64        `json:"change"`
	Record recordAnswer `json:"record"`
	pending
}

const mostPatterns = 50 // of one request

// generateKey makes a key and writes it with its patterns. The private half leaves this function into the database alone.
func (s *Server) generateKey(c *call, e Editor) (any, error) {
	k, err := newKey(c)
	if err != nil {
		return nil, err
	}
	private, err := dkim.Generate(k.bits)
	if err != nil {
		return nil, badField("bits", "%v", err)
	}
	a := keyAnswer{}
	if a.Record, err = recordOf(k.record, private); err != nil {
		return nil, err
	}
	cells := k.cells()
	cells[privateCell] = private
	a.ID, a.Change, err = e.InsertKey(c.Context(), c.caller.who(), cells, k.patterns())
	return a.saved(created{&a}, err)
}

// previewKey says what generateKey would do, and makes no key.
func (s *Server) previewKey(c *call, e Editor) (any, error) {
	k, err := newKey(c)
	if p, ok := errors.AsType[*problem](err); ok && p.field != "" {
		return previewAnswer{Problem: p.text, Field: p.field}, nil
	}
	if err != nil {
		return nil, err
	}
	effect, err := e.Preview(c.Context(), keyTable, 0, k.cells(), false)
	if err != nil {
		return nil, err
	}
	if effect.Problem != "" {
		return previewAnswer{Problem: effect.Problem, Field: effect.Field}, nil
	}
	others, err := k.namesakes(c.Context(), e)
	if err != nil {
		return nil, err
	}
	return previewAnswer{Effect: &effectAnswer{Text: k.text() + others, Destinations: []string{}}}, nil
}

// newKey reads a request for a key. An error with a field is about what stands there.
func newKey(c *call) (*keyRequest, error) {
	in := &keyRequest{}
	err := c.body(in)
	if err == nil {
		in.bits, err = in.size()
	}
	if err == nil {
		in.record, err = recordName(in.Domain, in.Selector)
	}
	if err == nil {
		err = in.checkPatterns()
	}
	return in, err
}

func (in *keyRequest) cells() settings.Cells {
	return settings.Cells{"domain": in.Domain, "selector": in.Selector}
}

func (in *keyRequest) patterns() (list []settings.Cells) {
	for _, p := range in.Patterns {
		list = append(list, settings.Cells{"type": p.Type, "sign": p.Sign})
	}
	return list
}

// text says what the key will be.
func (in *keyRequest) text() string {
	kind := fmt.Sprintf("an RSA key of %d bits", in.bits)
	if in.bits == 0 {
		kind = "an Ed25519 key"
	}
	text := "Makes " + kind + ", whose private half nobody sees. It is used from when the DNS has its record, at " + in.record + "."
	if len(in.Patterns) == 0 {
		return text + " It signs nothing until a pattern names domains."
	}
	var signs []string
	for _, p := range in.Patterns {
		switch p.Type {
		case "global":
			signs = append(signs, "all domains")
		case "exact":
			signs = append(signs, p.Sign)
		default:
			signs = append(signs, p.Type+" "+p.Sign)
		}
	}
	return text + " It signs mail of " + strings.Join(signs, ", ") + "."
}

// namesakes warns of keys whose record has the same place.
func (in *keyRequest) namesakes(ctx context.Context, e Editor) (string, error) {
	rows, err := e.Rows(ctx, keyTable)
	for _, row := range rows {
		domain, _ := row.Cells["domain"].(string)
		selector, _ := row.Cells["selector"].(string)
		if name, wrong := recordName(domain, selector); wrong == nil && strings.EqualFold(name, in.record) {
			return fmt.Sprintf(" There is a key with this selector already (row %d): the DNS can have the record of one of them, and what the other signs is not valid. Choose another selector to replace it.", row.ID), nil
		}
	}
	return "", err
}

// size is in bits; 0 for Ed25519.
func (in *keyRequest) size() (int, error) {
	switch in.Algorithm {
	case "", "rsa":
		if in.Bits == 0 {
			return 2048, nil
		}
		if in.Bits < 1024 || in.Bits > 4096 {
			return 0, badField("bits", "is not between 1024 and 4096")
		}
		return in.Bits, nil
	case "ed25519":
		return 0, nil
	}
	return 0, badField("algorithm", "is one of rsa and ed25519")
}

// checkPatterns refuses them before the key is written.
func (in *keyRequest) checkPatterns() error {
	if len(in.Patterns) > mostPatterns {
		return badField("patterns", "are more than %d", mostPatterns)
	}
	for _, p := range in.Patterns {
		if _, err := settings.MatchPattern(p.Type, p.Sign, ""); err != nil {
			return badField("patterns", "%v", err)
		}
	}
	return nil
}

const longestName = 253 // in the DNS

// recordName is where receivers look for a key.
func recordName(domain, selector string) (string, error) {
	_, ascii, err := mail.ParseDomain(domain)
	if err != nil || strings.HasPrefix(ascii, "[") {
		return "", badField("domain", "%.100q is no domain", domain)
	}
	for label := range strings.SplitSeq(selector, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", badField("selector", "%.100q is no selector: letters, digits, hyphens and dots make one", selector)
		}
	}
	name := selector + "._domainkey." + ascii
	if len(name) > longestName {
		return "", badField("selector", "makes a name of more than %d bytes: %.60s…", longestName, name)
	}
	return name, nil
}

// stringSize is how long one string of a TXT record may be (RFC 1035 section 3.3).
const stringSize = 255

func recordOf(name, private string) (recordAnswer, error) {
	value, err := dkim.Record(private)
	if err != nil {
		return recordAnswer{}, deny(http.StatusConflict, "this key cannot be used: %v", err)
	}
	var parts []string
	for rest := value; rest != ""; {
		n := min(len(rest), stringSize)
		parts, rest = append(parts, `"`+rest[:n]+`"`), rest[n:]
	}
	return recordAnswer{name, value, name + ". IN TXT ( " + strings.Join(parts, " ") + " )"}, nil
}

// key is a row of the keys, with its private half.
func (s *Server) key(c *call, e Editor) (domain, selector, private string, err error) {
	id, err := c.id()
	if err != nil {
		return "", "", "", err
	}
	rows, err := e.Rows(c.Context(), keyTable)
	if err != nil {
		return "", "", "", err
	}
	for _, row := range rows {
		if row.ID != id {
			continue
		}
		domain, _ = row.Cells["domain"].(string)
		selector, _ = row.Cells["selector"].(string)
		private, err = e.Secret(c.Context(), keyTable, id, privateCell)
		return domain, selector, private, err
	}
	return "", "", "", settings.ErrNoRow
}

func (s *Server) keyRecord(c *call, e Editor) (any, error) {
	domain, selector, private, err := s.key(c, e)
	if err != nil {
		return nil, err
	}
	name, err := recordName(domain, selector)
	if err != nil {
		return nil, err
	}
	return recordOf(name, private)
}

type checkAnswer struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// checkKey looks for the key in the DNS. Who signs with the keys looks again when it is there.
func (s *Server) checkKey(c *call, e Editor) (any, error) {
	if s.p.DNS == nil {
		return nil, notBuilt
	}
	if err := c.empty(); err != nil {
		return nil, err
	}
	domain, selector, private, err := s.key(c, e)
	if err != nil {
		return nil, err
	}
	name, err := recordName(domain, selector)
	if err != nil {
		return nil, err
	}
	why, err := dkim.InDNS(c.Context(), s.p.DNS, strings.TrimPrefix(name, selector+"._domainkey."), selector, private)
	switch {
	case err != nil:
		return checkAnswer{Detail: "it could not be found out: " + err.Error()}, nil
	case why != "":
		return checkAnswer{Detail: why}, nil
	}
	if s.p.KeyInDNS != nil {
		s.p.KeyInDNS()
	}
	return checkAnswer{true, "the DNS has the public half of this key"}, nil
}

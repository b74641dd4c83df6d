package mailauth

import (
	"encoding/json"
	"strings"

	"posthoorn/internal/mailauth/authres"
)

// The objects of incoming-json.md section 2: the key with the name of the test has the verdict.
type (
	spfJSON struct {
		SPF  authres.Result `json:"spf"`
		From string         `json:"smtp.mailfrom"`
	}
	dkimJSON struct {
		DKIM     authres.Result `json:"dkim"`
		Domain   string         `json:"domain,omitempty"`
		Selector string         `json:"selector,omitempty"`
		Identity string         `json:"header.i,omitempty"`
		Begin    string         `json:"header.b,omitempty"`
	}
	dmarcJSON struct {
		DMARC authres.Result `json:"dmarc"`
		From  string         `json:"header.from"`
	}
	arcJSON struct {
		ARC    authres.Result `json:"arc"`
		Domain string         `json:"domain,omitempty"`
		Sets   int            `json:"sets,omitempty"`
	}
	spamJSON struct {
		Spam      string   `json:"spam"`
		Score     *float64 `json:"score,omitempty"`
		Threshold *float64 `json:"threshold,omitempty"`
	}
)

// JSON is the array for property checks; nil: no check is wanted.
func (f *Findings) JSON() []byte {
	list := []any{}
	if f.checks.SPF {
		list = append(list, spfJSON{f.SPF.Result, clean(f.SPF.Sender)})
	}
	if f.checks.DKIM {
		list = append(list, f.dkimJSON()...)
	}
	if f.checks.DMARC {
		list = append(list, dmarcJSON{f.DMARC.Result, clean(f.Author.Address)})
	}
	if f.checks.ARC {
		list = append(list, arcJSON{f.ARC.Result, f.ARC.Domain, f.ARC.Sets})
	}
	if f.checks.Spam {
		list = append(list, f.spamJSON())
	}
	if len(list) == 0 {
		return nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil // cannot be: strings and finite numbers
	}
	return text
}

func (f *Findings) dkimJSON() (list []any) {
	if len(f.DKIM) == 0 {
		return []any{dkimJSON{DKIM: authres.None}}
	}
	for i, v := range f.DKIM {
		list = append(list, dkimJSON{v.Result, v.Domain, v.Selector, clean(v.Identity), brief(f.DKIM, i)})
	}
	return list
}

func (f *Findings) spamJSON() spamJSON {
	j := spamJSON{Spam: f.Spam.Verdict}
	if j.Spam == "ham" || j.Spam == "spam" {
		j.Score, j.Threshold = &f.Spam.Score.Score, &f.Spam.Threshold
	}
	return j
}

// clean bounds what a mail says about itself, and makes it valid UTF-8.
func clean(s string) string {
	const most = 320 // bytes: the longest address
	return strings.ToValidUTF8(s[:min(most, len(s))], "")
}

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"posthoorn/internal/mail"
)

// readTLS reads a report about TLS (RFC 8460).
func readTLS(m *message) (Reported, bool) {
	if m.answers() {
		return Reported{}, false
	}
	_, recognised := m.machine("tlsrpt", "application/tlsrpt+gzip", "application/tlsrpt+json")
	for _, a := range m.attachments("json") {
		if !a.named && !recognised {
			continue
		}
		if data, err := m.unpacked(a.part); err == nil {
			if t, err := readSessions(data); err == nil {
				return Reported{Kind: KindTLS, Summary: t.json()}, true
			}
		}
	}
	return Reported{Kind: KindTLS}, recognised
}

// sessions is the JSON of RFC 8460 section 4.4.
type sessions struct {
	Organization string `json:"organization-name"`
	Range        struct {
		Start string `json:"start-datetime"`
		End   string `json:"end-datetime"`
	} `json:"date-range"`
	Contact  string           `json:"contact-info"`
	ReportID string           `json:"report-id"`
	Policies []sessionsPolicy `json:"policies"`
}

type sessionsPolicy struct {
	Policy struct {
		Type   string     `json:"policy-type"`
		Lines  stringList `json:"policy-string"`
		Domain string     `json:"policy-domain"`
		MX     stringList `json:"mx-host"`
	} `json:"policy"`
	Summary struct {
		Successful count `json:"total-successful-session-count"`
		Failed     count `json:"total-failure-session-count"`
	} `json:"summary"`
	Failures []sessionsFailure `json:"failure-details"`
}

type sessionsFailure struct {
	Type    string `json:"result-type"`
	Sender  string `json:"sending-mta-ip"`
	MX      string `json:"receiving-mx-hostname"`
	Hello   string `json:"receiving-mx-helo"`
	IP      string `json:"receiving-ip"`
	Count   count  `json:"failed-session-count"`
	Details string `json:"additional-information"`
	Reason  string `json:"failure-reason-code"`
}

// stringList is a list of texts; some write a list of one as a text.
type stringList []string

// UnmarshalJSON reads either form.
func (l *stringList) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		*l = make(stringList, 1)
		return json.Unmarshal(raw, &(*l)[0])
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// count is a number of sessions; some write it as a text.
type count int64

// UnmarshalJSON reads either form.
func (c *count) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	*c = count(number(text))
	return nil
}

var errNoSessions = errors.New("no report about TLS")

// maxCommas bounds the elements of all lists: those of policies take far more memory than the two bytes that they may have.
const maxCommas = 20 * MaxRows

func readSessions(data []byte) (*sessions, error) {
	if bytes.Count(data, []byte(",")) > maxCommas {
		return nil, errBomb
	}
	var t sessions
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	if t.ReportID == "" && len(t.Policies) == 0 {
		return nil, errNoSessions
	}
	return &t, nil
}

func (t *sessions) json() []byte {
	o := mail.NewObject(nil)
	texts(o, "organization", t.Organization, "contact", t.Contact, "report-id", t.ReportID)
	moment(o, "begin", t.Range.Start)
	moment(o, "end", t.Range.End)
	var successful, failed count
	for _, p := range t.Policies {
		successful += p.Summary.Successful
		failed += p.Summary.Failed
	}
	o.Int("successful", int64(successful)).Int("failed", int64(failed))
	rows := MaxRows
	policies := t.Policies[:min(len(t.Policies), rows)]
	list, _ := arrayOf(policies, MaxSummary, func(o *mail.Object, p sessionsPolicy) {
		p.Failures = p.Failures[:min(len(p.Failures), rows)]
		rows -= len(p.Failures)
		p.fill(o)
	})
	o.Raw("policies", list)
	return o.Bytes()
}

func (p *sessionsPolicy) fill(o *mail.Object) {
	texts(o, "type", p.Policy.Type, "domain", p.Policy.Domain)
	lines(o, "policy", p.Policy.Lines)
	lines(o, "mx", p.Policy.MX)
	o.Int("successful", int64(p.Summary.Successful)).Int("failed", int64(p.Summary.Failed))
	if len(p.Failures) == 0 {
		return
	}
	list, _ := arrayOf(p.Failures, MaxSummary, func(o *mail.Object, f sessionsFailure) {
		texts(o, "type", f.Type)
		o.Int("count", int64(f.Count))
		texts(o, "sending-ip", f.Sender, "mx", f.MX, "helo", f.Hello, "receiving-ip", f.IP, "reason", f.Reason,
			"details", f.Details)
	})
	o.Raw("failures", list)
}

// lines writes a list of texts.
func lines(o *mail.Object, name string, list []string) {
	if len(list) == 0 {
		return
	}
	list = few(list)
	out := make([]string, len(list))
	for i := range list {
		out[i] = clip(list[i])
	}
	o.Strings(name, out)
}

// moment writes a time that was given by RFC 3339.
func moment(o *mail.Object, name, text string) {
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.Year() > 0 {
		o.Time(name, t)
	}
}

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
)

// aggregateSubject is how RFC 7489 section 7.2.1.1 and RFC 9990 begin the subject, and how some mark trials of it.
var aggregateSubject = regexp.MustCompile(`(?i)^(?:\[[^\]]{1,40}\]\s*)?Report Domain:`)

// readDMARC reads a DMARC aggregate report. By its file name it is recognised whatever it holds, by its subject only when it can
// be read.
func readDMARC(m *message) (Reported, bool) {
	if m.answers() {
		return Reported{}, false
	}
	subject := aggregateSubject.MatchString(m.field("Subject"))
	recognised := false
	for _, a := range m.attachments("xml") {
		if !a.named && !subject {
			continue
		}
		recognised = recognised || a.named
		if data, err := m.unpacked(a.part); err == nil {
			if f, err := readAggregate(data); err == nil {
				return Reported{Kind: KindDMARC, Summary: f.json()}, true
			}
		}
	}
	return Reported{Kind: KindDMARC}, recognised
}

// aggregate is a DMARC aggregate report (RFC 7489 appendix C, RFC 9990).
type aggregate struct {
	meta    aggregateMeta
	policy  aggregatePolicy
	records []aggregateRecord
	more    int   // records over MaxRows
	total   int64 // messages, of all records
}

type aggregateMeta struct {
	Organization string `xml:"org_name"`
	Email        string `xml:"email"`
	ReportID     string `xml:"report_id"`
	Begin        string `xml:"date_range>begin"`
	End          string `xml:"date_range>end"`
}

type aggregatePolicy struct {
	Domain        string `xml:"domain"`
	Policy        string `xml:"p"`
	Subdomains    string `xml:"sp"`
	NonExistent   string `xml:"np"`
	AlignmentDKIM string `xml:"adkim"`
	AlignmentSPF  string `xml:"aspf"`
	Percentage    string `xml:"pct"`
	FailureOpts   string `xml:"fo"`
	Testing       string `xml:"testing"`
	Discovery     string `xml:"discovery_method"`
}

type aggregateRecord struct {
	SourceIP    string            `xml:"row>source_ip"`
	Count       string            `xml:"row>count"`
	Disposition string            `xml:"row>policy_evaluated>disposition"`
	DKIM        string            `xml:"row>policy_evaluated>dkim"`
	SPF         string            `xml:"row>policy_evaluated>spf"`
	Reasons     []aggregateReason `xml:"row>policy_evaluated>reason"`
	From        string            `xml:"identifiers>header_from"`
	MailFrom    string            `xml:"identifiers>envelope_from"`
	RcptTo      string            `xml:"identifiers>envelope_to"`
	SeenDKIM    []aggregateCheck  `xml:"auth_results>dkim"`
	SeenSPF     []aggregateCheck  `xml:"auth_results>spf"`
}

type aggregateReason struct {
	Type    string `xml:"type"`
	Comment string `xml:"comment"`
}

type aggregateCheck struct {
	Domain   string `xml:"domain"`
	Selector string `xml:"selector"`
	Scope    string `xml:"scope"`
	Result   string `xml:"result"`
}

var errNoAggregate = errors.New("no DMARC report")

// readAggregate reads the XML, record by record.
func readAggregate(data []byte) (*aggregate, error) {
	f, d, depth, known := &aggregate{}, newXML(data), 0, false
	for {
		token, err := d.Token()
		if err == io.EOF && known && depth == 0 {
			return f, nil
		}
		if err != nil {
			return nil, errors.Join(errNoAggregate, err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth == 0 {
				if t.Name.Local != "feedback" {
					return nil, errNoAggregate
				}
				depth++
				continue
			}
			found, err := f.element(d, &t)
			if err != nil {
				return nil, err
			}
			known = known || found
		}
	}
}

// element reads a child of the root; known says that a DMARC report must have it.
func (f *aggregate) element(d *xml.Decoder, start *xml.StartElement) (known bool, err error) {
	switch start.Name.Local {
	case "report_metadata":
		return true, d.DecodeElement(&f.meta, start)
	case "policy_published":
		return true, d.DecodeElement(&f.policy, start)
	case "record":
		var r aggregateRecord
		if err := d.DecodeElement(&r, start); err != nil {
			return true, err
		}
		if n := number(r.Count); n > 0 {
			f.total += min(n, maxCount)
		}
		if len(f.records) < MaxRows {
			f.records = append(f.records, r)
		} else {
			f.more++
		}
		return true, nil
	}
	return false, d.Skip()
}

// maxCount keeps sums of counts far from an overflow.
const maxCount = 1 << 40

// number is a count in a report; what is none is 0.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, maxCount)
}

func (f *aggregate) json() []byte {
	o := mail.NewObject(nil)
	texts(o, "organization", f.meta.Organization, "email", f.meta.Email, "report-id", f.meta.ReportID)
	epoch(o, "begin", f.meta.Begin)
	epoch(o, "end", f.meta.End)
	texts(o, "domain", f.policy.Domain)
	o.Object("policy", f.policy.fill).Int("messages", f.total)
	rows, n := arrayOf(f.records, MaxSummary, func(o *mail.Object, r aggregateRecord) { r.fill(o) })
	o.Raw("rows", rows)
	if more := f.more + len(f.records) - n; more > 0 {
		o.Int("rows-left-out", int64(more))
	}
	return o.Bytes()
}

func (p *aggregatePolicy) fill(o *mail.Object) {
	texts(o, "p", p.Policy, "sp", p.Subdomains, "np", p.NonExistent, "adkim", p.AlignmentDKIM, "aspf", p.AlignmentSPF,
		"pct", p.Percentage, "fo", p.FailureOpts, "testing", p.Testing, "discovery-method", p.Discovery)
}

// fill writes a row. The first dkim and spf are what DMARC made of them, the lists are what was checked.
func (r *aggregateRecord) fill(o *mail.Object) {
	texts(o, "source-ip", r.SourceIP)
	o.Int("count", number(r.Count))
	texts(o, "disposition", r.Disposition, "dkim", r.DKIM, "spf", r.SPF)
	if len(r.Reasons) > 0 {
		o.Raw("reasons", array(few(r.Reasons), func(o *mail.Object, x aggregateReason) {
			texts(o, "type", x.Type, "comment", x.Comment)
		}))
	}
	texts(o, "header-from", r.From, "envelope-from", r.MailFrom, "envelope-to", r.RcptTo)
	checks(o, "dkim-results", r.SeenDKIM)
	checks(o, "spf-results", r.SeenSPF)
}

func checks(o *mail.Object, name string, list []aggregateCheck) {
	if len(list) > 0 {
		o.Raw(name, array(few(list), func(o *mail.Object, c aggregateCheck) {
			texts(o, "domain", c.Domain, "selector", c.Selector, "scope", c.Scope, "result", c.Result)
		}))
	}
}

// few is the start of a list that is short in an honest report.
func few[T any](list []T) []T { return list[:min(len(list), 20)] }

// texts writes pairs of a name and a text; empty ones are left out.
func texts(o *mail.Object, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Optional(pairs[i], clip(pairs[i+1]))
	}
}

// epoch writes a time that was given in seconds since 1970.
func epoch(o *mail.Object, name, seconds string) {
	if n := number(seconds); n > 0 && n < 1<<37 { // a year of four digits
		o.Time(name, time.Unix(n, 0))
	}
}

package report

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"posthoorn/internal/mime"
)

// Servers that keep no standard differ in their words, not in their form: a recipient stands at the start of a line, what is
// wrong with it on the same line, on the next ones, or in a paragraph further down; then the original message.
var (
	proseAddress = regexp.MustCompile(`^[>\s*•-]*(?:\d{1,4}[.)]\s+)?(?:(?:Recipient(?: Address)?|Rcpt To|User|Failed (?:address|recipient)|Final-Recipient):\s*)?` +
		`(?:rfc822;\s*|SMTP:\s*|mailto:)?[<(]?(?:rfc822;\s*)?([^\s<>@:;,"'()：；，、。（）\[\]]{1,64}@[\pL\pN][\pL\pN.-]{0,252}[\pL\pN])(>|\b)(.*)$`)
	proseOriginal = regexp.MustCompile(`(?i)^\s*(?:[>|]\s*)?[-=_*]{2,}.*(?:copy of|below this line|original|header|unsent|returned message|` +
		`forwarded|message(?: text)? follows)|^(?:Received|Return-Path|Message-ID): |^(?:Original message (?:headers|follows)|Message headers? follow|Unsent message)`)
	proseCode  = regexp.MustCompile(`(?:^|[^\d.])(?:[45]\d\d[ -]|[45]\.\d{1,3}\.\d{1,3}(?:\D|$))`)
	proseItsID = regexp.MustCompile(`(?i)message-?id\S*\s*(?:(?:of|is)\s+)?\S*`)
	blank      = regexp.MustCompile(`\n[ \t\r]*\n`)
	proseAny   = regexp.MustCompile(`[^\s<>@:;,"'()：；，、。（）\[\]=]+@[\pL\pN][\pL\pN.-]*`)
	proseID    = regexp.MustCompile(`(?im)^[ \t>]*Message-ID:\s*(<[^<>\s]{1,500}>)`)
	heading    = regexp.MustCompile(`^[|]?[-=_*]{2,}[^-=_*]*[-=_*]{2,}[|]?\s*`)
	ruler      = regexp.MustCompile(`^[-=_*|]{5,}$`)
	tag        = regexp.MustCompile(`<[^>]*>`)
	hidden     = regexp.MustCompile(`(?is)<(?:style|script|head)\b.*?</(?:style|script|head)>`)
	hiddenEnd  = regexp.MustCompile(`(?i)</(?:style|script|head)>`)
	breaking   = regexp.MustCompile(`(?i)<(?:br|/p|/div|/tr|/li|/h\d|/t[dh]|p|div)\b[^>]*>`)
)

// readProse reads what a server tells a person. The field with the failed recipients, if there is one, says who they are.
func (r *Reported) readProse(m *message) {
	text := m.prose()
	told, original := cutOriginal(text)
	if r.MessageID == "" {
		if id := proseID.FindStringSubmatch(original); id != nil {
			r.MessageID = id[1]
		}
	}
	found := proseRecipients(told)
	if len(found) == 0 {
		found = m.onlyAddress(told)
	}
	action := "failed"
	if later.MatchString(m.field("Subject") + "\n" + told[:min(len(told), maxTold)]) {
		action = "delayed"
	}
	if failed := m.failed(); len(failed) > 0 {
		found = only(failed, found)
	}
	for i := range found {
		found[i].Action = action
	}
	r.Recipients = found
}

// onlyAddress finds the recipient in a text that has it in the middle of a line: the one address in it that is neither of those that
// the report went from and to. What is told about it is its paragraph, or the first one with a code.
func (m *message) onlyAddress(told string) []Recipient {
	parties, to, coded := m.parties(), Recipient{}, ""
	for paragraph := range strings.SplitSeq(blank.ReplaceAllString(told, "\n\n"), "\n\n") {
		paragraph = clip(paragraph)
		for _, address := range proseAny.FindAllString(proseItsID.ReplaceAllString(paragraph, ""), -1) {
			address = strings.TrimRight(address, ".-")
			switch {
			case len(address) > 320 || strings.EqualFold(address, to.Final) || daemon.MatchString(address) || contains(parties, address):
			case to.Final != "":
				return nil // one of them is not the recipient
			default:
				to = Recipient{Final: address, Diagnostic: paragraph}
			}
		}
		if coded == "" && proseCode.MatchString(paragraph) {
			coded = paragraph
		}
	}
	if to.Final == "" {
		return nil
	}
	to.explain(coded)
	return []Recipient{to}
}

// parties are the addresses that the report itself comes from and goes to.
func (m *message) parties() (list []string) {
	for _, name := range [...]string{"To", "From"} {
		if f := m.parts[0].Field(name); f != nil {
			list = append(list, few(mime.Addresses(f.Value))...)
		}
	}
	return list
}

// contains says whether a list has an address, whatever its case.
func contains(list []string, address string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, address) })
}

// only keeps the recipients that are named, with what was found about each.
func only(named []string, found []Recipient) []Recipient {
	out := make([]Recipient, 0, len(named))
	for _, name := range named {
		to := Recipient{Final: name}
		for _, f := range found {
			if strings.EqualFold(f.Final, name) || len(named) == 1 && to.Diagnostic == "" {
				to.Status, to.Diagnostic = f.Status, f.Diagnostic
			}
		}
		out = append(out, to)
	}
	return out
}

// prose is the first text of the message; of one whose parts cannot be found, all that it holds.
func (m *message) prose() string {
	for _, kind := range [...]string{"text/plain", "text/html", "multipart/"} {
		for i := range m.parts {
			if p := &m.parts[i]; !p.Multipart && strings.HasPrefix(p.Media.Type, kind) {
				return m.text(p)
			}
		}
	}
	return ""
}

// text is the text of a part in UTF-8, without markup.
func (m *message) text(p *mime.Part) string {
	cut := *p
	cut.End = min(cut.End, cut.Body+maxProse)
	text, err := cut.AppendText(nil, m.source)
	if err != nil {
		text = cut.AppendDecoded(nil, m.source)
	}
	if p.Media.Type == "text/html" {
		return unmarked(string(text))
	}
	return string(text)
}

// unmarked is what HTML shows. What hides something is looked for only where it may end: one that does not would be looked for in
// all of the text, and so would the next.
func unmarked(text string) string {
	text = breaking.ReplaceAllString(text, "\n")
	if ends := hiddenEnd.FindAllStringIndex(text, -1); len(ends) > 0 {
		end := ends[len(ends)-1][1]
		text = hidden.ReplaceAllString(text[:end], "") + text[end:]
	}
	return html.UnescapeString(tag.ReplaceAllString(text, ""))
}

// cutOriginal cuts a text where the original message begins.
func cutOriginal(text string) (told, original string) {
	pos := 0
	for line := range strings.Lines(text) {
		if proseOriginal.MatchString(strings.TrimRight(line, "\r\n")) {
			return text[:pos], text[pos:]
		}
		pos += len(line)
	}
	return text, text
}

// proseRecipients finds the recipients, and what is told about each.
func proseRecipients(text string) []Recipient {
	p := proseReader{open: -1}
	for line := range strings.Lines(text) {
		p.line(strings.TrimSpace(line))
	}
	p.end()
	for i := range p.found {
		p.found[i].explain(p.general)
	}
	return p.found
}

// proseReader goes through the paragraphs of a text.
type proseReader struct {
	found     []Recipient
	open      int    // the recipient that the paragraph is about; -1: none
	paragraph string // so far
	reason    bool   // a paragraph has said that the reason follows
	general   string // the first paragraph after a recipient that is about none and has a code, or else the first one
}

func (p *proseReader) line(line string) {
	to, rest := recipientLine(line)
	switch {
	case line == "" || ruler.MatchString(line):
		p.end()
	case to != "" && len(p.found) < MaxRecipients && !p.repeats(to):
		p.end()
		p.open, p.paragraph = p.recipient(to), rest
	case len(p.paragraph) < MaxText:
		p.paragraph += " " + line
	}
}

// repeats says that a line begins with the recipient that it is about because the words of a server were broken there.
func (p *proseReader) repeats(address string) bool {
	return p.open >= 0 && p.paragraph != "" && strings.EqualFold(p.found[p.open].Final, address)
}

// recipient is the place of a recipient, which may have been named before.
func (p *proseReader) recipient(address string) int {
	for i := len(p.found) - 1; i >= max(0, len(p.found)-20); i-- { // repetitions stand close to each other
		if strings.EqualFold(p.found[i].Final, address) {
			return i
		}
	}
	p.found = append(p.found, Recipient{Final: address})
	return len(p.found) - 1
}

// end takes the paragraph for what is told about its recipient, or about all of them.
func (p *proseReader) end() {
	text := clip(heading.ReplaceAllString(strings.TrimSpace(p.paragraph), ""))
	switch {
	case text == "":
	case p.open >= 0:
		if to := &p.found[p.open]; !proseCode.MatchString(to.Diagnostic) {
			to.Diagnostic = text
		}
	case strings.HasSuffix(text, "reason:"):
		p.reason = true
	case (len(p.found) > 0 || p.reason) && !strings.HasSuffix(text, ":"):
		if p.general == "" || proseCode.MatchString(text) && !proseCode.MatchString(p.general) {
			p.general = text
		}
	}
	p.open, p.paragraph = -1, ""
}

// recipientLine says which recipient a line begins with, and what is told about it on that line. An address in the middle of a
// sentence that was broken there is none.
func recipientLine(line string) (address, rest string) {
	found := proseAddress.FindStringSubmatch(line)
	if found == nil || daemon.MatchString(found[1]) {
		return "", ""
	}
	rest = strings.TrimSpace(found[3])
	if strings.HasPrefix(rest, "on ") { // when
		return found[1], ""
	}
	if found[2] == "" && rest != "" && !strings.ContainsAny(rest[:1], ":,;.()>-") && !strings.HasPrefix(rest, "：") {
		return "", ""
	}
	return found[1], strings.TrimLeft(rest, "：:,;.)> -")
}

// explain takes what is told about all recipients where a code tells more than what is told about this one.
func (to *Recipient) explain(general string) {
	if !proseCode.MatchString(to.Diagnostic) && (to.Diagnostic == "" || proseCode.MatchString(general)) {
		to.Diagnostic = general
	}
	to.Status = status(to.Diagnostic)
}

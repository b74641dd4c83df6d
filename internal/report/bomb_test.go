package report

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func zipped(t *testing.T, data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// attached is a message with an attachment, and the part that it is.
func attached(t *testing.T, data []byte) (*message, attachment) {
	t.Helper()
	source := []byte("Content-Type: application/gzip; name=a!b!1!2.xml.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(data))
	m, ok := newMessage(source, "")
	if !ok {
		t.Fatal("no message")
	}
	found := m.attachments("xml")
	if len(found) != 1 || !found[0].named {
		t.Fatal(found)
	}
	return m, found[0]
}

func TestUnpackStopsAtTheLimits(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		size int
		err  error
	}{
		"honest":         {zipped(t, []byte("<feedback/>")), 11, nil},
		"small and even": {zipped(t, make([]byte, 64<<10)), 64 << 10, nil},
		"ratio":          {zipped(t, make([]byte, 1<<20)), 0, errBomb},
		"bomb":           {zipped(t, make([]byte, 20<<20)), 0, errBomb},
		"plain":          {[]byte("<feedback/>"), 11, nil},
		"large":          {bytes.Repeat([]byte("x"), MaxPacked+1), 0, errPacked},
		"much too large": {bytes.Repeat([]byte("x"), 2*MaxPacked), 0, errPacked},
		"short zip":      {[]byte("PK\x03\x04"), 0, errArchive},
		"zip past its end": {append([]byte("PK\x03\x04\x14\x00\x00\x00\x00\x00"), bytes.Repeat([]byte{0xff}, 24)...), 0,
			errArchive},
	} {
		m, a := attached(t, c.data)
		data, err := m.unpacked(a.part)
		if !errors.Is(err, c.err) || len(data) != c.size {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}

// TestUnpackIsBounded shows that a bomb takes no more memory than its limit, give or take the growing of a buffer.
func TestUnpackIsBounded(t *testing.T) {
	m, a := attached(t, append(zipped(t, make([]byte, 40<<20)), make([]byte, 1<<20)...)) // large enough for its ratio
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := m.unpacked(a.part); !errors.Is(err, errBomb) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*MaxUnpacked {
		t.Errorf("%d bytes", took)
	}
}

func TestRowsAreBounded(t *testing.T) {
	record := "<record><row><source_ip>192.0.2.1</source_ip><count>2</count></row></record>"
	f, err := readAggregate([]byte("<feedback><policy_published><domain>a.test</domain></policy_published>" +
		strings.Repeat(record, MaxRows+7) + "</feedback>"))
	if err != nil {
		t.Fatal(err)
	}
	out := f.json()
	if n := bytes.Count(out, []byte("source-ip")); n != MaxRows {
		t.Errorf("%d rows", n)
	}
	if want := `"rows-left-out":7`; !bytes.Contains(out, []byte(want)) {
		t.Errorf("does not say %s", want)
	}
	if want := fmt.Sprintf(`"messages":%d`, 2*(MaxRows+7)); !bytes.Contains(out, []byte(want)) {
		t.Errorf("does not say %s", want)
	}
}

// TestSummariesAreBounded: rows of long texts are left out before their number is reached.
func TestSummariesAreBounded(t *testing.T) {
	long := strings.Repeat("x", MaxText)
	f, err := readAggregate([]byte("<feedback><report_metadata/>" + strings.Repeat("<record><identifiers><header_from>"+long+"</header_from></identifiers></record>", 1000) + "</feedback>"))
	if err != nil {
		t.Fatal(err)
	}
	out := f.json()
	if left := fmt.Sprintf(`"rows-left-out":%d`, 1000-bytes.Count(out, []byte("header-from"))); len(out) > MaxSummary+2*MaxText || !bytes.Contains(out, []byte(left)) {
		t.Errorf("%d bytes that do not say %s", len(out), left)
	}
	failures := strings.Repeat(`{"result-type":"`+long+`"},`, 1000) + "{}"
	s, err := readSessions([]byte(`{"report-id":"x","policies":[{"failure-details":[` + failures + `]},{"failure-details":[` + failures + `]},{"policy":{"policy-domain":"late"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if out := s.json(); len(out) > 2*MaxSummary || bytes.Contains(out, []byte("late")) {
		t.Errorf("%d bytes", len(out))
	}
}

// TestHostileReportsAreCheap: what is small on the wire, and within the limits of what may come out of it, takes neither minutes nor
// gigabytes.
func TestHostileReportsAreCheap(t *testing.T) {
	const part = "\n--b\nContent-Type: application/octet-stream; name=%s\nContent-Transfer-Encoding: base64\n\n%s"
	for name, text := range map[string]string{
		"a!b!1!2.xml.gz":    "<feedback>" + strings.Repeat("<record></record>", 980_000) + "</feedback>",
		"a!b!1!2!x.xml.gz":  "<feedback><record " + strings.Repeat("a='' ", 3_200_000) + "/></feedback>",
		"a!b!1!2.json.gz":   `{"report-id":"x","policies":[` + strings.Repeat("{},", 5_500_000) + "{}]}",
		"a!b!1!2!x.json.gz": `{"report-id":"x","policies":[{"failure-details":[` + strings.Repeat("null,", 3_300_000) + "null]}]}",
	} {
		packed := append(zipped(t, []byte(text)), make([]byte, 100<<10)...) // large enough for its ratio
		source := "Content-Type: multipart/mixed; boundary=b\n" +
			strings.Repeat(fmt.Sprintf(part, name, base64.StdEncoding.EncodeToString(packed)), 2)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if r, _ := Recognise([]byte(source), ""); r.Summary != nil {
			t.Errorf("%s: %.100s", name, r.JSON())
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 24*MaxUnpacked {
			t.Errorf("%s: %d MB", name, took>>20)
		}
	}
}

// TestMarkupIsRead also would take minutes if the end of what hides something were looked for again and again.
func TestMarkupIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"<head><title>x</title>\n</head><p>a<b>b</b>&lt;</p><STYLE>x{}</STYLE>c": "\nab<\nc",
		"<style>a<p>b":                 "a\nb",
		"<script>x</script>a<script>b": "ab",
		"a < b <br> c":                 "a < b \n c",
	} {
		if got := unmarked(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	const opening = "<style>"
	body := strings.Repeat(opening, maxProse/len(opening))
	r, ok := Recognise([]byte("From: mailer-daemon@a.test\nSubject: failure notice\nContent-Type: text/html\n\n"+body), "")
	if !ok || r.Kind != KindBounce {
		t.Errorf("%s", r.JSON())
	}
}

func TestXMLIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"document type":   `<!DOCTYPE feedback><feedback><report_metadata/></feedback>`,
		"entity":          `<feedback><report_metadata><org_name>&x;</org_name></report_metadata></feedback>`,
		"depth":           `<feedback><extension>` + strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40) + `</extension><record/></feedback>`,
		"no end":          `<feedback><report_metadata/>`,
		"wrong end":       `<feedback><report_metadata></feedback></report_metadata>`,
		"another root":    `<orders><record/></orders>`,
		"nothing in it":   `<feedback><other/></feedback>`,
		"character set":   `<?xml version="1.0" encoding="x-none"?><feedback><record/></feedback>`,
		"bytes":           "<feedback><report_metadata><org_name>\xff</org_name></report_metadata></feedback>",
		"unquoted values": `<feedback a=b><record/></feedback>`,
	} {
		if f, err := readAggregate([]byte(text)); err == nil {
			t.Errorf("%s: read %s", name, f.json())
		}
	}
	if _, err := readAggregate([]byte("\ufeff\r\n <feedback><record/></feedback>")); err != nil {
		t.Errorf("with a byte order mark: %v", err)
	}
}

// TestRecipientsAreBounded also would take minutes if what is told were looked at again for each recipient.
func TestRecipientsAreBounded(t *testing.T) {
	body := strings.Repeat("<u@a.test>\n<v@a.test>\n\nx\n\n", 3000)
	for i := range 2000 {
		body = fmt.Sprintf("u%d@a.test\n", i) + body
	}
	var dsn strings.Builder
	for i := range MaxRecipients + 10 {
		fmt.Fprintf(&dsn, "\nFinal-Recipient: rfc822; u%d@a.test\nAction: failed\n", i)
	}
	for kind, source := range map[Kind]string{
		KindBounce: "From: mailer-daemon@a.test\nSubject: failure notice\n\n" + body,
		KindDSN:    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a.test\n" + dsn.String(),
	} {
		r, ok := Recognise([]byte(source), "")
		if !ok || r.Kind != kind || len(r.Recipients) != MaxRecipients {
			t.Errorf("%s: %v, %s with %d recipients", kind, ok, r.Kind, len(r.Recipients))
		}
	}
}

func TestStructureIsBounded(t *testing.T) {
	var deep strings.Builder
	for i := range 200 {
		fmt.Fprintf(&deep, "Content-Type: multipart/report; report-type=delivery-status; boundary=b%d\n\n--b%d\n", i, i)
	}
	for name, source := range map[string]string{
		"depth":  deep.String(),
		"header": strings.Repeat("X: y\n", 2000) + "\n",
		"line":   "X: " + strings.Repeat("y", 100<<10) + "\n\n",
	} {
		if r, ok := Recognise([]byte(source), ""); ok {
			t.Errorf("%s: taken for %s", name, r.Kind)
		}
	}
}

// What is read of the parts of a report is bounded for all of them together.
func TestManyPartsAreNotAllRead(t *testing.T) {
	part := func(kind, text string) string { return "--b\r\nContent-Type: " + kind + "\r\n\r\n" + text + "\r\n" }
	report := func(parts string) []byte {
		return []byte("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" + parts + "--b--\r\n")
	}
	const kind, named, header = "message/delivery-status", "Final-Recipient: rfc822; ann@customer.test\r\n", "Message-ID: <1@shop.test>\r\n"
	filler := strings.Repeat("X: y\r\n", maxFields/6)
	for _, c := range []struct {
		parts      string
		recipients int
		id         string
	}{
		{part(kind, "X: y\r\n") + part(kind, named) + part("message/rfc822", header), 1, "<1@shop.test>"},
		{part(kind, filler) + part(kind, named) + part("message/rfc822", header), 0, "<1@shop.test>"},
		{part(kind, named) + strings.Repeat(part("message/rfc822", "X: y\r\n"), maxOriginals) + part("message/rfc822", header), 1, ""},
	} {
		r, ok := Recognise(report(c.parts), "")
		if !ok || len(r.Recipients) != c.recipients || r.MessageID != c.id {
			t.Errorf("%t %s, want %d recipients of %q", ok, r.JSON(), c.recipients, c.id)
		}
	}
}

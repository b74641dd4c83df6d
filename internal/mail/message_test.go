package mail

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(text), Rules{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

const full = `{"envelope":"b@Shop.TEST","recipient":"ann@xn--bcher-kva.example","mime":"Subject: x\r\n\r\nh\u00e9\r\n",` +
	`"ips":["198.51.100.7","bad"],"maxdelivertime":"2031-05-04 18:00:00","retries":[300,"900",0],"tags":["a",1,"b"],` +
	`"dsn":{"notify":"FAILURE","ret":"HDRS","envid":"i"},"queues":{"success":null,"failure":"f","retry":"null","results":7},` +
	`"smarthost":{"name":"old","hostname":"new","port":"2525","username":"u","password":"p"},"keepmime":1,"force":"true",` +
	`"maxattempts":1e309,"delayed":"2031-05-04 08:00:00","nextattempt":{"time":"2031-05-04T10:00:00+02:00"},` +
	`"results":[{"attempt":1},{"attempt":2}],"x":{"$type":null},"priority":5,"data":null}`

func TestParseProperties(t *testing.T) {
	m := parse(t, full)
	check := func(name string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	check("envelope", m.Envelope.String(), "b@shop.test")
	check("recipient", m.Recipient.String(), "ann@bücher.example")
	check("destination", m.Recipient.ASCIIDomain(), "xn--bcher-kva.example")
	check("ips", len(m.IPs), 1)
	check("deadline", m.Deadline, time.Date(2031, 5, 4, 18, 0, 0, 0, time.UTC))
	check("retries", m.Retries, []time.Duration{300 * time.Second, 900 * time.Second, time.Second})
	check("tags", m.Tags, []string{"a", "b"})
	check("dsn", m.DSN, DSN{Notify: "FAILURE", Ret: "HDRS", EnvID: "i"})
	check("success", m.Queues.Queue(Success, "conf"), "")
	check("failure", m.Queues.Queue(Failure, "conf"), "f")
	check("retry", m.Queues.Queue(Retry, "conf"), "")
	check("results queue", m.Queues.Queue(Results, "conf"), "conf")
	check("smarthost", m.Smarthost, &Smarthost{Host: "new", Port: 2525, Username: "u", Password: "p"})
	check("flags", []bool{m.KeepMime, m.Force, m.Data, m.NextAttempt}, []bool{true, true, false, true})
	check("maxattempts", m.MaxAttempts, 1<<31-1)
	check("not before", m.NotBefore, time.Date(2031, 5, 4, 8, 0, 0, 0, time.UTC))
	check("attempts", m.Attempts, 2)
	check("warnings", len(m.Warnings), 1)
	source, err := m.AppendSource(nil)
	check("source", string(source), "Subject: x\r\n\r\nhé\r\n")
	check("error", err, nil)
}

func TestAppendSourceStart(t *testing.T) {
	const text = "Subject: \"x\"\r\n\r\nGrüße \U0001f600\r\n"
	for name, body := range map[string]string{
		"text":    `{"recipient":"a@b.c","mime":"Subject: \"x\"\r\n\r\nGr\u00fc\u00dfe \ud83d\ude00\r\n"}`,
		"base64":  `{"recipient":"a@b.c","mime-encoding":"base64","mime":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`,
		"no base": `{"recipient":"a@b.c","mime-encoding":"base64","mime":"` + base64.StdEncoding.EncodeToString([]byte(text[:15])) + `?"}`,
	} {
		m := parse(t, body)
		for n := range len(text) + 10 {
			got := string(m.AppendSourceStart([]byte("before"), n))
			want := "before" + text[:min(n, len(text))]
			if name == "no base" {
				want = "before" + text[:min(n, 15)]
			}
			if !strings.HasPrefix(got, want) || len(got) > len(want)+12 || !strings.HasPrefix("before"+text, got) {
				t.Errorf("%s, %d bytes: %q", name, n, got)
			}
		}
	}
}

func TestUnchangedMessageIsByteForByte(t *testing.T) {
	for _, text := range []string{full, `{"recipient":"a@b.c","a":1.50,"a":1.5e0,"\u0061":[ 1 ]}`} {
		if got := string(parse(t, text).Append(nil)); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}

func TestAppendChanges(t *testing.T) {
	r := &Result{Attempt: 3, State: StateRcptTo, Kind: Failed, Time: time.Unix(0, 0), Code: 550, Status: "5.1.1", Description: "no \"such\" user"}
	const entry = `{"attempt":3,"state":"rcptto","result":"error","time":"1970-01-01 00:00:00","code":550,"status":"5.1.1","description":"no \"such\" user"}`
	for _, c := range []struct{ name, in, want string }{
		{"first entry", `{"recipient":"a@b.c","mime":"x","n":1}`, `{"recipient":"a@b.c","n":1,"results":[` + entry + `]}`},
		{"further entry", `{"mime":"x","results":[ {"attempt":1} ],"recipient":"a@b.c"}`, `{"results":[{"attempt":1},` + entry + `],"recipient":"a@b.c"}`},
		{"results is no array", `{"results":"odd","recipient":"a@b.c"}`, `{"results":[` + entry + `],"recipient":"a@b.c"}`},
		{"empty results", `{"recipient":"a@b.c","results":[]}`, `{"recipient":"a@b.c","results":[` + entry + `]}`},
	} {
		m := parse(t, c.in)
		m.RemoveContent()
		m.AddResult(r)
		if got := string(m.Append(nil)); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestSetNotBeforeKeepsTheForm(t *testing.T) {
	at := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]string{
		`{"recipient":"a@b.c"}`: `{"recipient":"a@b.c","delayed":"2031-01-02 03:04:05"}`,
		`{"nextattempt":{"time":"2030-01-01 00:00:00"},"recipient":"a@b.c"}`: `{"nextattempt":{"time":"2031-01-02 03:04:05"},"recipient":"a@b.c"}`,
	} {
		m := parse(t, in)
		m.SetNotBefore(at)
		if got := string(m.Append([]byte("before"))); got != "before"+want {
			t.Errorf("got %s want %s", got, want)
		}
	}
}

// No secret of a message goes into a log.
func TestNoSecretsInLogs(t *testing.T) {
	for in, want := range map[string]string{
		`{"recipient":"a@b.c","mime":"x","dkim":{"key":"SECRET"},"n":1}`:                                     `{"recipient":"a@b.c","n":1}`,
		`{"dkim":[{"key":"SECRET"}],"recipient":"a@b.c","key":"k"}`:                                          `{"recipient":"a@b.c"}`,
		`{"smarthost":{"hostname":"h","password":"SECRET","port":25},"recipient":"a@b.c"}`:                   `{"smarthost":{"hostname":"h","port":25},"recipient":"a@b.c"}`,
		`{"smarthost":{"password":"SECRET"},"recipient":"a@b.c"}`:                                            `{"smarthost":{},"recipient":"a@b.c"}`,
		`{"smarthost":{"p\u0061ssword":"SECRET", "x\"" : [1]},"recipient":"a@b.c"}`:                          `{"smarthost":{"x\"":[1]},"recipient":"a@b.c"}`,
		`{"smarthost":{"password":"SECRET"},"recipient":"a@b.c","smarthost":{"password":"SECRET","port":1}}`: `{"smarthost":{"port":1},"recipient":"a@b.c"}`,
		`{"smarthost":[{"password":"SECRET"}],"recipient":"a@b.c"}`:                                          `{"recipient":"a@b.c"}`,
	} {
		m := parse(t, in)
		if got := string(m.AppendBare([]byte("before"))); got != "before"+want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := string(m.Append(nil)); strings.Contains(in, "x\"") && got != in {
			t.Errorf("the message itself became %s", got)
		}
	}
	m := parse(t, `{"recipient":"a@b.c","smarthost":{"hostname":"h","username":1234,"password":5678},"key":1234,"pool":5678,"ips":["1234"]}`)
	all := strings.Join(m.Warnings, "\n")
	if strings.Contains(all, "1234") || strings.Contains(all, "5678") {
		t.Error(all)
	}
	if len(m.Warnings) != 5 || !strings.Contains(all, "property password ignored") {
		t.Error(all)
	}
}

func TestWhatClientsReallySend(t *testing.T) {
	m := parse(t, `{"recipient":"a@b.c","nextattempt":{"time":"2031-05-04T10:00:00.5"},"dsn":{"notify":["SUCCESS","DELAY"]},`+
		`"tags":{"$type":"string[]","$values":["x","y"]},"ips":{"$values":["192.0.2.1"]}}`)
	if !m.NotBefore.Equal(time.Date(2031, 5, 4, 10, 0, 0, 5e8, time.UTC)) || m.DSN.Notify != "SUCCESS,DELAY" || len(m.Tags) != 2 || len(m.IPs) != 1 || !m.HasIPs {
		t.Errorf("got %+v", m)
	}
}

func TestUnsendable(t *testing.T) {
	for text, code := range map[string]int{
		`{}`: 553, `{"recipient":5}`: 553, `{"recipient":"x"}`: 553, `{"recipient":"a@b.c\r\nRCPT TO:<x@y.z>"}`: 553,
		`{"recipient":"a@b.c","envelope":["x"]}`: 553, `{"recipient":"a@b.c","envelope":"no at"}`: 553,
		`{"recipient":"a@b.c> NOTIFY=NEVER"}`: 553,
	} {
		m, err := Parse([]byte(text), Rules{})
		e, ok := err.(*Error)
		if !ok || e.Code != code || m == nil {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// A short text does not become many times its size in memory.
func TestManyOfAKind(t *testing.T) {
	body := func(n int) []byte { return []byte(`{"recipient":"a@b.c"` + strings.Repeat(`,"":0`, n-1) + `}`) }
	if m, err := Parse(body(MaxProperties), Rules{}); err != nil || len(m.fields) != MaxProperties {
		t.Error(err)
	}
	var e *SyntaxError
	if m, err := Parse(body(MaxProperties+1), Rules{}); m != nil || !errors.As(err, &e) || e.Reason != "too many properties" {
		t.Error(err)
	}
	list := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	for _, n := range []int{maxElements, maxElements + 5} {
		ips := `"ips":` + list(`"192.0.2.1"`, n)
		m := parse(t, `{"recipient":"a@b.c","tags":`+list(`""`, n)+`,`+ips+`,`+ips+`,"retries":`+list("1", n)+`,"dsn":{"notify":`+list(`""`, n)+`}}`)
		if len(m.Tags) != maxElements || len(m.IPs) != maxElements || !m.HasIPs || len(m.Retries) != maxElements || len(m.DSN.Notify) != maxElements-1 {
			t.Error(len(m.Tags), len(m.IPs), m.HasIPs, len(m.Retries), len(m.DSN.Notify))
		}
	}
	if m := parse(t, `{"recipient":"a@b.c","ips":["192.0.2.1"],"ips":["192.0.2.2"]}`); len(m.IPs) != 1 {
		t.Error("the last one counts:", m.IPs)
	}
}

func TestWrongTypesNeverFail(t *testing.T) {
	names := strings.Fields("mime mime-encoding key keepmime data ips pool delayed nextattempt maxdelivertime maxattempts retries force inlinecss dkim dsn queues smarthost tags headers priority security results seen")
	for _, name := range names {
		for _, value := range []string{`null`, `1`, `-1e400`, `"x"`, `[]`, `{}`, `true`, `[[1]]`, `{"a":{}}`, `""`} {
			m := parse(t, `{"recipient":"a@b.c","`+name+`":`+value+`}`)
			if !json.Valid(m.Append(nil)) {
				t.Errorf("%s: %s gives bad JSON", name, value)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse([]byte(text), Rules{LooseRecipient: true})
		if m == nil {
			return
		}
		m.RemoveContent()
		m.AddResult(&Result{State: StateData, Kind: Lost, Description: text})
		m.SetNotBefore(time.Unix(1, 0))
		if out := m.Append(nil); !json.Valid(out) {
			t.Fatalf("%q (%v) gives %q", text, err, out)
		}
	})
}

func BenchmarkParseAndResult(b *testing.B) {
	body := (&Object{}).String("envelope", "a@b.test").String("recipient", "c@d.test").
		String("mime", strings.Repeat(strings.Repeat("x", 76)+"\r\n", 130)).String("id", "77").Bytes()
	r := &Result{Attempt: 1, State: StateMessage, Kind: Accepted, Code: 250, Status: "2.0.0", Description: "ok", From: "127.0.0.1", To: "127.0.0.1"}
	var source, out []byte
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(body, Rules{})
		if err != nil {
			b.Fatal(err)
		}
		source, _ = m.AppendSource(source[:0])
		m.RemoveContent()
		m.AddResult(r)
		out = m.Append(out[:0])
	}
}

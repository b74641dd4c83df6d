package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// broken are bodies that are no JSON object.
var broken = []string{
	``, ` `, `not json`, `[{"recipient":"a@poison.test","mime":"x"}]`, `"{}"`, `null`, `17`, `{`, `{"recipient":"a@poison.test","mime":"x`,
	`{"recipient":"a@poison.test"}{"mime":"x"}`, `{"recipient":"a@poison.test","mime":"x",}`, `{'recipient':'a@poison.test'}`,
	`{/**/"recipient":"a@poison.test"}`, `{"recipient":"a@poison.test","mime":"x","n":01}`, `{"recipient":"a@poison.test","mime":"x","n":NaN}`,
	`{"recipient":"a@poison.test","mime":"\x"}`, `{"recipient":"a@poison.test","mime":"\u12"}`, `{"recipient" "a@poison.test"}`, `{7:8}`,
	"{\"recipient\":\"a@poison.test\",\"mime\":\"x\ny\"}", "\x1f\x8b\x08\x00\x00\x00\x00\x00", "\xef\xbb\xbf{}x", "\x00",
	`{"recipient":"a@poison.test","mime":"x","d":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
}

// wrong are objects that cannot be sent, and the reason that is given.
var wrong = []struct{ fields, want string }{
	{`"mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":null,"mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":7,"mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":["a@poison.test"],"mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"postmaster","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison.test>\r\nRCPT TO:<b@poison.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison.test\n","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a\u0000@poison.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison.test> NOTIFY=NEVER","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a b@poison.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison.test,b@poison.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"\"a\r\nb\"@poison.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison.test","recipient":"b","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@poison..test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"recipient":"a@` + strings.Repeat("x", 70000) + `.test","mime":"x"`, "amqp/invalid 553 5.1.3"},
	{`"envelope":"a@b.test>\r\nRSET","recipient":"a@poison.test","mime":"x"`, "amqp/invalid 553 5.1.7"},
	{`"envelope":7,"recipient":"a@poison.test","mime":"x"`, "amqp/invalid 553 5.1.7"},
	{`"envelope":"me","recipient":"a@poison.test","mime":"x"`, "amqp/invalid 553 5.1.7"},
	{`"recipient":"a@poison.test"`, "responsive/error 554 5.6.5"},
	{`"recipient":"a@poison.test","mime":null`, "responsive/error 554 5.6.5"},
	{`"recipient":"a@poison.test","mime":7`, "responsive/error 554 5.6.5"},
	{`"recipient":"a@poison.test","mime":["x"]`, "responsive/error 554 5.6.5"},
	{`"recipient":"a@poison.test","mime":"%%%","mime-encoding":"base64"`, "process/invalid 554 5.6.0"},
}

// odd is strange but can be sent: a property of a wrong type is passed over, and kept.
var odd = []string{
	`"delayed":7`, `"delayed":"soon"`, `"nextattempt":"2001-01-01 00:00:00"`, `"nextattempt":{"time":7}`, `"maxdelivertime":{}`, `"maxdelivertime":"tomorrow"`,
	`"maxattempts":1e400`, `"maxattempts":-5`, `"maxattempts":"many"`, `"retries":"1"`, `"retries":["x",{}]`, `"retries":[1e308]`, `"tags":7`, `"tags":[7]`,
	`"queues":7`, `"smarthost":7`, `"smarthost":null`, `"smarthost":{}`, `"priority":1e99`, `"priority":-1`, `"ips":7`, `"pool":null`, `"dsn":[]`,
	`"dsn":{"notify":"SUCCESS\r\nRSET","ret":7,"orcpt":"a\r\nb","envid":"x y\r\nDATA"}`, `"results":7`, `"results":[]`, `"results":null`, `"keepmime":[]`,
	`"mime-encoding":7`, `"security":7`, `"headers":7`, `"inlinecss":"maybe"`, `"data":null`, `"seen":[]`, `"x":1e999999999`, `"y":-0.000e-999`,
	`"":""`, `"k\u0000":"\u0000\ud800"`, `"mime":"y","mime":"x"`, `"case":0`,
}

// What cannot be sent becomes a failure with a reason and is gone; the good message behind it does not wait (T3, T4, T29).
func TestPoisonedMessages(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		var bodies [][]byte
		for _, b := range broken {
			bodies = append(bodies, []byte(b))
		}
		for i, w := range wrong {
			bodies = append(bodies, fmt.Appendf(nil, `{"id":%d,%s}`, i, w.fields))
		}
		bodies = append(bodies, []byte(`{"recipient":"good@good.test","mime":"x"}`))
		r.queues.put(t, r.queues.of("outbox"), bodies...)
		eventually(t, "the good message is delivered", func() bool { return len(r.sink.Messages()) == 1 })
		r.take("success", 1)
		r.take("results", len(bodies))
		checkFailures(t, r.take("failure", len(bodies)-1))
		r.empty("outbox", "retry")
		if list := r.sink.Messages(); len(list) != 1 || list[0].Recipients[0] != "good@good.test" {
			t.Errorf("at the receiver: %+v", list)
		}
	})
}

func checkFailures(t *testing.T, list []outcome) {
	t.Helper()
	bodies, reasons := map[string]string{}, map[string]string{}
	for i := range list {
		if o := &list[i]; o.ID == "" {
			bodies[o.Body] = o.last().brief()
			if len(o.fields) != 2 {
				t.Errorf("more than results and body: %.300s", o.raw)
			}
		} else {
			reasons[o.ID.String()] = o.last().brief()
		}
	}
	for _, b := range broken {
		body := string(bytes.ToValidUTF8([]byte(b), []byte("\ufffd")))
		if got := bodies[body]; got != "amqp/invalid 554 5.6.0" {
			t.Errorf("%.100q: %q", b, got)
		}
	}
	for i, w := range wrong {
		if got := reasons[fmt.Sprint(i)]; got != w.want {
			t.Errorf("%.100s: %q, want %q", w.fields, got, w.want)
		}
	}
}

// Wrong types of what is not essential stop nothing and are kept as they were.
func TestOddPropertiesArePassedOver(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		var lines []string
		for i, o := range odd {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"envelope":"me@sender.test","recipient":"odd@odd.test","mime":"x",%s}`, i, o))
		}
		r.queues.put(t, r.queues.of("outbox"), asBytes(lines)...)
		for _, o := range r.succeed(len(odd)) {
			var i int
			if _, err := fmt.Sscan(o.ID.String(), &i); err != nil {
				t.Fatalf("%v: %s", err, o.raw)
			}
			if strings.HasPrefix(odd[i], `"delayed"`) || strings.HasPrefix(odd[i], `"seen"`) || strings.HasPrefix(odd[i], `"results"`) || strings.Contains(odd[i], `"mime`) || strings.HasPrefix(odd[i], `"maxdeliver`) {
				continue // written by the program itself
			}
			if !bytes.Contains(o.raw, []byte(odd[i])) {
				t.Errorf("%s is not in %s", odd[i], o.raw)
			}
		}
		for _, m := range r.sink.Messages() {
			if string(m.Source) != "x\r\n" || m.From != "me@sender.test" || len(m.Recipients) != 1 {
				t.Errorf("%+v", m)
			}
		}
		r.empty("failure", "retry")
	})
}

func asBytes(lines []string) (list [][]byte) {
	for _, l := range lines {
		list = append(list, []byte(l))
	}
	return list
}

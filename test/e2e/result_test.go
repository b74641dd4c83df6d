package e2e

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

// What the sender put into the message is in the result as it stood there: order, spelling, numbers, null, escapes and all.
// What the program adds stands behind it (results-json.md section 2).
func TestResultKeepsEveryByte(t *testing.T) {
	const before = `"zulu":null,"$type":"Order, v2","envelope":"me@sender.test","nested":{"b":[1,2.50,-0,1e400,{"$type":"x"}],"a":"\u00e9\/\ud83d\ude00"},` +
		`"recipient":"you@result.test"`
	const after = `"alpha":"é / 😀","big":123456789012345678901234567890,"empty":{},"tags":["a","b"],"maxattempts":3,"priority":0,"blank in name":[ 1 , 2 ]`
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		begin := time.Now().UTC().Truncate(time.Second)
		r.publish(`{%s,"mime":"Subject: x\r\n\r\nbody\r\n",%s}`, before, after)
		o := r.one("results")
		if again := r.one("success"); string(again.raw) != string(o.raw) {
			t.Errorf("success differs from results:\n%s\n%s", again.raw, o.raw)
		}
		const when = `"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"`
		shape := regexp.MustCompile(`^\{` + regexp.QuoteMeta(before+","+after) + `,"maxdelivertime":` + when + `,"extracted":\{"subject":"x",.*\},"seen":` + when +
			`,"results":\[\{"attempt":1,"state":"message","result":"accepted","time":` + when + `,"mta":"sink.test","from":"127.0.0.1","to":"127.0.0.1",` +
			`"messages":1,"sent":\{"connection":\d+,"data":20\},"code":250,"status":"2.0.0","description":"Ok: 1","dsn":true\}\]\}$`)
		m := shape.FindStringSubmatch(string(o.raw))
		if m == nil {
			t.Fatalf("%s\ndoes not match\n%s", o.raw, shape)
		}
		for i, from := range []time.Time{begin.Add(24 * time.Hour), begin, begin} {
			if at := moment(t, m[i+1]); at.Before(from) || at.After(from.Add(patience)) {
				t.Errorf("time %d: %v, want %v or a little later", i+1, at, from)
			}
		}
		r.empty("retry", "failure")
	})
}

// Earlier results of another program, or of the original, are never changed.
func TestEarlierResultsStay(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		const earlier = `{"state":"rcptto","result":"error","code":450,"odd":[null,{"x":1.0}]}, {}`
		r.publish(`{"recipient":"you@result.test","results":[%s],"mime":"x","maxdelivertime":"2099-01-01 00:00:00"}`, earlier)
		o := r.one("results")
		want := fmt.Sprintf(`{"recipient":"you@result.test","results":[%s,{"attempt":3,`, earlier)
		if len(o.raw) < len(want) || string(o.raw[:len(want)]) != want {
			t.Errorf("%s\nshould begin with\n%s", o.raw, want)
		}
		if o.MaxDeliverTime != "2099-01-01 00:00:00" || o.last().Attempt != 3 {
			t.Errorf("%s", o.raw)
		}
	})
}

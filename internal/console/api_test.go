package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/dns"
	"posthoorn/internal/journal"
	"posthoorn/internal/mail"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"
)

type object = map[string]any

// busy tells the board of some attempts.
func (r *rig) busy() {
	now := time.Now()
	r.board.Sample(now.Add(-time.Second), stats.Gauges{Memory: 5}, map[netip.Addr]stats.Gauges{ownIP: {Memory: 5}})
	for i := range 10 {
		a := &stats.Attempt{Time: now, Source: ownIP, Domain: "example.org", Tags: []string{"news"}, Reused: i > 3}
		if i == 9 {
			a.Outcome, a.State, a.Result, a.Code, a.Status, a.Text, a.Recipient = stats.Refused, "rcptto", "error", 550, "5.1.1", "<script>alert(1)</script>", "ann@example.org"
		}
		r.board.Attempted(a)
	}
}

// TestAnswersAreAsDescribed asks for everything and looks at the answers by the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	doc := loadDescription(t)
	r := start(t, nil)
	r.busy()
	r.browser().validates(doc, "GET", "/session", "/session", nil, 200)
	r.browser().validates(doc, "GET", "/backlog", "/backlog", nil, 401)
	b := r.loggedIn("ann")
	for _, c := range []struct {
		method, path, real string
		body               any
		want               int
	}{
		{"GET", "/session", "/session", nil, 200},
		{"GET", "/overview", "/overview", nil, 200},
		{"GET", "/overview", "/overview?source=192.0.2.1", nil, 200},
		{"GET", "/overview", "/overview?domain=example.org", nil, 200},
		{"GET", "/overview", "/overview?tag=news", nil, 200},
		{"GET", "/overview", "/overview?source=x", nil, 400},
		{"GET", "/overview", "/overview?source=192.0.2.1&tag=news", nil, 400},
		{"GET", "/history", "/history", nil, 200},
		{"GET", "/history", "/history?source=192.0.2.1", nil, 200},
		{"GET", "/history", "/history?span=day", nil, 200},
		{"GET", "/history", "/history?span=hour&domain=example.org", nil, 400},
		{"GET", "/history", "/history?span=year", nil, 400},
		{"GET", "/sources", "/sources", nil, 200},
		{"GET", "/domains", "/domains", nil, 200},
		{"GET", "/domains", "/domains?limit=0", nil, 400},
		{"GET", "/tags", "/tags?search=NEW", nil, 200},
		{"GET", "/destinations/{destination}", "/destinations/Example.org?source=192.0.2.1", nil, 200},
		{"GET", "/destinations/{destination}", "/destinations/a@b", nil, 400},
		{"POST", "/destinations/{destination}/preview", "/destinations/example.org/preview", object{"action": "retry"}, 200},
		{"POST", "/destinations/{destination}/preview", "/destinations/example.org/preview", object{"action": "fail"}, 200},
		{"POST", "/destinations/{destination}/preview", "/destinations/example.org/preview", object{"action": "bounce"}, 400},
		{"POST", "/destinations/{destination}/retry", "/destinations/example.org/retry", object{}, 200},
		{"POST", "/destinations/{destination}/fail", "/destinations/example.org/fail", object{"reason": "gone"}, 200},
		{"POST", "/destinations/{destination}/fail", "/destinations/example.org/fail", object{}, 400},
		{"POST", "/destinations/{destination}/move", "/destinations/example.org/move", object{"ip": "192.0.2.1"}, 200},
		{"POST", "/destinations/{destination}/move", "/destinations/example.org/move", object{"ip": "here"}, 400},
		{"GET", "/backlog", "/backlog", nil, 200},
		{"GET", "/tables", "/tables", nil, 200},
		{"GET", "/tables/{table}", "/tables/capacity", nil, 200},
		{"GET", "/tables/{table}", "/tables/none", nil, 404},
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": object{"domain": "a.test", "domain_maxmessages": 5}}, 201},
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": object{"domain_maxmessages": 1.5}}, 400},
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": object{"domain": []string{}}}, 400},
		{"POST", "/tables/{table}", "/tables/capacity", object{"rows": 1}, 400},
		{"POST", "/tables/{table}", "/tables/tokens", object{"cells": object{"name": "robot"}}, 201},
		{"PUT", "/tables/{table}/{id}", "/tables/capacity/1", object{"cells": object{"domain": nil}}, 200},
		{"PUT", "/tables/{table}/{id}", "/tables/capacity/2", object{"cells": object{"domain": nil}}, 404},
		{"PUT", "/tables/{table}/{id}", "/tables/capacity/x", object{"cells": object{}}, 404},
		{"DELETE", "/tables/{table}/{id}", "/tables/capacity/1", nil, 200},
		{"POST", "/tables/{table}/preview", "/tables/capacity/preview", object{"cells": object{"domain": "example.org"}}, 200},
		{"POST", "/tables/{table}/preview", "/tables/capacity/preview", object{"cells": object{"domain": "bad"}}, 200},
		{"GET", "/changes", "/changes?limit=1", nil, 200},
		{"POST", "/changes/{id}/preview", "/changes/9/preview", nil, 200},
		{"POST", "/changes/{id}/preview", "/changes/8/preview", nil, 200},
		{"POST", "/changes/{id}/undo", "/changes/9/undo", nil, 200},
		{"POST", "/changes/{id}/undo", "/changes/8/undo", nil, 409},
		{"POST", "/patterns/test", "/patterns/test", object{"type": "substr", "pattern": "Busy", "text": "too busy now"}, 200},
		{"POST", "/patterns/test", "/patterns/test", object{"type": "regex", "pattern": "(", "text": "x"}, 200},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": "s1", "patterns": []object{{"type": "exact", "sign": "a.test"}}}, 201},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a..test", "selector": "s1"}, 400},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": "s 1"}, 400},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": "s1", "bits": 512}, 400},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": "s1", "patterns": []object{{"type": "regex", "sign": "("}}}, 400},
		{"POST", "/dkim/generate/preview", "/dkim/generate/preview", object{"domain": "a.test", "selector": "s2"}, 200},
		{"POST", "/dkim/generate/preview", "/dkim/generate/preview", object{"domain": "a..test", "selector": "s1"}, 200},
		{"GET", "/dkim/{id}/record", "/dkim/1/record", nil, 200},
		{"GET", "/dkim/{id}/record", "/dkim/2/record", nil, 404},
		{"POST", "/dkim/{id}/check", "/dkim/1/check", nil, 200},
		{"GET", "/logs/{kind}", "/logs/send?code=250&recipient=ann&from=2026-01-01T00:00:00Z", nil, 200},
		{"GET", "/logs/{kind}", "/logs/send?from=yesterday", nil, 400},
		{"GET", "/logs/{kind}", "/logs/received", nil, 404},
		{"POST", "/test-messages", "/test-messages", object{"recipient": "ann@example.org", "envelope": "me@a.test", "subject": "hé", "text": "hello", "source": "192.0.2.1"}, 201},
		{"POST", "/test-messages", "/test-messages", object{"recipient": "nobody"}, 400},
		{"POST", "/test-messages", "/test-messages", object{"recipient": "ann@example.org", "source": "192.0.2.9"}, 400},
		{"GET", "/test-messages/{id}", "/test-messages/none", nil, 404},
		{"POST", "/logout", "/logout", nil, 204},
	} {
		b.validates(doc, c.method, c.path, c.real, c.body, c.want)
	}
	b.do("GET", api+"/openapi.yaml", nil).wants(t, 200, "the description")
}

func TestNumbers(t *testing.T) {
	r := start(t, nil)
	r.busy()
	b := r.loggedIn("ann")
	var all, tag overviewAnswer
	b.get(api+"/overview", &all)
	b.get(api+"/overview?tag=news", &tag)
	if all.Counters.Attempts != 10 || all.Counters.Errors != 1 || all.Memory != 5 || all.Parked != 7 || !all.Consuming || all.Connections.Incoming == nil {
		t.Errorf("all: %+v", all)
	}
	if tag.Counters.Attempts != 10 || tag.Memory != 0 || tag.Connections.Incoming != nil {
		t.Errorf("tag: %+v", tag)
	}
	var source overviewAnswer
	var sources struct{ Sources []sourceAnswer }
	b.get(api+"/overview?source="+ownIP.String(), &source)
	b.get(api+"/sources", &sources)
	i := slices.IndexFunc(sources.Sources, func(a sourceAnswer) bool { return a.IP == ownIP })
	if source.Parked != 7 || sources.Sources[i].Parked != 7 {
		t.Errorf("source: %+v %+v", source, sources.Sources[i])
	}
	var history historyAnswer
	b.get(api+"/history?source="+ownIP.String(), &history)
	if slices.ContainsFunc(history.Series["parked"], func(n *int) bool { return n != nil }) {
		t.Error("what has waited for an address is not kept, and told")
	}
	var domains struct {
		Domains []domainAnswer
		Total   int
	}
	b.get(api+"/domains?search=EXAMPLE", &domains)
	if domains.Total != 1 || domains.Domains[0].Memory != 5 || domains.Domains[0].Counters.Attempts != 10 {
		t.Errorf("domains: %+v", domains)
	}
	b.get(api+"/domains?search=none", &domains)
	if domains.Total != 0 {
		t.Errorf("domains: %+v", domains)
	}
	var x struct{ Answers []stats.Answer }
	b.get(api+"/destinations/example.org", &x)
	if len(x.Answers) != 1 || x.Answers[0].Code != 550 {
		t.Errorf("answers: %+v", x.Answers)
	}
	for range 20 {
		b.get(api+"/overview", &all)
	}
	if n := r.traffic.asked.Load(); n > 5 {
		t.Errorf("the engine was asked %d times", n)
	}
}

// TestWho: the audit trail has the name of who did it, whether with a session, a token or without a login.
func TestWho(t *testing.T) {
	r := start(t, nil)
	cells := object{"cells": object{"domain": "a.test"}}
	r.loggedIn("bob").do("POST", api+"/tables/capacity", cells).wants(t, 201, "a session")
	if r.editor.who != "bob" {
		t.Errorf("session: %q", r.editor.who)
	}
	r.browser().do("POST", api+"/tables/capacity", cells, "Authorization", "Bearer "+goodToken).wants(t, 201, "a token")
	if r.editor.who != "token robot" {
		t.Errorf("token: %q", r.editor.who)
	}
	one := start(t, func(o *Options, _ *Parts) { o.Password = true })
	one.loggedIn("whoever").do("POST", api+"/tables/capacity", cells).wants(t, 201, "a password")
	if one.editor.who != "console" {
		t.Errorf("password: %q", one.editor.who)
	}
}

// TestTokenIsHashed: the table never has a token that was made here.
func TestTokenIsHashed(t *testing.T) {
	r := start(t, nil)
	var got rowAnswer
	text := r.loggedIn("ann").do("POST", api+"/tables/tokens", object{"cells": object{"name": "robot"}})
	if err := json.Unmarshal([]byte(text.body), &got); err != nil || len(got.Token) < 40 {
		t.Fatalf("%v: %s", err, text.body)
	}
	if kept := r.editor.last["token"]; kept != settings.HashToken(got.Token) {
		t.Errorf("kept: %v", kept)
	}
	r.loggedIn("ann").do("POST", api+"/tables/tokens/preview", object{"cells": object{"name": "robot"}}).wants(t, 200, "a preview")
	if kept, _ := r.editor.last["token"].(string); kept == "" {
		t.Error("the preview is of a row without the token that it would get")
	}
	again := r.loggedIn("ann").do("POST", api+"/tables/tokens", object{"cells": object{"name": "robot", "token": "one-of-somebody-else"}})
	if strings.Contains(again.body, `"token"`) {
		t.Errorf("a given token is shown: %s", again.body)
	}
}

// TestPrivateKeyIsNeverShown asks for all that a key has (T25).
func TestPrivateKeyIsNeverShown(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	for _, algorithm := range []string{"rsa", "ed25519"} {
		var all strings.Builder
		all.WriteString(b.do("POST", api+"/dkim/generate", object{"domain": "a.test", "selector": "s1", "algorithm": algorithm}).body)
		all.WriteString(b.do("GET", api+"/dkim/1/record", nil).body)
		all.WriteString(b.do("POST", api+"/dkim/1/check", nil).body)
		all.WriteString(b.do("GET", api+"/tables/dkim_keys", nil).body)
		lines := strings.Split(strings.TrimSpace(r.editor.seen[len(r.editor.seen)-1]), "\n")
		if len(lines) < 3 {
			t.Fatalf("no key was written: %q", lines)
		}
		for _, line := range lines[1 : len(lines)-1] {
			if strings.Contains(all.String(), line) {
				t.Errorf("%s: the private key is in %s", algorithm, all.String())
			}
		}
		if !strings.Contains(all.String(), "v=DKIM1; k="+algorithm) {
			t.Errorf("%s: no record: %s", algorithm, all.String())
		}
	}
}

// TestKeyInDNS has the keys looked at as soon as an operator sees that the record is there, and not before.
func TestKeyInDNS(t *testing.T) {
	told := 0
	names := &dns.Fake{Text: map[string][]string{}}
	r := start(t, func(_ *Options, p *Parts) { p.DNS, p.KeyInDNS = names, func() { told++ } })
	b := r.loggedIn("ann")
	var made keyAnswer
	if err := json.Unmarshal([]byte(b.do("POST", api+"/dkim/generate", object{"domain": "a.test", "selector": "s1", "algorithm": "ed25519"}).body), &made); err != nil {
		t.Fatal(err)
	}
	if a := b.do("POST", api+"/dkim/1/check", nil); told != 0 || !strings.Contains(a.body, `"ok":false`) {
		t.Errorf("told %d times of a key without a record: %s", told, a.body)
	}
	names.Text[made.Record.Name] = []string{made.Record.Value}
	if a := b.do("POST", api+"/dkim/1/check", nil); told != 1 || !strings.Contains(a.body, `"ok":true`) {
		t.Errorf("told %d times: %s", told, a.body)
	}
}

func TestRecordIsSplit(t *testing.T) {
	r := start(t, nil)
	var got keyAnswer
	a := r.loggedIn("ann").do("POST", api+"/dkim/generate", object{"domain": "bücher.test", "selector": "s1"})
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Record.Name != "s1._domainkey.xn--bcher-kva.test" {
		t.Errorf("name: %s", got.Record.Name)
	}
	joined := ""
	for i, part := range strings.Split(got.Record.Zone, `"`) {
		if i%2 == 1 {
			if len(part) > 255 {
				t.Errorf("a string of %d bytes", len(part))
			}
			joined += part
		}
	}
	if joined != got.Record.Value {
		t.Errorf("the strings give %q, not %q", joined, got.Record.Value)
	}
}

// TestTrouble: what the daemon says becomes a status and words.
func TestTrouble(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	for _, c := range []struct {
		err  error
		want int
	}{
		{outbox.ErrNotOwn, 400}, {outbox.ErrBusy, 409}, {outbox.ErrStopping, 503}, {broker.ErrBlocked, 503}, {errors.New("odd"), 500},
	} {
		r.operator.err = c.err
		got := b.do("POST", api+"/destinations/x.test/fail", object{"reason": "why"})
		got.wants(t, c.want, "%v", c.err)
		if !strings.Contains(got.body, "2 messages") {
			t.Errorf("what was done is not told: %s", got.body)
		}
	}
	r.editor.err = errors.New("connection refused")
	for _, path := range []string{"/tables/capacity", "/changes"} {
		got := b.do("GET", api+path, nil)
		if got.wants(t, 503, "a dead database"); !strings.Contains(got.body, "connection refused") {
			t.Errorf("no words: %s", got.body)
		}
	}
	var tables tablesAnswer
	b.get(api+"/tables", &tables)
	if tables.Writable || tables.Why == "" {
		t.Errorf("tables: %+v", tables)
	}
}

func TestBigBody(t *testing.T) {
	b := start(t, nil).loggedIn("ann")
	b.do("POST", api+"/patterns/test", object{"type": "regex", "pattern": "x", "text": strings.Repeat("x", mostTried+1)}).wants(t, http.StatusBadRequest, "a text that takes long")
	b.do("POST", api+"/patterns/test", object{"type": "regex", "pattern": strings.Repeat("x", mostTried+1), "text": "x"}).wants(t, http.StatusBadRequest, "a pattern that takes long")
	b.do("POST", api+"/patterns/test", object{"text": strings.Repeat("x", maxBody)}).wants(t, http.StatusRequestEntityTooLarge, "too big")
}

// TestTestMessage follows one: its results, and none of what others get.
func TestTestMessage(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	var made struct{ ID string }
	a := b.do("POST", api+"/test-messages", object{"recipient": "ann@example.org", "subject": "a\r\nBcc: x@y.test", "text": "one\r\n.\r\ntwo"})
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || made.ID == "" {
		t.Fatalf("%v: %s", err, a.body)
	}
	m := r.door.got[0]
	source, err := m.AppendSource(nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(source), "\nBcc:") {
		t.Errorf("a field was smuggled in: %s", source)
	}
	other, _ := mail.Parse([]byte(`{"recipient":"x@y.test","mime":"a: b\r\n\r\n"}`), mail.Rules{})
	r.Observe(other, &mail.Result{Kind: mail.Accepted, Time: time.Now()}, true)
	r.Observe(m, &mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Code: 450, Time: time.Now()}, false)
	var got testAnswer
	b.get(api+"/test-messages/"+made.ID, &got)
	if got.Done || whats(got) != "accepted retry" {
		t.Errorf("after a retry: %+v", got)
	}
	r.Observe(m, &mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, Time: time.Now()}, true)
	r.Observe(m, &mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, Time: time.Now()}, true)
	b.get(api+"/test-messages/"+made.ID, &got)
	if !got.Done || whats(got) != "accepted retry delivered" {
		t.Errorf("at the end: %+v", got)
	}
	if n := r.tests.open.Load(); n != 0 {
		t.Errorf("%d are open", n)
	}
	for range 2 * mostTests {
		b.do("POST", api+"/test-messages", object{"recipient": "ann@example.org"}).wants(t, 201, "many")
	}
	if n := len(r.tests.all); n > mostTests {
		t.Errorf("%d are remembered", n)
	}
	r.door.err = broker.ErrBlocked
	before := r.tests.open.Load()
	b.do("POST", api+"/test-messages", object{"recipient": "ann@example.org"}).wants(t, 503, "a broker that takes nothing")
	if r.tests.open.Load() > before {
		t.Error("a message that was not taken is waited for")
	}
}

func whats(a testAnswer) string {
	var list []string
	for _, e := range a.Events {
		list = append(list, e.What)
	}
	return strings.Join(list, " ")
}

func TestHealth(t *testing.T) {
	r := start(t, nil)
	b := r.browser()
	b.do("GET", "/healthz", nil).wants(t, 200, "alive")
	b.do("GET", "/readyz", nil).wants(t, 200, "ready")
	r.health.wrong = []string{"broker: away\nfrom here", "disk: full"}
	b.do("GET", "/healthz", nil).wants(t, 200, "alive, not ready")
	got := b.do("GET", "/readyz", nil)
	if got.wants(t, 503, "not ready"); got.body != "broker: away from here\ndisk: full\n" {
		t.Errorf("%q", got.body)
	}
	r.health.alive = errors.New("stands")
	b.do("GET", "/healthz", nil).wants(t, 503, "dead")
	var o overviewAnswer
	r.loggedIn("ann").get(api+"/overview", &o)
	if len(o.Problems) != 2 || o.Problems[0].Level != "critical" {
		t.Errorf("problems: %+v", o.Problems)
	}
}

func TestMetricsByPassword(t *testing.T) {
	r := start(t, nil)
	r.browser().do("GET", "/healthz", nil)
	q, _ := http.NewRequest("GET", r.url+"/metrics", nil)
	q.SetBasicAuth("ann", goodPassword)
	if got := r.browser().send(q); got.status != 200 || !strings.Contains(got.body, "posthoorn_console_requests_total") {
		t.Errorf("%d %.200s", got.status, got.body)
	}
	q, _ = http.NewRequest("GET", r.url+api+"/backlog", nil)
	q.SetBasicAuth("ann", goodPassword)
	r.browser().send(q).wants(t, 401, "Basic elsewhere")
	open := start(t, func(o *Options, _ *Parts) { o.Login = nil })
	q, _ = http.NewRequest("GET", open.url+"/metrics", nil)
	q.SetBasicAuth("ann", "whatever")
	open.browser().send(q).wants(t, 200, "without a login")
}

func TestProfiles(t *testing.T) {
	off := start(t, nil).loggedIn("ann")
	off.do("GET", "/debug/pprof/", nil).wants(t, 404, "off")
	on := start(t, func(o *Options, _ *Parts) { o.Profile = true })
	b := on.loggedIn("ann")
	b.do("GET", "/debug/pprof/", nil).wants(t, 200, "on")
	b.do("GET", "/debug/pprof/goroutine?debug=1", nil).wants(t, 200, "goroutines")
	b.do("GET", "/debug/pprof/cmdline", nil).wants(t, 404, "the command line")
	on.browser().do("GET", "/debug/pprof/", nil).wants(t, 401, "without a login")
}

// TestNothing: a console of which nothing is built answers so.
func TestNothing(t *testing.T) {
	r := start(t, func(_ *Options, p *Parts) { *p = Parts{} })
	b := r.loggedIn("ann")
	for _, one := range r.closed() {
		if strings.HasPrefix(one.path, api) && one.socket == nil && one.path != api+"/logout" && one.path != api+"/patterns/test" {
			b.do(one.method, one.path, object{}).wants(t, http.StatusNotImplemented, "%s %s", one.method, one.path)
		}
	}
}

// What somebody does with mail is noted with his name, as far as it came.
func TestOrdersAreNoted(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	b.do("POST", "/api/v1/destinations/a.test/retry", map[string]string{})
	r.operator.err = errors.New("in the middle")
	b.do("POST", "/api/v1/destinations/a.test/fail", map[string]string{"reason": "gone"})
	r.editor.err = errors.New("no database")
	if got := b.do("POST", "/api/v1/destinations/a.test/move", map[string]string{"ip": "192.0.2.1"}); got.status == 200 {
		t.Errorf("%+v", got)
	}
	if len(r.editor.noted) < 2 || r.editor.noted[0] != "ann retry a.test 3" || !strings.HasPrefix(r.editor.noted[1], "ann fail a.test ") {
		t.Errorf("noted %q", r.editor.noted)
	}
}

// What a key would do is told before it is made.
func TestKeysHaveAPreview(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	r.editor.rows[keyTable] = []settings.EditRow{{ID: 4, Cells: settings.Cells{"domain": "A.test", "selector": "old"}}}
	for _, c := range []struct {
		in    object
		field string
		words []string
	}{
		{object{"domain": "a.test", "selector": "s1"}, "", []string{"RSA key of 2048 bits", "s1._domainkey.a.test", "signs nothing"}},
		{object{"domain": "a.test", "selector": "s1", "algorithm": "ed25519", "patterns": []object{{"type": "exact", "sign": "a.test"}, {"type": "global", "sign": ""}}}, "",
			[]string{"an Ed25519 key", "signs mail of a.test, all domains."}},
		{object{"domain": "a.test", "selector": "OLD"}, "", []string{"already (row 4)"}},
		{object{"domain": "a.test", "selector": "s 1"}, "selector", nil},
		{object{"domain": "a.test", "selector": "s1", "bits": 9}, "bits", nil},
		{object{"domain": "a.test", "selector": "s1", "patterns": []object{{"type": "regex", "sign": "("}}}, "patterns", nil},
	} {
		var got previewAnswer
		a := b.do("POST", api+"/dkim/generate/preview", c.in)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Field != c.field || (got.Effect == nil) != (c.field != "") {
			t.Errorf("%v: %v %s", c.in, err, a.body)
		}
		for _, word := range c.words {
			if !strings.Contains(got.Effect.Text, word) {
				t.Errorf("%v: %q", c.in, got.Effect.Text)
			}
		}
	}
	if len(r.editor.seen) != 0 {
		t.Error("a key was made")
	}
	b.do("POST", api+"/dkim/generate", object{"domain": "a.test", "selector": "s1", "patterns": []object{{"type": "exact", "sign": "a.test"}}}).wants(t, 201, "the key")
	if len(r.editor.patterns) != 1 || r.editor.patterns[0]["sign"] != "a.test" {
		t.Errorf("patterns %v", r.editor.patterns)
	}
}

// What is stored and not in force yet is no failure: it says so, with the number of its change.
func TestStoredChanges(t *testing.T) {
	doc := loadDescription(t)
	r := start(t, nil)
	b := r.loggedIn("ann")
	r.editor.err = fmt.Errorf("%w: connection refused", settings.ErrStored)
	for _, c := range []struct {
		method, path, real string
		body               any
	}{
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": object{"domain": "a.test"}}},
		{"POST", "/tables/{table}", "/tables/tokens", object{"cells": object{"name": "robot"}}},
		{"PUT", "/tables/{table}/{id}", "/tables/capacity/1", object{"cells": object{"domain": nil}}},
		{"DELETE", "/tables/{table}/{id}", "/tables/capacity/1", nil},
		{"POST", "/changes/{id}/undo", "/changes/9/undo", nil},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": "s1", "algorithm": "ed25519"}},
	} {
		got := b.validates(doc, c.method, c.path, c.real, c.body, 202)
		var a struct {
			Change  int64
			Pending string
			Token   string
			Record  recordAnswer
		}
		if err := json.Unmarshal([]byte(got.body), &a); err != nil || a.Change == 0 || !strings.Contains(a.Pending, "stored") || !strings.Contains(a.Pending, "refused") {
			t.Errorf("%s %s: %s", c.method, c.real, got.body)
		}
		if strings.HasSuffix(c.real, "tokens") && a.Token == "" || strings.HasSuffix(c.real, "generate") && a.Record.Value == "" {
			t.Errorf("%s: what is shown once is lost: %s", c.real, got.body)
		}
	}
}

// What an action would find is told before, and that it cannot be undone.
func TestActionsHaveAPreview(t *testing.T) {
	r := start(t, nil)
	b := r.loggedIn("ann")
	for _, c := range []struct {
		in    object
		field string // of the problem
		words string
	}{
		{object{"action": "retry"}, "", "tried at once"},
		{object{"action": "fail", "reason": "gone"}, "", "final failure"},
		{object{"action": "fail", "reason": " "}, "reason", ""},
		{object{"action": "move", "ip": "192.0.2.1"}, "", "leaves from 192.0.2.1"},
		{object{"action": "move", "ip": "192.0.2.9"}, "ip", ""},
		{object{"action": "move"}, "ip", ""},
	} {
		var got previewAnswer
		a := b.do("POST", api+"/destinations/Example.org/preview", c.in)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Field != c.field || (got.Problem == "") != (c.field == "") {
			t.Errorf("%v: %v %s", c.in, err, a.body)
			continue
		}
		if e := got.Effect; e != nil && (e.Messages != 7 || *e.Memory != 2 || *e.Parked != 5 || e.Oldest.Unix() != 1_700_000_000 ||
			e.Final == "" || strings.Join(e.Destinations, " ") != "example.org" || !strings.Contains(e.Text, c.words)) {
			t.Errorf("%v: %s", c.in, a.body)
		}
	}
	if len(r.editor.noted) != 0 {
		t.Errorf("noted %q", r.editor.noted)
	}
}

// Whoever looks at the domains, and how often: the results are counted once a second.
func TestDomainsAreCountedOnceASecond(t *testing.T) {
	r := start(t, nil)
	r.busy()
	b := r.loggedIn("ann")
	domains := func(search string) (names []string) {
		var a struct{ Domains []domainAnswer }
		b.get(api+"/domains?search="+search, &a)
		for _, d := range a.Domains {
			names = append(names, d.Domain)
		}
		return names
	}
	_ = domains("")
	r.census.mu.Lock()
	r.census.taken = time.Now().Add(time.Hour)
	r.census.mu.Unlock()
	r.board.Attempted(&stats.Attempt{Time: time.Now(), Domain: "new.example.org"})
	if got := strings.Join(domains("EXAMPLE.org"), " "); got != "example.org" {
		t.Errorf("at once: %s", got)
	}
	r.census.mu.Lock()
	r.census.taken = time.Time{}
	r.census.mu.Unlock()
	if got := strings.Join(domains("example.org"), " "); got != "example.org new.example.org" {
		t.Errorf("then: %s", got)
	}
	if got := domains("new."); len(got) != 1 {
		t.Errorf("search: %v", got)
	}
}

// slowLogs counts how many searches go on, and lets each end when it may.
type slowLogs struct {
	begun chan struct{}
	end   chan struct{}
}

func (l slowLogs) Search(context.Context, string, journal.Query) (journal.Page, error) {
	l.begun <- struct{}{}
	<-l.end
	return journal.Page{}, nil
}

func TestSearchesTakeTurns(t *testing.T) {
	logs := slowLogs{make(chan struct{}, 10), make(chan struct{})}
	r := start(t, func(_ *Options, p *Parts) { p.Logs = logs })
	b := r.loggedIn("ann")
	var all sync.WaitGroup
	for range mostSearches + 2 {
		all.Go(func() {
			b.do("GET", api+"/logs/send", nil).wants(t, http.StatusOK, "a search")
		})
	}
	for range mostSearches {
		<-logs.begun
	}
	select {
	case <-logs.begun:
		t.Error("one more has begun")
	case <-time.After(100 * time.Millisecond):
	}
	close(logs.end)
	all.Wait()
}

// Who writes a row that may not do what it seems to is told before, right after, and in the list.
func TestWarnings(t *testing.T) {
	r := start(t, nil)
	r.editor.rows["capacity"][0].Warning = "192.0.2.9 is no address of this host"
	b := r.loggedIn("ann")
	cells := object{"cells": object{"localip": "192.0.2.9"}}
	for _, c := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"POST", "/tables/capacity/preview", cells, `"warning":"192.0.2.9 is no address`},
		{"POST", "/tables/capacity", cells, `"warning":"change 2 `},
		{"PUT", "/tables/capacity/1", cells, `"warning":"change 3 `},
		{"POST", "/changes/9/undo", nil, `"warning":"change 10 `},
		{"GET", "/tables/capacity", nil, `"warning":"192.0.2.9 is no address`},
		{"GET", "/tables/capacity", nil, `"warning":"the settings cannot be read`},
	} {
		if got := b.do(c.method, api+c.path, c.body); got.status >= 300 || !strings.Contains(got.body, c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
}

// What a script may get wrong is refused in words that are not those of a programmer, with the field that it is about.
func TestRequestsThatMakeNoSense(t *testing.T) {
	doc := loadDescription(t)
	r := start(t, nil)
	b := r.loggedIn("ann")
	const domain = "/destinations/{destination}"
	for _, c := range []struct {
		method, path, real string
		body               any
		status             int
		field, words       string
	}{
		{"POST", "/tables/{table}", "/tables/capacity", object{}, 400, "cells", "missing"},
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": nil}, 400, "cells", "missing"},
		{"PUT", "/tables/{table}/{id}", "/tables/capacity/1", object{}, 400, "cells", "missing"},
		{"POST", "/tables/{table}", "/tables/capacity", []int{}, 400, "", "object"},
		{"POST", "/tables/{table}", "/tables/capacity", 5, 400, "", "object"},
		{"POST", "/tables/{table}", "/tables/capacity", object{"cells": 5}, 400, "cells", "object"},
		{"POST", "/tables/{table}", "/tables/capacity", object{strings.Repeat("x", 5000): 5}, 400, strings.Repeat("x", 100), "no field"},
		{"POST", "/tables/{table}/preview", "/tables/capacity/preview", object{"id": 1.5}, 400, "id", "whole number"},
		{"POST", "/tables/{table}/preview", "/tables/capacity/preview", object{"id": 1, "delete": "yes"}, 400, "delete", "true or false"},
		{"POST", "/tables/{table}/preview", "/tables/capacity/preview", object{"delete": true}, 400, "id", "missing"},
		{"POST", domain + "/retry", "/destinations/a.test/retry", []int{}, 400, "", "object"},
		{"POST", domain + "/move", "/destinations/a.test/move", object{"ip": "x"}, 400, "ip", "no IP address"},
		{"POST", domain + "/move", "/destinations/a.test/move", object{"ip": "192.0.2.9"}, 400, "ip", "of this host"},
		{"POST", domain + "/move", "/destinations/a.test/move", object{"ip": "fe80::1%eth0"}, 400, "ip", "no IP address"},
		{"POST", domain + "/preview", "/destinations/a.test/preview", object{"action": []string{}}, 400, "action", "text"},
		{"POST", domain + "/fail", "/destinations/a.test/fail", object{"reason": "no\r\nX: y"}, 400, "reason", "line"},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "selector": strings.Repeat("a.", 120) + "a"}, 400, "selector", "253"},
		{"POST", "/dkim/generate", "/dkim/generate", object{"domain": "a.test", "patterns": 5}, 400, "patterns", "list"},
		{"GET", "/changes", "/changes?limit=501", nil, 400, "limit", "500"},
		{"GET", "/live", "/live", nil, 426, "", "websocket"},
		{"GET", "/monitor", "/monitor", nil, 426, "", "websocket"},
	} {
		got := b.validates(doc, c.method, c.path, c.real, c.body, c.status)
		var a struct{ Error, Field string }
		if err := json.Unmarshal([]byte(got.body), &a); err != nil || a.Field != c.field || !strings.Contains(a.Error, c.words) || len(a.Error) > 300 {
			t.Errorf("%s %s %.80v: %.300s", c.method, c.real, c.body, got.body)
		}
	}
	b.do("POST", api+"/tables/tokens", object{"cells": object{"token": 7}})
	if r.editor.last["token"] != int64(7) {
		t.Errorf("a token that is none was replaced by %v", r.editor.last["token"])
	}
}

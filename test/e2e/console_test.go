package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/app"
	"posthoorn/internal/app/config"
	"posthoorn/internal/testbed"

	"github.com/coder/websocket"
	"github.com/getkin/kin-openapi/openapi3"
)

const consolePassword = "open-sesame-4711"

// withConsole is a setup whose daemon has a console behind a password.
func withConsole(t *testing.T, more map[string]string) (setup, string) {
	t.Helper()
	port := freePort(t)
	keys := map[string]string{"www-port": port, "www-password": consolePassword, "send-bin-log-directory": t.TempDir()}
	for key, value := range more {
		keys[key] = value
	}
	return setup{keys: keys}, "http://127.0.0.1:" + port
}

// operator is a browser in front of the console.
type operator struct {
	t      *testing.T
	url    string
	client http.Client
	csrf   string
	seen   bytes.Buffer // all that it ever got
}

func (r *rig) operator(url string) *operator {
	r.t.Helper()
	jar, _ := cookiejar.New(nil)
	o := &operator{t: r.t, url: url, client: http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{}}}
	r.t.Cleanup(o.client.CloseIdleConnections)
	o.call("POST", "/login", map[string]string{"password": consolePassword}, nil)
	var session struct{ CSRF string }
	o.call("GET", "/session", nil, &session)
	o.csrf = session.CSRF
	return o
}

// call sends a request to the API, which must succeed.
func (o *operator) call(method, path string, body, into any) {
	o.t.Helper()
	status, text := o.send(method, path, body)
	if status >= 300 {
		o.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			o.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

func (o *operator) send(method, path string, body any) (status int, answer []byte) {
	o.t.Helper()
	text, _ := json.Marshal(body)
	q, err := http.NewRequest(method, o.url+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		o.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-CSRF-Token", o.csrf)
	a, err := o.client.Do(q)
	if err != nil {
		o.t.Fatal(err)
	}
	defer a.Body.Close()
	answer, err = io.ReadAll(a.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	o.seen.Write(answer)
	return a.StatusCode, answer
}

// probe asks for something outside of the API, without a login.
func probe(t *testing.T, url string) (status int, text string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	answer, _ := io.ReadAll(a.Body)
	return a.StatusCode, string(answer)
}

// An operator sees what is counted, pauses a domain, sees what that holds up, undoes it, and finds what happened in the log.
func TestConsole(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, nil)
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		if status, _ := probe(t, url+"/api/v1/backlog"); status != http.StatusUnauthorized {
			t.Errorf("without a login: %d", status)
		}
		o := r.operator(url)
		r.publish(`{"recipient":"you@one.test","mime":"x","tags":["news"]}`)
		r.succeed(1)
		eventually(t, "the counts", func() bool {
			var a struct {
				Counters struct{ Deliveries, Connects int }
			}
			o.call("GET", "/overview?tag=news", nil, &a)
			return a.Counters.Deliveries == 1
		})
		var domains struct{ Domains []struct{ Domain string } }
		o.call("GET", "/domains", nil, &domains)
		if len(domains.Domains) != 1 || domains.Domains[0].Domain != "one.test" {
			t.Errorf("%+v", domains)
		}

		var row struct{ ID, Change int64 }
		o.call("POST", "/tables/paused", map[string]any{"cells": map[string]any{"target": "held.test"}}, &row)
		r.publish(`{"recipient":"you@held.test","mime":"x"}`)
		eventually(t, "the reason", func() bool {
			_, text := o.send("GET", "/destinations/held.test", nil)
			return strings.Contains(string(text), "the end of a pause")
		})
		var preview struct{ Effect struct{ Messages int } }
		eventually(t, "what the end of the pause concerns", func() bool {
			o.call("POST", "/tables/paused/preview", map[string]any{"id": row.ID, "delete": true}, &preview)
			return preview.Effect.Messages == 1
		})
		r.empty("results")
		o.call("POST", fmt.Sprintf("/changes/%d/undo", row.Change), map[string]any{}, nil)
		r.succeed(1)
		var changes struct {
			Changes []struct{ Who, Action string }
		}
		o.call("GET", "/changes", nil, &changes)
		if len(changes.Changes) != 2 || changes.Changes[0].Action != "delete" || changes.Changes[1].Who != "console" {
			t.Errorf("%+v", changes)
		}

		eventually(t, "the line in the log", func() bool {
			var found struct{ Lines []json.RawMessage }
			o.call("GET", "/logs/send?domain=held.test", nil, &found)
			return len(found.Lines) == 1
		})
		if status, text := probe(t, url+"/healthz"); status != 200 || text != "ok\n" {
			t.Errorf("healthz: %d %s", status, text)
		}
		if status, text := probe(t, url+"/readyz"); status != 200 {
			t.Errorf("readyz: %d %s", status, text)
		}
		if strings.Contains(o.seen.String(), consolePassword) {
			t.Error("the password is in an answer")
		}
	})
}

// A message that is sent from the console is followed to its end, and the monitor shows what was said meanwhile, without content.
func TestConsoleTestMessage(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, nil)
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		o := r.operator(url)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/api/v1/monitor?direction=out",
			&websocket.DialOptions{HTTPClient: &o.client, HTTPHeader: http.Header{"Origin": {url}}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		var made struct{ ID string }
		o.call("POST", "/test-messages", map[string]string{"envelope": "me@here.test", "recipient": "you@there.test", "subject": "try", "text": "the text of it"}, &made)
		eventually(t, "the end", func() bool {
			var a struct {
				Done   bool
				Events []struct{ What string }
			}
			o.call("GET", "/test-messages/"+made.ID, nil, &a)
			return a.Done && len(a.Events) == 2 && a.Events[1].What == "delivered"
		})
		if m := r.received("you@there.test"); !strings.Contains(string(m.Source), "the text of it") {
			t.Errorf("%s", m.Source)
		}
		var said strings.Builder
		for !strings.Contains(said.String(), "250 2.0.0") {
			_, text, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("%v after\n%s", err, said.String())
			}
			said.Write(append(text, '\n'))
		}
		if text := said.String(); !strings.Contains(text, "RCPT TO:\\u003cyou@there.test\\u003e") || strings.Contains(text, "the text of it") {
			t.Errorf("%s", text)
		}
	})
}

// Disk space that is missing, and so a daemon that takes nothing, is told to those who watch over it.
func TestNotReady(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, map[string]string{"local-min-free": "1000000GB"})
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		if status, text := probe(t, url+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "disk:") {
			t.Errorf("readyz: %d %s", status, text)
		}
		if status, _ := probe(t, url+"/healthz"); status != 200 {
			t.Errorf("healthz: %d", status)
		}
		var a struct {
			Consuming bool
			Problems  []struct{ Level string }
		}
		o := r.operator(url)
		eventually(t, "a problem in the overview", func() bool {
			o.call("GET", "/overview", nil, &a)
			return !a.Consuming && len(a.Problems) > 0 && a.Problems[0].Level == "critical"
		})
	})
}

// A port that somebody wants and cannot have stops the start with words.
func TestConsolePortIsTaken(t *testing.T) {
	t.Parallel()
	s, _ := withConsole(t, nil)
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		file := r.write("second.txt", r.keys(map[string]string{
			"www-port": s.keys["www-port"], "state-directory": filepath.Join(r.dir, "second"), "smtp-port": freePort(t), "spool-directory": "",
		}, ""))
		cfg, err := config.Load(&config.Command{ConfigFile: file}, config.Source{Hostname: "mta.example.test", Default: "/dev/null"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := app.Start(cfg, "test", io.Discard)
		if err == nil {
			d.Stop()
			t.Fatal("it starts")
		}
		if !strings.Contains(err.Error(), "console") || !strings.Contains(err.Error(), s.keys["www-port"]) {
			t.Error(err)
		}
	})
}

// TestConsoleWithoutLogin listens on loopback alone, whatever the file says, and the log says so (T46).
func TestConsoleWithoutLogin(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, map[string]string{"www-password": "", "www-ip": "0.0.0.0"})
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		if status, _ := probe(t, url+"/api/v1/backlog"); status != 200 {
			t.Errorf("on loopback: %d", status)
		}
		r.errorLog(1, "asks for no login")
		list, err := net.InterfaceAddrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			ip, ok := a.(*net.IPNet)
			if !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast() {
				continue
			}
			if c, err := net.DialTimeout("tcp", net.JoinHostPort(ip.IP.String(), s.keys["www-port"]), time.Second); err == nil {
				_ = c.Close()
				t.Errorf("%s is open", ip.IP)
			}
		}
	})
}

// What a real daemon answers is what the description says.
func TestConsoleDescription(t *testing.T) {
	t.Parallel()
	s, url := withConsole(t, nil)
	onEmbedded(t, s, func(t *testing.T, r *rig) {
		o := r.operator(url)
		_, text := o.send("GET", "/openapi.yaml", nil)
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		r.publish(`{"recipient":"you@one.test","mime":"x","tags":["news"]}` + "\n" + `{"recipient":"you@wait.test","mime":"x","delayed":"2040-01-01 00:00:00"}`)
		r.succeed(1)
		o.call("POST", "/tables/capacity", map[string]any{"cells": map[string]any{"domain": "one.test", "domain_maxmessages": 60}}, nil)
		o.call("POST", "/tables/dkim_keys", map[string]any{"cells": map[string]any{"domain": "one.test", "selector": "a", "privatekey": "nonsense"}}, nil)
		for path, real := range map[string]string{
			"/session": "", "/overview": "", "/history": "?span=hour", "/sources": "", "/domains": "", "/tags": "", "/backlog": "", "/tables": "", "/changes": "",
			"/destinations/{destination}": "/destinations/one.test", "/tables/{table}": "/tables/capacity", "/logs/{kind}": "/logs/send",
		} {
			if !strings.HasPrefix(real, "/") {
				real = path + real
			}
			status, answer := o.send("GET", real, nil)
			if status != 200 {
				t.Errorf("%s: %d %s", real, status, answer)
				continue
			}
			var value any
			if err := json.Unmarshal(answer, &value); err != nil {
				t.Fatal(err)
			}
			described := doc.Paths.Value(path).Get.Responses.Status(200).Value.Content["application/json"].Schema.Value
			if err := described.VisitJSON(value, openapi3.MultiErrors()); err != nil {
				t.Errorf("%s: %v\n%s", real, err, answer)
			}
		}
	})
}

// A broker that is away makes the daemon not ready, and it is alive all the same; a test message is not taken, in words.
func TestNotReadyWithoutBroker(t *testing.T) {
	s, url := withConsole(t, nil)
	behindProxy(t, s, func(t *testing.T, r *rig, p *testbed.Proxy) {
		o := r.operator(url)
		p.Refuse(true)
		p.Cut()
		eventually(t, "not ready", func() bool {
			status, text := probe(t, url+"/readyz")
			return status == http.StatusServiceUnavailable && strings.Contains(text, "broker")
		})
		if status, _ := probe(t, url+"/healthz"); status != 200 {
			t.Errorf("healthz: %d", status)
		}
		if status, text := o.send("POST", "/test-messages", map[string]string{"recipient": "you@there.test"}); status != http.StatusServiceUnavailable {
			t.Errorf("a test message: %d %s", status, text)
		}
		p.Refuse(false)
		eventually(t, "ready again", func() bool { status, _ := probe(t, url+"/readyz"); return status == 200 })
	})
}

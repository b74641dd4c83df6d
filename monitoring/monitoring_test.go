// Package monitoring holds what Prometheus and Grafana are given for Posthoorn: rules, a dashboard, an example. It has no code, only
// the tests of these files. That the metrics in them exist is tested where there is a daemon, in test/e2e.
package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promtool runs Prometheus's own checks.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing: Debian has it in the package prometheus (.ci/install)")
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRules(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "check", "config", "--syntax-only", "prometheus.yml")
	promtool(t, "test", "rules", "alerts.test.yml")
}

// TestAlertsHelp: an alert says how urgent it is, what is wrong and what to do, and is seen to fire.
func TestAlertsHelp(t *testing.T) {
	tests := read(t, "alerts.test.yml")
	alerts := strings.Split(read(t, "alerts.yml"), "- alert: ")[1:]
	if len(alerts) < 15 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, alert := range alerts {
		name, _, _ := strings.Cut(alert, "\n")
		for _, part := range []string{`labels: {severity: (page|ticket)}`, `summary: ".{30,}"`, `action: ".{40,}"`} {
			if !regexp.MustCompile(part).MatchString(alert) {
				t.Errorf("%s: no %s", name, part)
			}
		}
		if !strings.Contains(tests, `alertname="`+name+`", alertstate="firing"`) {
			t.Errorf("%s: no test sees it fire", name)
		}
	}
}

type place struct{ H, W, X, Y int }

type target struct{ Expr, LegendFormat string }

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos place
	Targets []target
}

type dashboard struct {
	Title, UID string
	Panels     []panel
	Templating struct{ List []struct{ Name string } }
}

func TestDashboard(t *testing.T) {
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	d.checkPlaces(t)
	var rows, rules []string
	for _, p := range d.Panels {
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for i, q := range p.Targets {
			if !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%s: not of the instances that are asked for: %s", p.Title, q.Expr)
			}
			rules = append(rules, fmt.Sprintf("{record: panel_%d_%d, expr: %q}", p.ID, i, plain(q.Expr)))
		}
	}
	want := []string{"Overview", "Deliveries", "Latency", "Connections", "Queues and broker", "Receiving", "Content and DKIM", "DNS", "Process"}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q", rows)
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "groups: [{name: panels, rules: [%s]}]", strings.Join(rules, ",\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// plain is an expression without Grafana's variables.
func plain(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(expr)
}

// checkPlaces wants panels with numbers of their own that lie within the 24 columns and not on one another.
func (d *dashboard) checkPlaces(t *testing.T) {
	t.Helper()
	for i, p := range d.Panels {
		a := p.GridPos
		if a.X < 0 || a.W <= 0 || a.H <= 0 || a.X+a.W > 24 {
			t.Errorf("%s lies at %+v", p.Title, a)
		}
		for _, o := range d.Panels[:i] {
			b := o.GridPos
			if p.ID == o.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s and %s lie on one another, or have the same number", p.Title, o.Title)
			}
		}
	}
}

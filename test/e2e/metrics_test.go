package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const scraperPassword = "prometheus-4711"

// families are metrics as a scrape shows them, by name.
type families map[string]*dto.MetricFamily

// scrape asks as Prometheus does.
func scrape(t *testing.T, port string) families {
	t.Helper()
	q, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth("prometheus", scraperPassword)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("%s: %s", answer.Status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	list, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// value is the sum of the series of a counter or gauge that have these labels ("name=value").
func (f families) value(name string, labels ...string) (sum float64) {
	for _, m := range f[name].GetMetric() {
		has := func(want string) bool {
			return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName()+"="+l.GetValue() == want })
		}
		if !slices.ContainsFunc(labels, func(l string) bool { return !has(l) }) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// TestMetrics: what /metrics of a daemon shows after some mail, with either kind of queue, is named by one rule, has labels of closed
// sets, and is all that docs/metrics.md, the dashboard and the alerts speak of.
func TestMetrics(t *testing.T) {
	all := families{}
	test := func(t *testing.T, r *rig, port string) {
		r.publish(`{"envelope":"from@label-x.test","recipient":"good@label-x.test","tags":["label-x"],"mime":"Subject: x\r\n\r\nx\r\n"}`)
		r.publish(`{"envelope":"from@label-x.test","recipient":"refuse-rcpt@label-x.test","mime":"Subject: x\r\n\r\nx\r\n"}`)
		r.dialogue("EHLO label-x.test", "250", "MAIL FROM:<me@label-x.test>", "250", "RCPT TO:<you@label-x.test>", "250", "DATA", "354",
			"Subject: x\r\n\r\nx\r\n.", "250", "VRFY label-x", "252")
		r.take("results", 3)
		seen := scrape(t, port)
		for _, c := range []struct {
			want   float64
			name   string
			labels []string
		}{
			{2, "posthoorn_outbox_results_total", []string{"state=message", "result=accepted", "class=2"}},
			{1, "posthoorn_outbox_results_total", []string{"state=rcptto", "result=error", "class=5"}},
			{3, "posthoorn_outbox_first_attempt_seconds", nil},
			{2, "posthoorn_outbox_final_seconds", []string{"outcome=success"}},
			{1, "posthoorn_outbox_final_seconds", []string{"outcome=failure"}},
			{3, "posthoorn_deliver_attempt_seconds", nil},
			{1, "posthoorn_inject_messages_total", []string{"door=smtp"}},
			{1, "posthoorn_build_info", []string{"version=test"}},
		} {
			if got := seen.value(c.name, c.labels...); got != c.want {
				t.Errorf("%s%v: %v, want %v", c.name, c.labels, got, c.want)
			}
		}
		if at := seen.value("posthoorn_certificate_expiry_timestamp_seconds", "door=smtp"); at < float64(time.Now().Unix()) {
			t.Errorf("the certificate expires at %v", at)
		}
		if free, floor := seen.value("posthoorn_disk_free_bytes", "volume=state"), seen.value("posthoorn_disk_floor_bytes", "volume=state"); floor <= 0 || free <= floor {
			t.Errorf("%v bytes free, the floor is %v", free, floor)
		}
		if n := seen.value("posthoorn_queue_messages", "role=failure"); r.broker == "" && n != 1 {
			t.Errorf("%v messages in the queue of failures", n)
		}
		seen.checkNames(t)
		seen.checkLabels(t)
		maps.Copy(all, seen)
	}
	t.Run("embedded", func(t *testing.T) {
		s, port := scraped(t)
		onEmbedded(t, s, func(t *testing.T, r *rig) { test(t, r, port) })
	})
	t.Run("rabbitmq", func(t *testing.T) {
		s, port := scraped(t)
		onRabbit(t, s, func(t *testing.T, r *rig) { test(t, r, port) })
	})
	all.checkFile(t, "../../monitoring/grafana-dashboard.json")
	all.checkFile(t, "../../monitoring/alerts.yml")
	all.checkDocs(t, "../../docs/metrics.md")
}

// scraped is a setup with everything that has metrics.
func scraped(t *testing.T) (setup, string) {
	port := freePort(t)
	door := newTLSDoor(t, map[string]string{
		"www-port": port, "smtp-check": "spf", "www-password": scraperPassword, "storage-address": "dir://" + t.TempDir(),
	})
	return setup{keys: door.keys}, port
}

// checkNames wants the rule of docs/metrics.md kept.
func (f families) checkNames(t *testing.T) {
	t.Helper()
	rule := regexp.MustCompile(`^posthoorn(_[a-z0-9]+)+$`)
	for name, family := range f {
		ours := strings.HasPrefix(name, "posthoorn_")
		switch {
		case !ours && (strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")):
		case !ours || !rule.MatchString(name):
			t.Errorf("%s: not a name of ours", name)
		case strings.HasSuffix(name, "_total") != (family.GetType() == dto.MetricType_COUNTER):
			t.Errorf("%s: counters end in _total, and nothing else does", name)
		case family.GetType() == dto.MetricType_HISTOGRAM && !strings.HasSuffix(name, "_seconds") && !strings.HasSuffix(name, "_batches"):
			t.Errorf("%s: a histogram of what?", name)
		case regexp.MustCompile(`_(ms|millis|milliseconds|minutes|kb|mb|kilobytes|megabytes|percent)(_|$)`).MatchString(name):
			t.Errorf("%s: base units are seconds and bytes", name)
		case !strings.HasSuffix(family.GetHelp(), "."):
			t.Errorf("%s: no help: %q", name, family.GetHelp())
		}
	}
}

// checkLabels wants nothing of a message in a label, and few series.
func (f families) checkLabels(t *testing.T) {
	t.Helper()
	series := 0
	for name, family := range f {
		for _, m := range family.Metric {
			series += max(1, len(m.GetHistogram().GetBucket()))
			for _, l := range m.Label {
				if strings.Contains(l.GetValue(), "label-x") || strings.Contains(l.GetValue(), "@") || strings.Contains(l.GetValue(), "e2e-") {
					t.Errorf("%s has the label %s=%q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
	if series > 1000 {
		t.Errorf("%d series", series)
	}
}

// checkFile wants that every metric exists that a file speaks of.
func (f families) checkFile(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\b(posthoorn|go|process)_[a-z0-9_]+`).FindAllString(string(text), -1)
	if len(names) < 10 {
		t.Errorf("%s speaks of nothing", path)
	}
	for _, name := range names {
		short := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && f[base].GetType() == dto.MetricType_HISTOGRAM {
				short = base
			}
		}
		if f[short] == nil {
			t.Errorf("%s speaks of %s, which does not exist", path, name)
		}
	}
}

// checkDocs keeps the table of the manual equal to what there is; -update writes it.
func (f families) checkDocs(t *testing.T, path string) {
	t.Helper()
	want := f.docs()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != want {
		t.Errorf("%s differs (-update writes it): %v", path, err)
	}
}

const docsHead = `# All metrics

This page is written by ` + "`go test ./test/e2e -run TestMetrics -update`" + ` from what ` + "`/metrics`" + ` shows.
[monitoring.md](monitoring.md#metrics) says how to get them and which to watch.

Names: ` + "`posthoorn_`" + `, the part of the program that counts, and what is counted. Units are seconds and bytes. Counters end in
` + "`_total`" + ` and begin at zero with the program. Labels have few values, which are known beforehand: never a domain, an
address, a tag, or the name of a queue that a message chose.

Beside these there are those of Go (` + "`go_`" + `: goroutines, memory, garbage collection) and of the process (` + "`process_`" + `: processor
time, memory, open files, start).
`

// docs is the page of the manual.
func (f families) docs() string {
	var text strings.Builder
	text.WriteString(docsHead)
	part := ""
	names := slices.SortedFunc(maps.Keys(f), func(a, b string) int { return cmp.Or(cmp.Compare(partOf(a), partOf(b)), cmp.Compare(a, b)) })
	for _, name := range names {
		if !strings.HasPrefix(name, "posthoorn_") {
			continue
		}
		if p := partOf(name); p != part {
			part = p
			fmt.Fprintf(&text, "\n## %s\n\n| Metric | Type | Labels | What |\n|---|---|---|---|\n", part)
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f[name].GetType().String()), f.labels(name), f[name].GetHelp())
	}
	return text.String()
}

var parts = map[string]string{
	"amqp": "RabbitMQ", "console": "Console", "deliver": "Outgoing connections", "dkim": "Signatures", "dns": "DNS", "fetch": "Downloads",
	"inject": "What comes in", "journal": "Logs", "localqueue": "Local queue and embedded queues", "login": "Logins",
	"mailauth": "Checks of incoming mail", "outbox": "Deliveries", "settings": "Settings database", "settle": "Results on RabbitMQ",
	"smtpd": "SMTP server", "spool": "Spool directory", "store": "Message store",
}

func partOf(name string) string {
	word := strings.Split(name, "_")[1]
	return cmp.Or(parts[word], "The program as a whole")
}

func (f families) labels(name string) string {
	seen := map[string]bool{}
	for _, m := range f[name].Metric {
		for _, l := range m.Label {
			seen["`"+l.GetName()+"`"] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

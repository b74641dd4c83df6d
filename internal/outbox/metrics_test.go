package outbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/broker/local"
	"posthoorn/internal/mail"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// shown are the samples of a registry that begin with a name: the number of a counter or gauge, count and sum of a histogram.
func shown(t *testing.T, r *prometheus.Registry, name string) (list []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if line, ok := strings.CutPrefix(f.GetName()+sample(m), "posthoorn_outbox_"+name); ok {
				list = append(list, strings.TrimSpace(line))
			}
		}
	}
	return list
}

func sample(m *dto.Metric) (s string) {
	for _, l := range m.Label {
		s += " " + l.GetValue()
	}
	switch {
	case m.Histogram != nil:
		return s + " " + number(float64(m.Histogram.GetSampleCount())) + " in " + number(m.Histogram.GetSampleSum())
	case m.Gauge != nil:
		return s + " " + number(m.Gauge.GetValue())
	}
	return s + " " + number(m.Counter.GetValue())
}

func number(f float64) string {
	return strings.TrimSuffix(time.Duration(f*float64(time.Second)).String(), "s")
}

func TestMetricsOfResults(t *testing.T) {
	registry := prometheus.NewRegistry()
	store := openStore(t, vfs.NewMem())
	defer store.Close()
	e := New(Options{Registerer: registry, Broker: local.New(store)})
	at := func(clock string) time.Time {
		tm, err := mail.ParseTime("2026-01-01 " + clock)
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	for _, c := range []struct {
		json     string
		taken    string
		result   mail.Result
		finished bool
	}{
		{`"received":"2026-01-01 11:59:00"`, "12:00:00", mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, Attempt: 1, Time: at("12:00:10")}, true}, // 70 s
		{`"id":1`, "12:00:00", mail.Result{State: mail.StateRcptTo, Kind: mail.Failed, Code: 550, Attempt: 1, Time: at("12:00:02")}, true},                              // 2 s
		{`"id":1`, "12:00:00", mail.Result{State: mail.StateConnect, Kind: mail.Timeout, Attempt: 1, Time: at("12:00:03")}, false},                                      // 3 s
		{`"results":[{"time":"2026-01-01 11:00:00","state":"connect"}],"attempts":1`, "12:00:00",
			mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, Attempt: 2, Time: at("12:00:00")}, true}, // an hour
		{`"received":"2026-01-01 13:00:00"`, "12:00:00", mail.Result{State: mail.StateMessage, Kind: mail.Accepted, Code: 250, Attempt: 1, Time: at("12:00:00")}, true}, // from a clock that is wrong
		{`"received":17`, "12:00:00", mail.Result{State: mail.StateAMQP, Kind: mail.Timeout, Code: 554, Attempt: 1, Time: at("12:01:00")}, true},                        // expired: no attempt
	} {
		m, err := mail.Parse([]byte(`{"envelope":"a@b.test","recipient":"c@d.test",`+c.json+`}`), mail.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		e.metrics.concluded(&item{m: m, taken: at(c.taken), finished: c.finished}, &c.result)
	}
	for name, want := range map[string][]string{
		"results_total":         {"2 accepted message 3", "5 error rcptto 1", "5 timeout amqp 1", "none timeout connect 1"},
		"first_attempt_seconds": {"4 in 1m15"},
		"final_seconds":         {"failure 2 in 1m2", "success 3 in 1h1m10"},
		"retries_total":         {"1"},
	} {
		got := shown(t, registry, name)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestBlockedSeconds: with either queue, the time counts in which the loop holds everything back.
func TestBlockedSeconds(t *testing.T) {
	registry := prometheus.NewRegistry()
	store := openStore(t, vfs.NewMem())
	defer store.Close()
	e := New(Options{Registerer: registry, Broker: local.New(store)})
	now := time.Now()
	for _, step := range []struct {
		held bool
		took time.Duration
	}{{true, 0}, {true, 2 * time.Second}, {true, time.Second / 2}, {false, 5 * time.Second}, {true, 3 * time.Second}} {
		e.loop.held = step.held
		now = now.Add(step.took)
		e.loop.checkLimits(now)
	}
	if got := shown(t, registry, "blocked_seconds_total"); !slices.Equal(got, []string{"5"}) {
		t.Errorf("blocked for %q, want 2 and 3 seconds", got)
	}
}

// TestMetricsOfStanding: what stands still is shown as of now, or of a second ago.
func TestMetricsOfStanding(t *testing.T) {
	registry := prometheus.NewRegistry()
	r := newRig(t, 1, func(o *Options) { o.Registerer = registry })
	r.engine.brake.press(brakeEvacuate)
	if got := strings.Join(shown(t, registry, "consuming_stopped"), ", "); got != "disk 0, evacuation 1, memory 0, stop 0" {
		t.Error(got)
	}
	r.engine.brake.release(brakeEvacuate)
	if got := shown(t, registry, "blocked "); !slices.Equal(got, []string{"0"}) {
		t.Error(got)
	}
	for _, to := range []string{"a@nowhere.test", "b@other.test"} {
		r.publish(`{"envelope":"a@b.test","recipient":%q,"mime":"Subject: x\r\n\r\nx\r\n"}`, to)
	}
	soon(t, "there is a lane", func() bool { return slices.Equal(shown(t, registry, "plan_lanes"), []string{"1"}) })
	for _, name := range []string{"plan_waiting", "plan_in_hand", "plan_sites", "plan_groups", "plan_lookups", "plan_needy", "in_hand_bytes"} {
		if got := shown(t, registry, name); len(got) == 0 {
			t.Errorf("no %s", name)
		}
	}
}

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// soon is a time of the JSON that lies seconds ahead.
func soon(seconds int) string {
	return time.Now().UTC().Add(time.Duration(seconds) * time.Second).Format(time.DateTime)
}

// A delayed message goes out at its time: not before, and not long after. Waiting is no attempt and leaves nothing in the
// queues (queues.md section 8). The form of the sender stays.
func TestDelayedIsExact(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		at := soon(5) // it must be published before
		iso := strings.Replace(at, " ", "T", 1)
		waits := []string{
			fmt.Sprintf(`"delayed":%q`, at),
			fmt.Sprintf(`"nextattempt":{"time":%q,"x":1}`, at),
			fmt.Sprintf(`"nextattempt":{"time":"%sZ"},"delayed":"2001-01-01 00:00:00"`, iso),
			fmt.Sprintf(`"delayed":"%s.000+00:00"`, iso),
		}
		lines := []string{`{"id":9,"recipient":"now@delayed.test","mime":"x","delayed":"2001-01-01 00:00:00"}`}
		for i, w := range waits {
			lines = append(lines, fmt.Sprintf(`{"id":%d,"recipient":"later@delayed.test","mime":"x",%s}`, i, w))
		}
		r.publish("%s", strings.Join(lines, "\n"))
		for _, o := range r.succeed(len(waits) + 1) {
			done := moment(t, o.last().Time)
			if o.ID == "9" {
				continue
			}
			if due := moment(t, at); done.Before(due) || done.After(due.Add(patience)) {
				t.Errorf("due at %v, sent at %v: %s", due, done, o.raw)
			}
			if len(o.Results) != 1 || o.MaxDeliverTime != moment(t, at).Add(24*time.Hour).Format(time.DateTime) {
				t.Errorf("%s", o.raw)
			}
		}
		if first := r.sink.Messages()[0]; first.Recipients[0] != "now@delayed.test" {
			t.Errorf("first at the receiver: %+v", first)
		}
		r.empty("retry", "failure", "outbox")
	})
}

// A deadline that passes while a message waits ends it (within a minute; here at once).
func TestDeadlinePassesWhileWaiting(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		deadline := soon(2)
		r.publish(`{"recipient":"a@deadline.test","mime":"x","delayed":%q,"maxdelivertime":%q}`, soon(3600), deadline)
		r.publish(`{"recipient":"b@deadline.test","mime":"x","maxdelivertime":"2001-01-01 00:00:00"}`)
		for _, o := range r.take("failure", 2) {
			l := o.last()
			if l.brief() != "amqp/timeout 554 5.4.7" || len(o.Results) != 1 || l.Attempt != 1 || l.From != "" || l.To != "" {
				t.Errorf("%s", o.raw)
			}
			if strings.HasPrefix(o.Recipient, "a@") && moment(t, l.Time).Before(moment(t, deadline)) {
				t.Errorf("given up before its time: %s", o.raw)
			}
		}
		r.take("results", 2)
		r.empty("retry", "success", "outbox")
	})
}

// A retry that would come after the deadline is not waited for: the failure comes at once and its reason is the true one.
func TestRetryBeyondTheDeadline(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"max-delivertime": "3600", "retry-interval": "7200"}}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"defer@deadline.test","mime":"x"}`)
		if o := r.one("failure"); o.last().brief() != "rcptto/error 451 4.7.1 Try again later" || len(o.Results) != 1 {
			t.Errorf("%s", o.raw)
		}
		r.take("results", 1)
		r.empty("retry", "success", "outbox")
	})
}

// maxattempts of the message or max-attempts of the file end the attempts; the last reason is the true one.
func TestMaxAttempts(t *testing.T) {
	onBoth(t, setup{keys: map[string]string{"max-attempts": "2", "retry-interval": "1"}}, func(t *testing.T, r *rig) {
		want := map[string]int{"1": 1, "2": 2, "3": 3}
		r.publish(`{"id":1,"recipient":"defer@attempts.test","mime":"x","maxattempts":1}`)
		r.publish(`{"id":2,"recipient":"defer@attempts.test","mime":"x"}`)
		r.publish(`{"id":3,"recipient":"defer@attempts.test","mime":"x","maxattempts":"3"}`)
		r.publish(`{"id":4,"recipient":"you@attempts.test","mime":"x","results":[{},{}]}`)
		for _, o := range r.take("failure", 4) {
			if o.ID == "4" {
				if o.last().brief() != "amqp/timeout 554 5.4.7" || o.last().Attempt != 3 {
					t.Errorf("%s", o.raw)
				}
				continue
			}
			if len(o.Results) != want[o.ID.String()] || o.last().brief() != "rcptto/error 451 4.7.1 Try again later" {
				t.Errorf("%d attempts, want %d: %s", len(o.Results), want[o.ID.String()], o.raw)
			}
		}
		r.take("results", 4)
		r.take("retry", 3)
		r.empty("success")
	})
}

// The waits between attempts are those of the list; after its end the last one repeats.
func TestRetriesOfTheMessage(t *testing.T) {
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"defer.3@list.test","mime":"x","retries":[1,"2"]}`)
		o := r.one("results")
		if len(o.Results) != 4 {
			t.Fatalf("%s", o.raw)
		}
		for i, wait := range []time.Duration{time.Second, 2 * time.Second, 2 * time.Second} {
			// Times are cut to seconds.
			if between := moment(t, o.Results[i+1].Time).Sub(moment(t, o.Results[i].Time)); between < wait-time.Second {
				t.Errorf("%v between attempts %d and %d, want %v", between, i+1, i+2, wait)
			}
		}
		for i, copied := range r.take("retry", 3) {
			wait := min(time.Duration(i+1), 2) * time.Second
			if after := moment(t, copied.Delayed).Sub(moment(t, copied.last().Time)); after < wait-time.Second || after > wait+time.Second {
				t.Errorf("attempt %d is due %v after the last one, want %v", i+2, after, wait)
			}
		}
	})
}

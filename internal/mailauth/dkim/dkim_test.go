package dkim

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2031, 5, 4, 12, 0, 0, 0, time.UTC)

const seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" // RFC 8463 appendix A.2

// testEngine is the fastest engine of this build.
func testEngine(t testing.TB) Engine {
	t.Helper()
	engine, err := Fastest()
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// keyOf makes a key of a spec that must be good.
func keyOf(t testing.TB, l *Loader, s Spec) *Key {
	t.Helper()
	k, warnings, err := l.Key(s)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return k
}

func ed25519Key(t testing.TB, s Spec) *Key {
	t.Helper()
	s.Private = seed
	return keyOf(t, NewLoader(Go(), 0), s)
}

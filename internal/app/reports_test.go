package app

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"posthoorn/internal/report"
)

func TestRecogniser(t *testing.T) {
	source, err := os.ReadFile("../report/testdata/reports/dsn_postfix.eml")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r := newRecogniser(slog.New(slog.NewTextHandler(&log, nil)), nil)
	if reported, ok := r.recognise(t.Context(), source, ""); !ok || !strings.HasPrefix(string(reported), `{"kind":"dsn"`) {
		t.Errorf("%v %s", ok, reported)
	}
	if reported, ok := r.recognise(t.Context(), []byte("Subject: x\r\n\r\nx\r\n"), ""); ok || reported != nil {
		t.Errorf("ordinary mail is %s", reported)
	}

	// A panic is told, gives its slot back, and makes no report.
	r.read = func([]byte, string) (report.Reported, bool) { panic("odd mail") }
	for range 2 * cap(r.slots) {
		if reported, ok := r.recognise(t.Context(), source, ""); ok || reported != nil {
			t.Errorf("after a panic: %s", reported)
		}
	}
	if n := strings.Count(log.String(), "odd mail"); n != 2*cap(r.slots) {
		t.Errorf("%d lines: %s", n, log.String())
	}

	// No more are read at a time than there are slots.
	var now, most atomic.Int32
	r.read = func([]byte, string) (report.Reported, bool) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		return report.Recognise(source, "")
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { r.recognise(t.Context(), source, "") })
	}
	group.Wait()
	if int(most.Load()) > cap(r.slots) {
		t.Errorf("%d at a time", most.Load())
	}

	// Who stops does not wait for a slot.
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if reported, ok := r.recognise(ctx, source, ""); ok || reported != nil {
		t.Errorf("while it stops: %s", reported)
	}
}

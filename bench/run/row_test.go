package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRowsCompare shows that no row is divided by one that does not exist, or by itself.
func TestRowsCompare(t *testing.T) {
	names := map[string]bool{"": true}
	rows := rowsOf(options{messages: 10, slowMessages: 10, size: 1000})
	for _, r := range rows {
		if names[r.name] {
			t.Errorf("%q twice", r.name)
		}
		names[r.name] = true
		if r.start == nil || r.content.json == "" || r.messages == 0 || r.connections == 0 {
			t.Errorf("%s is not complete", r.name)
		}
	}
	for _, r := range rows {
		if !names[r.against] || r.against == r.name {
			t.Errorf("%s is divided by %q", r.name, r.against)
		}
	}
}

func TestEngine(t *testing.T) {
	for text, want := range map[string]string{
		"signing with=\"OpenSSL 3.0.19 27 Jan 2026\"\n":                                 "OpenSSL 3.0.19 27 Jan 2026",
		"[Info] [2031-05-04 12:00:00] [posthoorn] signing with=go\n[Info] [...] more\n": "go",
		"nothing of it\n": "",
	} {
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (&process{log: log}).engine(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	b := &bench{}
	if b.note("") == nil || b.note("go") != nil || b.note("go") != nil || b.note("OpenSSL") == nil {
		t.Error("engines that differ, or are not known, are taken for one")
	}
}

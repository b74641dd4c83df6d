package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestWhichLogFile(t *testing.T) {
	for text, want := range map[string]Log{
		"send-log-directory: /l/\nsend-log-prefix: s": {File: "/l/s", Rotate: true},
		"send-log-directory:":                         {},
		"send-log-prefix:":                            {},
		"send-log-file: /f/send.log":                  {File: "/f/send.log"},
		"send-log-file: /f/s\nsend-log-prefix: p":     {File: "/f/s"},
		"send-log-file:":                              {},
	} {
		l := load(t, text).Logs.Send
		if l.File != want.File || l.Rotate != want.Rotate {
			t.Errorf("%q: %+v", text, l)
		}
	}
	l := load(t, "send-log-maxsize: 5\nsend-log-maxage: 1h\nsend-log-history: 3\nsend-log-compression:\nsend-log-format: {$date}").Logs.Send
	want := Log{File: "/var/log/posthoorn/attempts.log", Rotate: true, MaxSize: 5 << 20, MaxAge: time.Hour, History: 3, Format: "{$date}"}
	if l != want {
		t.Errorf("%+v", l)
	}
	cfg := load(t, "send-bin-log-file: /b/send\nwww-bin-log-file: /b/www\nwww-log-history:")
	if cfg.Logs.SendBin.File != "/b/send" || cfg.Logs.SendBin.Rotate || cfg.Logs.WWWBin.File != "/b/www" || cfg.Logs.WWW.History != 10 {
		t.Errorf("%+v", cfg.Logs)
	}
}

func TestErrorLog(t *testing.T) {
	for text, want := range map[string]string{
		"error-log:":                                   "",
		"error-log: /e":                                "/e",
		"error-log: /e\nerror-log-prefix: x":           "/e",
		"error-log-directory: /d":                      "/d/errors.log",
		"error-log-prefix: mine":                       "/var/log/posthoorn/mine",
		"error-log-prefix: p\nerror-log-directory: /d": "/d/p",
		"error-log-directory:":                         "",
	} {
		if got := load(t, text).Logs.Error; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTemplatesAreChecked(t *testing.T) {
	src := source(files{ownFile: "send-log-format: {if}"})
	var seen []string
	src.CheckTemplate = func(text string) error {
		seen = append(seen, text)
		if text == "{if}" {
			return errors.New("no condition")
		}
		return nil
	}
	_, err := Load(nil, src)
	if err == nil || !strings.Contains(err.Error(), `config.txt:1: send-log-format: "{if}": is no template: no condition`) || len(seen) != 4 {
		t.Error(err, seen)
	}
}

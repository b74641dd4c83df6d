package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseFile(t *testing.T) {
	text := "\xef\xbb\xbf# comment\r\n\r\n  \t# another\nKEY-One :  value: with # all \t\r\nempty:\n\tindented:x\nno colon\n:no key\nbad: a\x00b\nlast:é\xff"
	settings, wrong, err := parseFile([]byte(text))
	var got []string
	for _, s := range settings {
		got = append(got, s.key+"="+s.value)
	}
	if want := []string{"key-one=value: with # all", "empty=", "indented=x", "last=é\xff"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q %v", got, err)
	}
	if settings[0].where.Line != 4 || len(wrong) != 3 || wrong[0] != (lineError{7, "no", "line without a colon between key and value"}) || wrong[2].line != 9 {
		t.Errorf("%+v %+v", settings[0].where, wrong)
	}
	_, wrong, _ = parseFile([]byte("key: " + strings.Repeat("x", maxLine)))
	if len(wrong) != 1 || !strings.HasPrefix(wrong[0].text, "line of more than") {
		t.Error(wrong)
	}
}

// FuzzLoad: no file makes Load panic, put control characters into what is printed, or take one thing for two; and what
// CheckText prints reads again as it was.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "#", "smtp-port: 25,26-30\nuser:x", "rabbitmq-address: amqp://u:p@h;h2/v,amqps://x", "a:b:c\r\n\x00:\x1b", "smtp-ciphers: !:-:+:@:HIGH",
		"dns-servers: [::1]:53,[", "retry-interval: ,;,", "local-min-free: %", "storage-address: mongodb://:@h", "www-auth: hardcoded://:,:", "max-delivertime: d",
		"download-whitelist: ::/0:80,[]:1", "send-log-maxsize: KB", "dns-timeout: .", "state-directory: \xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Load(nil, source(files{ownFile: string(data)}))
		text := cfg.CheckText()
		if err != nil {
			text += err.Error()
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
			t.Fatalf("control characters in %q", text)
		}
		if err != nil || strings.Contains(text, mask) {
			return
		}
		again, err := Load(nil, source(files{ownFile: text}))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, c := range []*Config{cfg, again} {
			c.set, c.Warnings, c.RabbitMQ.Why = nil, nil, "" // these speak of places
		}
		if !reflect.DeepEqual(cfg, again) {
			t.Fatalf("%+v\n%+v\n%s", cfg, again, text)
		}
	})
}

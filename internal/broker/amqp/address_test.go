package amqp

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		names   string // joined by blanks; empty: an error
	}{
		{"amqp://u:p@h", "amqp://h:5672/"},
		{"amqp://u:p@h/", "amqp://h:5672/"},
		{"amqp://h:99/vhost", "amqp://h:99/vhost"},
		{"amqps://u:p@h", "amqps://h:5671/"},
		{"amqp://u:p@h1;h2:77;h3/v", "amqp://h1:5672/v amqp://h2:77/v amqp://h3:5672/v"},
		{"amqp://u:p@h1/v, amqps://u:p@h2/w", "amqp://h1:5672/v amqps://h2:5671/w"},
		{"amqp://u:a,b@h1/,amqp://u:p@h2/", "amqp://h1:5672/ amqp://h2:5672/"},
		{"amqp://u:p@[::1]:99/", "amqp://[::1]:99/"},
		{"amqp://u:p%40%2F@h/%2Fx", "amqp://h:5672/x"},
		{"", ""},
		{" , ", ""},
		{"http://u:secret@h/", ""},
		{"u:secret@h", ""},
		{"amqp://u:se cret@h/", ""},
		{"amqp://u:secret@h:port/", ""},
	} {
		nodes, err := parseAddress(c.address)
		var names []string
		for _, n := range nodes {
			names = append(names, n.name)
		}
		if got := strings.Join(names, " "); got != c.names || (err == nil) != (c.names != "") {
			t.Errorf("%q: %q, %v; want %q", c.address, got, err, c.names)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", c.address, err)
		}
	}
}

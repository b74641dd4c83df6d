package settings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"posthoorn/internal/mailauth/dkim"
)

func keysOf(keys, patterns []Row) ([]dkim.Row, []badRow) {
	c := newContents(map[string][]Row{tableKeys: keys, tableSigns: patterns}, 1)
	return newSnapshot(c, 1, nil, noon).DKIM(), c.bad
}

func TestDKIMRows(t *testing.T) {
	keys, bad := keysOf([]Row{
		{"id": "1", "domain": "shop.test", "selector": "a", "privatekey": "KEY", "expire": "2031-05-04 12:00:00", "algorithm": "sha256",
			"headers": "Feedback-ID, X-Shop\nX-Other", "priority": "-2", "verify": "0", "protocols": "dkim,arc", "report": "1",
			"canonicalization": "simple/simple"},
		{"id": "2", "domain": "shop.test", "selector": "b", "privatekey": "KEY", "headers": `["A","B"]`, "protocols": `["dkim"]`, "verify": "1"},
		{"id": "3", "domain": "shop.test", "selector": "no pattern"},
		{"id": "4", "domain": "shop.test", "selector": "arc", "protocols": "arc"},
		{"id": "5", "domain": "shop.test", "selector": "bad", "privatekey": "KEY", "priority": "high"},
		{"id": "6", "selector": "little"},
	}, []Row{
		{"id": "1", "key_id": "1", "type": "exact", "sign": " Shop.test "},
		{"id": "2", "key_id": "2", "type": "fnmatch", "sign": "*.shop.test"},
		{"id": "3", "key_id": "2", "type": "regex", "sign": "^(one|two)\\.test$"},
		{"id": "4", "key_id": "4", "type": "global"},
		{"id": "5", "key_id": "5", "type": "global"},
		{"id": "6", "key_id": "6", "type": "substr", "sign": "little"},
		{"id": "7", "key_id": "6", "type": "regex", "sign": "("},
		{"id": "8", "key_id": "99", "type": "global"},
	})
	if got := fmt.Sprint(bad); !strings.Contains(got, "high") || !strings.Contains(got, "does not compile") || len(bad) != 2 || strings.Contains(got, "KEY") {
		t.Error(got)
	}
	if len(keys) != 3 {
		t.Fatalf("%d keys", len(keys))
	}
	first := keys[0]
	if got := fmt.Sprintln(first.ID, first.Domain, first.Selector, first.Private, first.Expire.Format(time.DateTime), first.Headers, first.Priority,
		first.Verify, first.Protocols, first.Report, first.Canonicalization, first.Algorithm); got !=
		"1 shop.test a KEY 2031-05-04 12:00:00 [Feedback-ID X-Shop X-Other] -2 false [dkim arc] true simple/simple sha256\n" {
		t.Error(got)
	}
	if second := keys[1]; !second.Verify || fmt.Sprint(second.Headers) != "[A B]" || second.Report || !second.Expire.IsZero() {
		t.Errorf("%+v", second.Spec)
	}
	if !keys[2].Verify {
		t.Error("a row that does not mention verify is not verified")
	}
	for _, c := range []struct {
		domain string
		want   string // ids
	}{
		{"shop.test", "1"}, {"SHOP.test", "1"}, {"a.shop.test", "2"}, {"one.test", "2"}, {"one.tests", ""}, {"my-little.test", "6"},
		{"little.shop.test", "26"}, {"other.test", ""},
	} {
		got := ""
		for _, k := range keys {
			if k.Signs(c.domain) {
				got += fmt.Sprint(k.ID)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.domain, got, c.want)
		}
	}
}

// Settings that change elsewhere leave the list of keys as it is, so that nobody checks them again.
func TestDKIMRowsStay(t *testing.T) {
	c := newContents(map[string][]Row{tableKeys: {{"id": "1"}}, tableSigns: {{"id": "1", "key_id": "1", "type": "global"}}}, 1)
	a, b := newSnapshot(c, 1, nil, noon), newSnapshot(c, 2, []Pause{{Domain: "a.test"}}, noon)
	if &a.DKIM()[0] != &b.DKIM()[0] {
		t.Error("the list was made anew")
	}
}

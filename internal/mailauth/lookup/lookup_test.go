package lookup

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"posthoorn/internal/dns"
)

var _ DNS = (*dns.Resolver)(nil)

// What the resolver says is understood.
func TestTemporary(t *testing.T) {
	f := &dns.Fake{Fail: map[string]error{"slow.test": context.DeadlineExceeded}, Text: map[string][]string{"here.test": {"x"}}}
	for name, want := range map[string]bool{"slow.test": true, "none.test": false, "here.test": false} {
		if _, err := f.TXT(t.Context(), name); Temporary(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := f.Addresses(t.Context(), "here.test")
	if err != nil && Temporary(err) {
		t.Errorf("no address: %v", err)
	}
	_, err = f.TXT(t.Context(), "none.test")
	if err == nil || Temporary(fmt.Errorf("wrapped: %w", err)) || !Temporary(errors.New("unknown")) || Temporary(nil) {
		t.Error(err)
	}
}

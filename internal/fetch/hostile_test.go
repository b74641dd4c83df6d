package fetch

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTextsCountInTheCache: those of headers may be much longer than what was downloaded.
func TestTextsCountInTheCache(t *testing.T) {
	c := newCache(10_000)
	now := time.Unix(1, 0)
	long := strings.Repeat("x", 3000)
	for _, r := range []Resource{{Type: long}, {Name: long}, {FinalURL: long}, {Body: []byte(long)}} {
		for i := range 10 {
			c.put(key{string(rune('a' + i)), 1}, result{resource: r, expires: now.Add(time.Hour)}, now)
		}
		if len(c.byURL) > 3 {
			t.Errorf("%d entries of %.80v", len(c.byURL), r)
		}
	}
	if got := mediaType(http.Header{"Content-Type": {`text/plain; x="` + long + `"`}}); got != "" {
		t.Errorf("a type of %d bytes", len(got))
	}
}

// TestSecondCacheIsNotBelieved: what others wrote there lives no longer than what we write.
func TestSecondCacheIsNotBelieved(t *testing.T) {
	line, _ := json.Marshal(header{Type: "text/plain", Expires: time.Now().AddDate(100, 0, 0)})
	f := New(Options{Store: &shelf{data: map[string][]byte{storeKey("http://x.test/"): append(line, "\nbody"...)}}, TTL: time.Minute})
	defer f.Close()
	r, err := f.Get(t.Context(), "http://x.test/", 100)
	if err != nil || string(r.Body) != "body" {
		t.Fatalf("%q, %v", r.Body, err)
	}
	if left := time.Until(f.cache.byURL["http://x.test/"].Value.(*entry).expires); left > time.Minute {
		t.Errorf("it lives for %v", left)
	}
}

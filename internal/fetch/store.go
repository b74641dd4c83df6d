package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// The second cache must be faster than the download that it spares.
const (
	loadTimeout  = 2 * time.Second
	storeTimeout = 10 * time.Second
	storing      = 8 // downloads that are being kept at the same time; others are not kept
)

// header is what stands before the body in the second cache, as one line of JSON.
type header struct {
	Type    string    `json:"type"`
	URL     string    `json:"url"`
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"`
}

// storeKey hides the address, which may have a password.
func storeKey(address string) string {
	sum := sha256.Sum256([]byte(address))
	return "download-" + hex.EncodeToString(sum[:])
}

// stored looks into the second cache. What cannot be read there is not there.
func (f *Fetcher) stored(ctx context.Context, k key) (result, bool) {
	if f.options.Store == nil || f.options.TTL < 0 {
		return result{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	data, err := f.options.Store.Get(ctx, storeKey(k.url))
	line, body, whole := bytes.Cut(data, []byte("\n"))
	var h header
	if err != nil || !whole || json.Unmarshal(line, &h) != nil || !f.now().Before(h.Expires) {
		return result{}, false
	}
	if latest := f.now().Add(f.options.TTL); h.Expires.After(latest) {
		h.Expires = latest // others write there as well
	}
	return result{resource: Resource{Body: body, Type: h.Type, FinalURL: h.URL, Name: h.Name}, expires: h.Expires}, true
}

// store keeps a download in the second cache. Without success it is downloaded again later.
func (f *Fetcher) store(k key, r result) {
	if f.options.Store == nil || r.err != nil || !f.now().Before(r.expires) {
		return
	}
	select {
	case f.storing <- struct{}{}:
		defer func() { <-f.storing }()
	default:
		return
	}
	line, err := json.Marshal(header{r.resource.Type, r.resource.FinalURL, r.resource.Name, r.expires})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(f.running, storeTimeout)
	defer cancel()
	data := append(append(line, '\n'), r.resource.Body...)
	_ = f.options.Store.Put(ctx, storeKey(k.url), data, r.expires)
}

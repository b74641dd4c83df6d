package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Web asks a web server: GET with the credentials of the client (RFC 7617). 2xx is a yes, 401 and 403 are a no, and with anything
// else, a redirect too, the server has not said.
type Web struct {
	address string
	client  http.Client
	slots   slots
}

const (
	remoteTimeout = 10 * time.Second // of a server or a program that is asked
	remoteAtOnce  = 32               // of its checks
)

// NewWeb asks at an http or https address, which has no user itself.
func NewWeb(address string) (*Web, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("the address cannot be read") // the error would repeat it
	case u.User != nil:
		return nil, errors.New("the address has a user, but the one who logs in is sent there")
	}
	transport := &http.Transport{ // no proxy: the environment does not count
		DialContext: (&net.Dialer{Timeout: remoteTimeout}).DialContext, TLSHandshakeTimeout: remoteTimeout,
		MaxIdleConnsPerHost: remoteAtOnce, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Web{address, http.Client{Transport: transport, CheckRedirect: stay, Timeout: remoteTimeout}, make(slots, remoteAtOnce)}, nil
}

// Check asks the server. Names that it could not be told, since Basic has no way to, are wrong without a question.
func (w *Web) Check(ctx context.Context, user, password string) (bool, error) {
	if !usable(user, password) || !printable(user+password) || strings.Contains(user, ":") {
		return false, nil
	}
	if err := w.slots.take(ctx); err != nil {
		return false, err
	}
	defer w.slots.giveBack()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.address, nil)
	if err != nil {
		return false, err
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("User-Agent", "posthoorn")
	answer, err := w.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which may have a key in it
		}
		return false, fmt.Errorf("the web server that checks logins: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10) // so that the connection can be used again
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return true, nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return false, nil
	default:
		return false, fmt.Errorf("the web server that checks logins answers %d: expected are 2xx, 401 and 403", code)
	}
}

// Close ends idle connections.
func (w *Web) Close() { w.client.CloseIdleConnections() }

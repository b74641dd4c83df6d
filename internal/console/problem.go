package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"posthoorn/internal/broker"
	"posthoorn/internal/outbox"
)

// problem is an answer that says why not.
type problem struct {
	status int
	text   string
	field  string        // of the request, that it is about
	after  time.Duration // when to try again
}

func (p *problem) Error() string { return p.text }

func deny(status int, format string, args ...any) *problem {
	return &problem{status: status, text: fmt.Sprintf(format, args...)}
}

// badField is a request with something in it that makes no sense.
func badField(field, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, field: field, text: fmt.Sprintf(format, args...)}
}

var notBuilt = &problem{status: http.StatusNotImplemented, text: "not built"}

// problemOf is what an error means for who asked.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{outbox.ErrNotOwn, http.StatusBadRequest}, {outbox.ErrBusy, http.StatusConflict},
		{outbox.ErrStopping, http.StatusServiceUnavailable}, {broker.ErrClosed, http.StatusServiceUnavailable},
		{broker.ErrBlocked, http.StatusServiceUnavailable}, {context.Canceled, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, known.err) {
			return deny(known.status, "%v", err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return deny(http.StatusServiceUnavailable, "this took too long and was given up")
	}
	return deny(http.StatusInternalServerError, "%v", err)
}

// send writes the problem.
func (p *problem) send(w http.ResponseWriter) {
	h := w.Header()
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="posthoorn"`)
	}
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.after.Round(time.Second)/time.Second)+1))
	}
	sendJSON(w, p.status, struct {
		Error string `json:"error"`
		Field string `json:"field,omitempty"`
	}{p.text, p.field})
}

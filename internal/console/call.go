package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// call is one request to the API.
type call struct {
	*http.Request
	w      http.ResponseWriter
	peer   netip.Addr
	caller caller
}

// maxBody is what a request may bring. A private key or a message for a test is far smaller.
const maxBody = 256 << 10

// body reads the JSON of a request. That it must be labelled as JSON keeps out forms of other pages.
func (c *call) body(into any) error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return deny(http.StatusUnsupportedMediaType, "the request must be application/json")
	}
	in := json.NewDecoder(http.MaxBytesReader(c.w, c.Body, c.mostBody()))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return badBody(err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return deny(http.StatusBadRequest, "the request has something behind its JSON")
	}
	return nil
}

// A stranger sends a login and nothing else, and holds a place meanwhile that others may need.
const (
	strangerBody = 8 << 10
	strangerTime = 5 * time.Second
)

// mostBody is how long the body may be. That of a stranger has to come at once, too.
func (c *call) mostBody() int64 {
	if c.caller.known {
		return maxBody
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(strangerTime))
	return strangerBody
}

func badBody(err error) *problem {
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return deny(http.StatusRequestEntityTooLarge, "the request is larger than %d bytes", tooBig.Limit)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badField(wrong.Field, "%.40s is no %s", wrong.Value, kindOf(wrong.Type))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field, _ := strconv.Unquote(name)
		return badField(fmt.Sprintf("%.100s", field), "there is no field %.100q", field)
	}
	return deny(http.StatusBadRequest, "the request is no JSON that is understood: %v", err)
}

// kindOf is a type in the words of JSON.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Slice:
		return "list"
	}
	return "object"
}

// empty takes a request that needs to say nothing: no body, or an empty object.
func (c *call) empty() error {
	if c.ContentLength == 0 {
		return nil
	}
	return c.body(&struct{}{})
}

// source is one of our addresses in the query; invalid if there is none.
func (c *call) source() (netip.Addr, error) { return c.address("source") }

func (c *call) address(name string) (netip.Addr, error) {
	text := c.param(name)
	if text == "" {
		return netip.Addr{}, nil
	}
	return addressIn(name, text)
}

// addressIn reads what stands in a field.
func addressIn(field, text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, badField(field, "%.60q is no IP address", text)
	}
	return ip.Unmap(), nil
}

func (c *call) param(name string) string { return c.URL.Query().Get(name) }

// number is a whole number of the query between 1 and most.
func (c *call) number(name string, usual, most int) (int, error) {
	text := c.param(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badField(name, "%.20q is no number from 1 to %d", text, most)
	}
	return n, nil
}

// id is the number of a row in the path.
func (c *call) id() (int64, error) {
	n, err := strconv.ParseInt(c.PathValue("id"), 10, 64)
	if err != nil {
		return 0, deny(http.StatusNotFound, "there is no row %.30q", c.PathValue("id"))
	}
	return n, nil
}

// created is an answer with status 201.
type created struct{ body any }

// accepted is an answer with status 202; what is in it may be one of the others.
type accepted struct{ body any }

// nothing is an answer with status 204.
type nothing struct{}

// sendJSON writes an answer that nobody keeps.
func sendJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, fmt.Appendf(nil, `{"error":%q}`, "the answer cannot be written as JSON")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// answer writes what a handler returned.
func (c *call) answer(body any, err error) {
	if err != nil {
		problemOf(err).send(c.w)
		return
	}
	switch b := body.(type) {
	case nothing:
		c.w.Header().Set("Cache-Control", "no-store")
		c.w.WriteHeader(http.StatusNoContent)
	case accepted:
		if made, ok := b.body.(created); ok {
			b.body = made.body
		}
		sendJSON(c.w, http.StatusAccepted, b.body)
	case created:
		sendJSON(c.w, http.StatusCreated, b.body)
	default:
		sendJSON(c.w, http.StatusOK, body)
	}
}

// limited has ctx end when the request does, its time is over, or the console stops.
func (c *call) limited(ctx context.Context) *call {
	n := *c
	n.Request = c.Request.WithContext(ctx)
	return &n
}

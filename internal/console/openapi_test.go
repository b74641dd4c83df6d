package console

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

func loadDescription(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDescription: every route of the API is described, and nothing else.
func TestDescription(t *testing.T) {
	doc := loadDescription(t)
	var described, built []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+api+path)
		}
	}
	for _, r := range (&Server{scrape: http.NotFoundHandler()}).routes() {
		if strings.HasPrefix(r.path, api) {
			built = append(built, r.method+" "+r.path)
		}
		open := false
		if op := operation(doc, r.method, r.path); op != nil {
			open = op.Security != nil && len(*op.Security) == 0
			if open != (r.who == anybody) {
				t.Errorf("%s %s: its description says open: %v", r.method, r.path, open)
			}
		}
	}
	slices.Sort(described)
	slices.Sort(built)
	for _, name := range built {
		if !slices.Contains(described, name) {
			t.Errorf("%s is not described", name)
		}
	}
	for _, name := range described {
		if !slices.Contains(built, name) {
			t.Errorf("%s is described and is not there", name)
		}
	}
}

func operation(doc *openapi3.T, method, path string) *openapi3.Operation {
	if item := doc.Paths.Value(strings.TrimPrefix(path, api)); item != nil {
		return item.GetOperation(method)
	}
	return nil
}

// validates fails the test when a request or its answer is not as described. path is that of the description.
func (b *browser) validates(doc *openapi3.T, method, path, real string, body any, want int) answered {
	b.t.Helper()
	got := b.do(method, api+real, body)
	got.wants(b.t, want, "%s %s", method, real)
	u, _ := url.Parse(b.url + api + real)
	q := &http.Request{Method: method, URL: u, Header: http.Header{}}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: q, Route: &routers.Route{Spec: doc, Path: path, Method: method, Operation: operation(doc, method, path), PathItem: doc.Paths.Value(path)},
		},
		Status: got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader([]byte(got.body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(b.t.Context(), in); err != nil {
		b.t.Errorf("%s %s: %v\n%s", method, real, err, got.body)
	}
	return got
}

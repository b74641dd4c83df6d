package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxRedirects = 10
	// failureLife is how long a failure is remembered, to spare the far side.
	failureLife = time.Minute
	maxName     = 255
	maxType     = 1000
)

// download asks the server, and tells the log.
func (f *Fetcher) download(ctx context.Context, k key, u *url.URL) result {
	start := f.now()
	r, status := f.request(ctx, k.limit, u)
	if r.err != nil {
		r.expires = f.now().Add(failureLife)
	}
	took, size := f.now().Sub(start), int64(len(r.resource.Body))
	f.meters.downloaded(took, size, r.err)
	f.options.Log(Record{URL: public(u), Start: start, Took: took, Status: status, Bytes: size, Err: r.err})
	return r
}

func (f *Fetcher) request(ctx context.Context, limit int64, u *url.URL) (result, int) {
	failed := func(err error) result { return result{err: failure(public(u), err)} }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return failed(&Error{Reason: ErrForbidden, Cause: errNotURL}), 0
	}
	req.Header.Set("User-Agent", f.options.UserAgent)
	req.Header.Set("Accept", "*/*")
	answer, err := f.client.Do(req)
	status := 0
	if answer != nil {
		status = answer.StatusCode
		defer answer.Body.Close()
	}
	if err == nil {
		err = judge(answer)
	}
	if err != nil {
		return failed(err), status
	}
	body, err := read(answer, limit)
	if err != nil {
		return failed(err), status
	}
	return result{
		resource: Resource{Body: body, Type: mediaType(answer.Header), FinalURL: public(answer.Request.URL), Name: name(answer)},
		expires:  f.now().Add(life(answer.Header, f.options.TTL, f.now())),
	}, status
}

// redirect follows up to ten redirects, to addresses that could be asked for as well. The dialer judges where they lead.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return &Error{Reason: ErrRefused, Cause: errRedirects}
	}
	if err := allowed(req.URL); err != nil {
		return &Error{Reason: ErrForbidden, Cause: fmt.Errorf("redirect: %w", err)}
	}
	req.Header.Del("Referer") // nobody is told which address led to him
	return nil
}

// judge says what an answer other than 200 means: that of a server which is overloaded, broken or slow may be another the
// next time.
func judge(answer *http.Response) error {
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return &Error{Reason: ErrTimeout, Status: status}
	default:
		return &Error{Reason: ErrRefused, Status: status}
	}
}

// read reads a body, unpacked by the transport, up to the limit and no further.
func read(answer *http.Response, limit int64) ([]byte, error) {
	if answer.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case int64(len(body)) > limit:
		return nil, tooLarge(limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("it ended early")
	}
	return body, err
}

// mediaType is the Content-Type in its plain form, or nothing if it has none.
func mediaType(h http.Header) string {
	t, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	if t = mime.FormatMediaType(t, params); len(t) > maxType {
		return ""
	}
	return t
}

// name is the name of the file: that of Content-Disposition (RFC 6266), else the end of the path.
func name(answer *http.Response) string {
	_, params, _ := mime.ParseMediaType(answer.Header.Get("Content-Disposition"))
	if n := fileName(params["filename"]); n != "" {
		return n
	}
	return fileName(answer.Request.URL.Path)
}

// fileName is the last part of a path, if it can be the name of a file.
func fileName(s string) string {
	s = path.Base(strings.ReplaceAll(strings.ToValidUTF8(s, "_"), `\`, "/"))
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, s))
	if s == "." || s == ".." || s == "/" || len(s) > maxName {
		return ""
	}
	return s
}

// life is how long an answer may be kept (RFC 9111 section 5): what its headers say, and the limit at most.
func life(h http.Header, limit time.Duration, now time.Time) time.Duration {
	own, said := age(h)
	switch expires := h.Get("Expires"); {
	case h.Get("Vary") == "*":
		return 0
	case !said && expires != "":
		own, said = 0, true
		if t, err := http.ParseTime(expires); err == nil {
			date, err := http.ParseTime(h.Get("Date"))
			if err != nil {
				date = now
			}
			own = t.Sub(date)
		}
	}
	if said {
		old, _ := strconv.Atoi(h.Get("Age"))
		limit = min(limit, own-time.Duration(max(old, 0))*time.Second)
	}
	return max(limit, 0)
}

// age reads Cache-Control as a cache that serves several: s-maxage counts more than max-age.
func age(h http.Header) (own time.Duration, said bool) {
	shared := false
	for part := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		word, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch word = strings.ToLower(word); word {
		case "no-store", "no-cache", "private":
			return 0, true
		case "max-age", "s-maxage":
			n, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
			if err != nil {
				n = 0 // RFC 9111 section 4.2.1: what cannot be read is stale
			}
			if word == "s-maxage" || !shared {
				own, said = time.Duration(n)*time.Second, true
			}
			shared = shared || word == "s-maxage"
		}
	}
	return own, said
}

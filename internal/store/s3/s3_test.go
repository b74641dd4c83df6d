package s3

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"posthoorn/internal/store"
	"posthoorn/internal/store/storetest"
	"posthoorn/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	server := testbed.VersityGW(t)
	storetest.Run(t, func(t *testing.T) storetest.Place {
		proxy := testbed.StartProxy(t, server.Addr())
		bucket := server.NewBucket(t)
		return storetest.Place{
			Address:  address(proxy.Addr(), bucket),
			Password: testbed.S3Password, Open: Open, Large: 8 << 20,
			Count: func(t *testing.T) int { return server.Objects(t, bucket) },
			Down:  func(*testing.T) { server.Kill() }, Up: func(t *testing.T) { server.Start(t) },
			Freeze: func(*testing.T) { proxy.Blackhole(true) }, Continue: func(*testing.T) { proxy.Blackhole(false) },
		}
	})
}

func address(addr, bucket string) string {
	return "s3://" + testbed.S3User + ":" + testbed.S3Password + "@" + testbed.S3Region + "/" + bucket + "?endpoint=" + url.QueryEscape("http://"+addr)
}

func open(t *testing.T, address string, o store.Options) *store.Store {
	t.Helper()
	a, err := store.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Another program stores its own, with names of its own, and sees ours.
func TestForeign(t *testing.T) {
	server := testbed.VersityGW(t)
	name := server.NewBucket(t)
	text := address(server.Addr(), name)
	s := open(t, text, store.Options{})
	a, err := store.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	other := client(a, transport(1))
	key, header := "2026/11/a b.eml", "gzip, aws-chunked"
	in := &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(new(store.Codec).Compress([]byte("theirs"))), ContentEncoding: &header}
	if _, err := other.PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if data, err := s.Get(t.Context(), key); string(data) != "theirs" || err != nil {
		t.Errorf("have %q, %v", data, err)
	}
	if _, err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), key); err != nil {
		t.Error("what has no expiry was removed")
	}

	ours, expire := "ours/1", time.Now().Add(time.Hour)
	if err := s.Put(t.Context(), ours, []byte("x"), expire); err != nil {
		t.Fatal(err)
	}
	head, err := other.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &ours})
	if err != nil || head.Metadata["posthoorn-expire"] != expire.UTC().Format(time.RFC3339) {
		t.Errorf("have %v, %v", head.Metadata, err)
	}
}

func TestWrongPlace(t *testing.T) {
	server := testbed.VersityGW(t)
	name := server.NewBucket(t)
	for what, text := range map[string]string{
		"no such bucket": address(server.Addr(), "nowhere"),
		"wrong password": strings.Replace(address(server.Addr(), name), testbed.S3Password, "geheim", 1),
		"wrong login":    strings.Replace(address(server.Addr(), name), testbed.S3User, "nobody", 1),
	} {
		s := open(t, text, store.Options{})
		_, err := s.Get(t.Context(), "key")
		for _, err := range []error{err, s.Put(t.Context(), "key", []byte("x"), time.Now().Add(time.Hour))} {
			if err == nil || errors.Is(err, store.ErrNotFound) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), testbed.S3Password) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// A server that answers wrongly never makes a message empty, short or missing.
func TestStrangeServer(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page that is no answer": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>not here</html>", http.StatusNotFound)
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"busy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			s := open(t, address(strings.TrimPrefix(server.URL, "http://"), "bucket"), store.Options{MaxSize: 1 << 20})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			data, err := s.Get(ctx, "key")
			if err == nil || errors.Is(err, store.ErrNotFound) {
				t.Errorf("have %.20q, %v", data, err)
			}
			if name == "endless" != errors.Is(err, store.ErrTooLarge) {
				t.Errorf("have %v", err)
			}
		})
	}
}

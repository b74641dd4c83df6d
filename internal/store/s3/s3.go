// Package s3 is a message store in a bucket of Amazon S3 or of another server that speaks its protocol (storage.md section 7). An
// object has the name of the key. A key that servers are known to take for a path, or to refuse, has the SHA-256 of it in hex
// instead: one with empty parts, . or .. between its slashes, with control characters, backslashes or a part of over 255 bytes.
// Content-Encoding is gzip when the data is compressed. When it expires is in the metadata, posthoorn-expire, as in RFC 3339; what
// has none stays.
//
// Our sweep asks for the metadata of every object of the bucket, once an hour, one after the other. In large buckets a lifecycle rule
// of the server is cheaper.
//
// It starts no goroutine of its own; those of the HTTP client end with their connections.
package s3

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"posthoorn/internal/store"
)

// bucket is the store.Engine.
type bucket struct {
	client    *s3.Client
	transport *http.Transport
	name      string
	codec     store.Codec
}

var _ store.Engine = (*bucket)(nil)

// expireField of the metadata; the protocol puts x-amz-meta- before it.
const expireField = "posthoorn-expire"

// Open returns the store at an address. No server is called.
func Open(a store.Address, o store.Options) (*store.Store, error) {
	o = o.WithDefaults()
	b := &bucket{name: a.Bucket, codec: store.Codec{Gzip: a.Gzip}, transport: transport(o.Threads + 1)} // one more than calls: the sweep
	b.client = client(a, b.transport)
	return store.New(a.String(), b, o), nil
}

func client(a store.Address, t *http.Transport) *s3.Client {
	settings := s3.Options{
		Region:      a.Region,
		Credentials: credentials.NewStaticCredentialsProvider(a.User, a.Secret(), ""),
		HTTPClient:  &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		// Other servers do not know all checksums. The signature covers the body.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if a.Endpoint != "" {
		settings.BaseEndpoint, settings.UsePathStyle = &a.Endpoint, true
	}
	return s3.New(settings)
}

// transport takes no proxy from the environment, and leaves data as it is.
func transport(connections int) *http.Transport {
	return &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true,
	}
}

func (*bucket) Every() time.Duration { return time.Hour }

func (b *bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: aws.String(object(key))})
	return err
}

// Sweep goes through the whole bucket. What it cannot look at or remove does not keep it from the rest; the first such error is
// returned.
func (b *bucket) Sweep(ctx context.Context, now time.Time) (removed int, first error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return removed, cmp.Or(first, err)
		}
		for _, found := range page.Contents {
			gone, err := b.sweep(ctx, aws.ToString(found.Key), now)
			if gone {
				removed++
			}
			if err != nil && first == nil {
				first = err
			}
			if ctx.Err() != nil {
				return removed, context.Cause(ctx)
			}
		}
	}
	return removed, first
}

// sweep looks at one object.
func (b *bucket) sweep(ctx context.Context, name string, now time.Time) (gone bool, err error) {
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &name})
	if missing(err) {
		return false, nil // another instance was quicker
	}
	if err != nil {
		return false, err
	}
	expire, err := time.Parse(time.RFC3339, head.Metadata[expireField])
	if err != nil || now.Before(expire) {
		return false, nil
	}
	_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &name})
	return err == nil, err
}

package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"posthoorn/internal/store"
)

// longestPart of a name between slashes, which servers that keep objects in files can take.
const longestPart = 255

// object is the name of the object of a key.
func object(key string) string {
	plain := !strings.ContainsRune(key, '\\') && !strings.ContainsFunc(key, unicode.IsControl)
	for part := range strings.SplitSeq(key, "/") {
		plain = plain && part != "" && part != "." && part != ".." && len(part) <= longestPart
	}
	if plain {
		return key
	}
	hash := sha256.Sum256([]byte(key))
	return hex.EncodeToString(hash[:])
}

func (b *bucket) Get(ctx context.Context, key string, limit int) ([]byte, error) {
	found, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(object(key))})
	if missing(err) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Body.Close() }()
	size := aws.ToInt64(found.ContentLength)
	if size > int64(limit) {
		return nil, store.TooLarge(int(size), limit)
	}
	stored, err := io.ReadAll(io.LimitReader(found.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, err
	case found.ContentLength != nil && int64(len(stored)) != size:
		return nil, fmt.Errorf("%d bytes came of %d", len(stored), size)
	}
	return b.codec.Decode(stored, encoding(found.ContentEncoding, stored), limit)
}

// encoding is Content-Encoding, without what tools add that say how they have uploaded. Servers and proxies that decompress on the
// way, or keep the header of an object that was overwritten, are found out.
func encoding(header *string, stored []byte) string {
	var words []string
	for word := range strings.SplitSeq(aws.ToString(header), ",") {
		if word = strings.TrimSpace(word); word != "" && word != "aws-chunked" {
			words = append(words, word)
		}
	}
	if encoding := strings.Join(words, ","); encoding != store.Gzip || bytes.HasPrefix(stored, []byte{0x1f, 0x8b}) {
		return encoding
	}
	return store.Identity
}

func (b *bucket) Put(ctx context.Context, key string, data []byte, expire time.Time) error {
	stored, encoding := b.codec.Encode(data)
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String(object(key)), Body: bytes.NewReader(stored), ContentLength: aws.Int64(int64(len(stored))),
		Metadata: map[string]string{expireField: expire.UTC().Format(time.RFC3339)},
	}
	if encoding == store.Gzip {
		in.ContentEncoding = &encoding
	}
	_, err := b.client.PutObject(ctx, in)
	return err
}

// missing says that the bucket answered, and has no such object. A bucket that is missing is another thing.
func missing(err error) bool {
	var get *types.NoSuchKey
	var head *types.NotFound
	return errors.As(err, &get) || errors.As(err, &head)
}

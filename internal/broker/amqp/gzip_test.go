package amqp

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"testing"
)

func compressed(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCodec(t *testing.T) {
	c := codec{max: 6 << 20}
	for _, size := range []int{0, 1, 1000, 3 << 20} {
		body := bytes.Repeat([]byte(`{"a": "b"}`), size/10+1)[:size]
		small, err := c.compress(body)
		if err != nil {
			t.Fatal(err)
		}
		back, err := c.expand(small)
		if err != nil || !bytes.Equal(back, body) {
			t.Errorf("%d bytes came back as %d: %v", size, len(back), err)
		}
	}
	good := compressed(t, []byte("hello, this is a body"))
	for name, bad := range map[string][]byte{
		"empty": nil, "no gzip": []byte("{}"), "cut": good[:len(good)-3], "damaged": append(bytes.Clone(good[:len(good)-5]), 1, 2, 3, 4, 5),
		"bomb":  compressed(t, make([]byte, 32<<20)),
		"large": compressed(t, randomBytes(c.max+1)),
	} {
		if _, err := c.expand(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := c.expand(compressed(t, make([]byte, ratioFree))); err != nil {
		t.Errorf("small body of one letter: %v", err)
	}
}

// randomBytes compresses badly enough to pass the ratio.
func randomBytes(n int64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < len(b); i += 16 {
		b[i] = byte(r.Uint32())
	}
	return b
}

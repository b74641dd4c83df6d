package testbed

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The login of VersityGW.
const (
	S3User     = "posthoorn"
	S3Password = "s3cr/t+x="
	S3Region   = "eu-west-1"
)

// VersityGW starts a server of the protocol of Amazon S3 over files of this machine; it ends with the test.
func VersityGW(t testing.TB) *StoreServer {
	t.Helper()
	return startStoreServer(t, "versitygw", func(s *StoreServer) []string {
		for _, folder := range []string{"buckets", "metadata"} {
			if err := os.Mkdir(filepath.Join(s.dir, folder), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		s.env = []string{"ROOT_ACCESS_KEY=" + S3User, "ROOT_SECRET_KEY=" + S3Password}
		return []string{"--port=" + s.Addr(), "--region=" + S3Region, "--quiet", "--keep-alive", "posix", "--sidecar=" + s.dir + "/metadata", s.dir + "/buckets"}
	})
}

// NewBucket makes an empty bucket of VersityGW and returns its name.
func (s *StoreServer) NewBucket(t testing.TB) string {
	t.Helper()
	name := s.NewName()
	if err := os.Mkdir(s.bucket(name), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// Objects counts what is in a bucket.
func (s *StoreServer) Objects(t testing.TB, bucket string) (n int) {
	t.Helper()
	err := filepath.WalkDir(s.bucket(bucket), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *StoreServer) bucket(name string) string { return filepath.Join(s.dir, "buckets", name) }

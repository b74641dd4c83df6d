package testbed

import "testing"

// FerretDB starts a server that speaks the protocol of MongoDB and keeps its documents in SQLite; it ends with the test. It has no
// login, and does not remove by itself what has expired. flags are further ones of its command line.
func FerretDB(t testing.TB, flags ...string) *StoreServer {
	t.Helper()
	return startStoreServer(t, "ferretdb", func(s *StoreServer) []string {
		return append([]string{
			"--handler=sqlite", "--sqlite-url=file:" + s.dir + "/", "--state-dir=" + s.dir, "--listen-addr=" + s.Addr(), "--debug-addr=-",
			"--telemetry=disable", "--log-level=ERROR",
		}, flags...)
	})
}

package testbed_test

import (
	"net/http"
	"testing"

	"posthoorn/internal/testbed"
)

func TestStoreServers(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *testbed.StoreServer{
		"FerretDB": func(t testing.TB) *testbed.StoreServer { return testbed.FerretDB(t) }, "VersityGW": testbed.VersityGW,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			addr := s.Addr()
			for range 2 {
				s.Kill()
				if _, err := http.Get("http://" + addr); err == nil {
					t.Error("it answers after it was killed")
				}
				s.Start(t)
				if s.Addr() != addr {
					t.Errorf("it moved to %s", s.Addr())
				}
			}
		})
	}
}

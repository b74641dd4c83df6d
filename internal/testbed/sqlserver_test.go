package testbed_test

import (
	"strings"
	"testing"
	"time"

	"posthoorn/internal/testbed"
)

func TestSQLServers(t *testing.T) {
	var shared testbed.SharedSQL
	defer shared.Close()
	for name, get := range map[string]func(testing.TB) *testbed.SQLServer{"PostgreSQL": shared.PostgreSQL, "MariaDB": shared.MariaDB} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			s := get(t)
			t.Logf("started in %v", time.Since(begin))
			if get(t) != s {
				t.Fatal("a second server was started")
			}
			db := s.NewDatabase(t)
			s.Query(t, db, "CREATE TABLE kept (word varchar(20)); INSERT INTO kept VALUES ('hällo');")
			s.Kill()
			s.Start(t)
			if out := s.Query(t, db, "SELECT word, 1 FROM kept;"); strings.TrimSpace(out) != "hällo\t1" {
				t.Errorf("after a restart: %q", out)
			}
		})
	}
}

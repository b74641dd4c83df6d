package testbed

import (
	"fmt"
	"os"
	"syscall"
)

func newMariaDB() (*SQLServer, error) {
	s := &SQLServer{
		scheme: "mysql", user: "mysql", password: "MYSQL_PWD", quit: syscall.SIGTERM,
		install: func(s *SQLServer) ([]string, error) {
			fill, err := need("mariadb-server", "mariadb-install-db")
			if err != nil {
				return nil, err
			}
			login := "CREATE USER IF NOT EXISTS '" + sqlUser + "'@'%' IDENTIFIED BY '" + sqlPassword + "';\nGRANT ALL ON *.* TO '" + sqlUser + "'@'%';\n"
			if err := os.WriteFile(s.dir+"/login.sql", []byte(login), 0o644); err != nil {
				return nil, err
			}
			return []string{fill, "--no-defaults", "--datadir=" + s.dir + "/data", "--tmpdir=" + s.dir, "--skip-test-db", "--skip-name-resolve", "--innodb-flush-method=nosync", "--innodb-log-file-size=4M"}, nil
		},
		daemon: func(s *SQLServer) ([]string, error) {
			server, err := need("mariadb-server", "/usr/sbin/mariadbd", "mariadbd")
			return []string{
				server, "--no-defaults", "--datadir=" + s.dir + "/data", "--tmpdir=" + s.dir, "--init-file=" + s.dir + "/login.sql",
				"--bind-address=127.0.0.1", fmt.Sprint("--port=", s.port), "--socket=" + s.dir + "/socket", "--pid-file=" + s.dir + "/pid",
				"--skip-name-resolve", "--skip-log-bin", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2",
				"--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--max-connections=40",
				// What a stranger may have, and the program must not depend on.
				"--character-set-server=latin1", "--default-time-zone=+09:00", "--sql-mode=",
			}, err
		},
		client: func(s *SQLServer, database string) []string {
			return []string{
				"mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4",
				"--host=127.0.0.1", fmt.Sprint("--port=", s.port), "--user=" + sqlUser, "--database=" + database,
			}
		},
	}
	return s.create()
}

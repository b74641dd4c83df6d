package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// newPostgreSQL is a server of the newest version that Debian has installed.
func newPostgreSQL() (*SQLServer, error) {
	// That in the path is a script of Debian which finds this one, slowly.
	psql, err := postgresProgram("psql")
	if err != nil {
		return nil, err
	}
	s := &SQLServer{
		scheme: "postgresql", user: "postgres", password: "PGPASSWORD", quit: syscall.SIGINT,
		install: func(s *SQLServer) ([]string, error) {
			initdb, err := postgresProgram("initdb")
			if err != nil {
				return nil, err
			}
			secret := s.dir + "/password"
			if err := os.WriteFile(secret, []byte(sqlPassword+"\n"), 0o644); err != nil {
				return nil, err
			}
			return []string{
				initdb, "--pgdata", s.dir + "/data", "--no-sync", "--encoding", "UTF8", "--no-locale",
				"--username", sqlUser, "--auth", "scram-sha-256", "--pwfile", secret,
			}, nil
		},
		daemon: func(s *SQLServer) ([]string, error) {
			server, err := postgresProgram("postgres")
			words := []string{server, "-D", s.dir + "/data"}
			for _, setting := range []string{
				"listen_addresses=127.0.0.1", fmt.Sprint("port=", s.port), "unix_socket_directories=" + s.dir, "fsync=off",
				"full_page_writes=off", "shared_buffers=16MB", "dynamic_shared_memory_type=mmap", "max_connections=40", "autovacuum=off",
				"timezone=Asia/Tokyo", // not that of the program
			} {
				words = append(words, "-c", setting)
			}
			return words, err
		},
		client: func(s *SQLServer, database string) []string {
			if database == "" {
				database = "postgres"
			}
			return []string{
				psql, "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
				"-h", "127.0.0.1", "-p", fmt.Sprint(s.port), "-U", sqlUser, "-d", database,
			}
		},
	}
	return s.create()
}

// postgresProgram is a program of the server, which Debian keeps out of the path, in a folder for each version.
func postgresProgram(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err == nil && len(found) > 0 {
		return found[len(found)-1], nil
	}
	return need("postgresql", name)
}

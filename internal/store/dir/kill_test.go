package dir

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"posthoorn/internal/store"
)

// killed is the variable of the environment that makes this program put values into that folder until it is killed.
const killed = "POSTHOORN_TEST_PUT_INTO"

func TestMain(m *testing.M) {
	if path := os.Getenv(killed); path != "" {
		putForever(path)
	}
	goleak.VerifyTestMain(m)
}

// putForever prints the key of each value that is in the store.
func putForever(path string) {
	a, err := store.ParseAddress("dir://" + path)
	if err != nil {
		panic(err)
	}
	s, err := Open(a, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	for random := rand.New(rand.NewPCG(1, uint64(os.Getpid()))); ; {
		data := make([]byte, random.IntN(200_000))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		hash := sha256.Sum256(data)
		key := hex.EncodeToString(hash[:16])
		if err := s.Put(context.Background(), key, data, time.Now().Add(time.Hour)); err != nil {
			panic(err)
		}
		fmt.Println(key)
	}
}

// However a writer ends: what Put has said yes to is there, and what is there is whole.
func TestKill(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	s := open(t, root, "")
	random, confirmed := rand.New(rand.NewPCG(1, 2)), 0
	for range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killed+"="+root)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		var keys []string
		for n := 1 + random.IntN(8); len(keys) < n && lines.Scan(); {
			keys = append(keys, lines.Text())
		}
		time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
		must(t, cmd.Process.Kill())
		for lines.Scan() {
			keys = append(keys, lines.Text())
		}
		_ = cmd.Wait()
		for _, key := range keys {
			_, err := s.Get(t.Context(), key)
			must(t, err)
		}
		confirmed += len(keys)
	}
	whole := 0
	for _, name := range files(t, root) {
		key := filepath.Base(name)
		if strings.HasPrefix(key, temporary) {
			continue
		}
		data, err := s.Get(t.Context(), key)
		must(t, err)
		if hash := sha256.Sum256(data); hex.EncodeToString(hash[:16]) != key {
			t.Errorf("%s has %d wrong bytes", key, len(data))
		}
		whole++
	}
	if confirmed == 0 || whole < confirmed {
		t.Errorf("%d values were confirmed, %d are there", confirmed, whole)
	}
}

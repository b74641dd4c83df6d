package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// File has a line user:hash for each user, with a hash of crypt(3). Empty lines and those that begin with # are skipped, as is
// what follows behind one more colon. It is read again when it has changed.
type File struct {
	path   string
	log    *slog.Logger
	hashes hashes
	seed   maphash.Seed
	slots  slots // as many checks as processors: a hash is made to be slow, and may be made to need memory

	mu   sync.Mutex
	seen os.FileInfo // of what users was read from; nil: read again
	read time.Time
	sum  uint64 // of its text
	list userList
}

// userList is one reading of the file; it never changes.
type userList struct {
	hashes map[string]string // by user
	names  []string          // the keys, in the order of the file
}

const maxFile = 16 << 20

// NewFile reads the file. Lines that make no sense are in the log, those of them alone.
func NewFile(path string, log *slog.Logger) (*File, error) {
	h, err := newHashes()
	if err != nil {
		return nil, err
	}
	f := &File{path: path, log: cmp.Or(log, slog.Default()), hashes: h, seed: maphash.MakeSeed(), slots: make(slots, runtime.GOMAXPROCS(0))}
	_, err = f.users()
	return f, err
}

// Check looks the user up. The work for one that does not exist is that for one of the others, always the same one.
func (f *File) Check(ctx context.Context, user, password string) (bool, error) {
	list, err := f.users()
	if err != nil {
		return false, err
	}
	if !usable(user, password) || len(list.names) == 0 {
		return false, nil
	}
	hash, known := f.pick(list, user)
	if err := f.slots.take(ctx); err != nil {
		return false, err
	}
	defer f.slots.giveBack()
	d, err := f.hashes.parse(hash)
	return err == nil && d.Match(password) && known, nil
}

// pick is the hash to compare with: that of the user, or, for a user who is not known, the one of another.
func (f *File) pick(list userList, user string) (hash string, known bool) {
	if hash, known = list.hashes[user]; known {
		return hash, true
	}
	return list.hashes[list.names[maphash.String(f.seed, user)%uint64(len(list.names))]], false
}

// users is the list as the file has it now.
func (f *File) users() (userList, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	if err != nil {
		return userList{}, err
	}
	if f.seen != nil && f.same(now) {
		return f.list, nil
	}
	text, err := f.text()
	if err != nil {
		f.seen = nil
		return userList{}, err
	}
	if sum := maphash.Bytes(f.seed, text); f.seen == nil || sum != f.sum {
		f.list, f.sum = f.parse(string(text)), sum
	}
	f.seen, f.read = now, time.Now()
	return f.list, nil
}

func (f *File) text() ([]byte, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d MB", f.path, maxFile>>20)
	}
	return text, err
}

// same says that nothing has been written since the file was read. Times of files are coarse: what was read within moments of
// being written may have been written again.
func (f *File) same(now os.FileInfo) bool {
	const coarse = time.Second
	return os.SameFile(f.seen, now) && f.seen.Size() == now.Size() && f.seen.ModTime().Equal(now.ModTime()) &&
		(f.read.Sub(now.ModTime()) > coarse || time.Since(f.read) < coarse)
}

func (f *File) parse(text string) userList {
	list := userList{hashes: map[string]string{}}
	number, bad := 0, 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := f.add(&list, line); err != nil {
			if bad++; bad <= 10 {
				f.log.Warn("a line of the file with the logins is not used", "file", f.path, "line", number, "error", err)
			}
		}
	}
	if bad > 10 {
		f.log.Warn("more lines of the file with the logins are not used", "file", f.path, "lines", bad-10)
	}
	return list
}

func (f *File) add(list *userList, line string) error {
	user, rest, ok := strings.Cut(line, ":")
	hash, _, _ := strings.Cut(rest, ":")
	switch {
	case !ok || user == "":
		return errors.New("it is not user:hash")
	case list.hashes[user] != "":
		return errors.New("the user has a line before this one")
	}
	if _, err := f.hashes.parse(hash); err != nil {
		return err
	}
	list.hashes[user] = hash
	list.names = append(list.names, user)
	return nil
}

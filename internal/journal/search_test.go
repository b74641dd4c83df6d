package journal

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var logStart = time.Date(2031, 5, 4, 9, 0, 0, 0, time.UTC)

// binaryLine is a line of send.bin, the ith second.
func binaryLine(i int, recipient, state, text string) string {
	at := logStart.Add(time.Duration(i) * time.Second).Format(dateFormat)
	return fmt.Sprintf(`{"time":%q,"attempt":1,"email":{"envelope":"Ann@shop.test","recipient":%q,"tags":["bulk","May"],"message-id":"id%d"},"result":{"state":%q,"result":"error","code":550,"from":"192.0.2.1","to":"198.51.100.7","description":%q}}`+"\n", at, recipient, i, state, text)
}

// form is how a file of a log is kept.
type form int

const (
	asItIs    form = iota
	packed         // by ourselves, in members
	packedOut      // by another program
)

func always(f form) func(int) form { return func(int) form { return f } }

// pack compresses a file of a log.
func pack(t *testing.T, f form, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if f == packed {
		if err := packMembers(&b, bytes.NewReader(data), longLine); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// writeLog lays out lines as a log with old files: each volume has so many lines, oldest first.
func writeLog(t *testing.T, path string, lines []string, volumes []int, of func(int) form) {
	t.Helper()
	for i, n := range volumes {
		data := []byte(strings.Join(lines[:n], ""))
		lines = lines[n:]
		name := numbered(path, i+1)
		if i == len(volumes)-1 {
			name = path
		} else if f := of(i); f != asItIs {
			name, data = name+gzipped, pack(t, f, data)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// all reads page after page.
func all(t *testing.T, path string, binary bool, q Query) (ids []string) {
	t.Helper()
	held := &scans{}
	for range 10_000 {
		p, err := search(t.Context(), path, binary, q, held)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Lines) > max(q.Limit, 100) {
			t.Fatalf("%d lines on a page", len(p.Lines))
		}
		for _, l := range p.Lines {
			ids = append(ids, string(l.JSON)+l.Text)
		}
		if q.Cursor = p.Cursor; q.Cursor == "" {
			return ids
		}
	}
	t.Fatal("no end")
	return nil
}

// Whatever the sizes of lines, files and pages: every line is found once, the newest first.
func TestSearchFindsEveryLineOnce(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		path := filepath.Join(t.TempDir(), "send.bin")
		var lines, want []string
		var volumes []int
		for range 1 + r.IntN(5) {
			n := r.IntN(60)
			for range n {
				text := strings.Repeat("x", r.IntN(100))
				if r.IntN(60) == 0 {
					text = strings.Repeat("y", r.IntN(700_000))
				}
				recipient := []string{"bob@a.test", "Carol@b.test"}[r.IntN(2)]
				line := binaryLine(len(lines), recipient, "rcptto", text)
				lines = append(lines, line)
				if recipient == "Carol@b.test" {
					want = append(want, strings.TrimSuffix(line, "\n"))
				}
			}
			volumes = append(volumes, n)
		}
		writeLog(t, path, lines, volumes, func(int) form { return form(r.IntN(3)) })
		slices.Reverse(want)
		if got := all(t, path, true, Query{Recipient: "carol@", Limit: 1 + r.IntN(50)}); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d lines, want %d", seed, len(got), len(want))
		}
	}
}

func TestSearchFilters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	lines := []string{
		binaryLine(0, "bob@a.test", "rcptto", "no such user"),
		binaryLine(60, "bob@b.test", "message", `he said "Füße" <here>`),
		"not JSON at all\n", "\n", strings.Repeat("z", longLine+10) + "\n",
		`{"time":"2031-05-04 09:05:00","report":true,"json":{"recipient":"desk@shop.test","envelope":"x@y.test","message-id":"77","connection":{"local-ip":"192.0.2.2","remote-ip":"203.0.113.1"}}}` + "\n",
	}
	writeLog(t, path, lines, []int{len(lines)}, nil)
	for _, c := range []struct {
		name string
		q    Query
		want string // the lines, by their places
	}{
		{"all", Query{}, "5 1 0"},
		{"recipient", Query{Recipient: "BOB"}, "1 0"},
		{"envelope", Query{Envelope: "ann@SHOP"}, "1 0"},
		{"domain", Query{Domain: "b.test"}, "1"},
		{"no part of a domain", Query{Domain: "test"}, ""},
		{"source", Query{Source: "192.0.2.1"}, "1 0"},
		{"remote of a reception", Query{Remote: "203.0.113.1"}, "5"},
		{"state", Query{State: "rcptto", Result: "error"}, "0"},
		{"code", Query{Code: 550}, "1 0"}, {"other code", Query{Code: 551}, ""},
		{"tag", Query{Tag: "may"}, "1 0"}, {"no part of a tag", Query{Tag: "ma"}, ""},
		{"id", Query{ID: "id60"}, "1"},
		{"text", Query{Text: "SUCH user"}, "0"},
		{"text that JSON escapes", Query{Text: `"füße" <`}, "1"}, {"with other words", Query{Text: `"füße" >`}, ""},
		{"from", Query{From: logStart.Add(30 * time.Second)}, "5 1"},
		{"until", Query{Until: logStart.Add(30 * time.Second)}, "0"},
		{"two", Query{Recipient: "bob", Domain: "a.test"}, "0"},
	} {
		var got []string
		for _, line := range all(t, path, true, c.q) {
			got = append(got, fmt.Sprint(slices.Index(lines, line+"\n")))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestSearchEndsAtItsTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	var lines []string
	for i := range 5000 {
		lines = append(lines, binaryLine(i*60, "bob@a.test", "rcptto", strings.Repeat("x", 500)))
	}
	writeLog(t, path, lines, []int{2500, 2500}, always(asItIs))
	p, err := search(t.Context(), path, true, Query{From: logStart.Add(4999*time.Minute - time.Second)}, &scans{})
	if err != nil || len(p.Lines) != 1 || p.Cursor != "" || p.Scanned > 2*chunk {
		t.Errorf("%v, %d lines, cursor %q, %d bytes", err, len(p.Lines), p.Cursor, p.Scanned)
	}
}

// What is older or newer than anything wanted is not unpacked.
func TestSearchOfCompressedFilesEndsAtItsTime(t *testing.T) {
	var lines []string
	for i := range 4000 {
		lines = append(lines, binaryLine(i*60, "bob@a.test", "rcptto", strings.Repeat("x", 500)))
	}
	size := int64(len(lines[0]))
	for _, f := range []form{packed, packedOut} {
		path := filepath.Join(t.TempDir(), "send.bin")
		writeLog(t, path, lines, []int{1000, 1000, 1000, 1000}, always(f))
		q := Query{From: logStart.Add(2900*time.Minute - time.Second), Limit: 2000}
		p, err := search(t.Context(), path, true, q, &scans{})
		if err != nil || len(p.Lines) != 1100 || p.Cursor != "" || !p.Complete || p.Scanned > 2100*size {
			t.Errorf("%v, %d lines, cursor %q, %d bytes", err, len(p.Lines), p.Cursor, p.Scanned)
		}
		q.Limit = 70
		if got := all(t, path, true, q); len(got) != 1100 {
			t.Errorf("%d lines in pages", len(got))
		}
		p, err = search(t.Context(), path, true, Query{From: logStart, Until: logStart.Add(2*time.Minute + time.Second)}, &scans{})
		if err != nil || len(p.Lines) != 3 || p.Cursor != "" || p.Scanned > 1100*size {
			t.Errorf("an old one: %v, %d lines, cursor %q, %d bytes", err, len(p.Lines), p.Cursor, p.Scanned)
		}
	}
}

// Long lines make short pages.
func TestPagesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	var lines []string
	for i := range 24 {
		lines = append(lines, binaryLine(i, "bob@a.test", "rcptto", strings.Repeat("x", 1<<20)))
	}
	writeLog(t, path, lines, []int{10, 10, 4}, func(i int) form { return packed + form(i) })
	var got int
	for q := (Query{}); ; {
		p, err := search(t.Context(), path, true, q, &scans{})
		if err != nil || len(p.Lines) > maxPage>>20+1 {
			t.Fatalf("%v, %d lines on a page", err, len(p.Lines))
		}
		for _, l := range p.Lines {
			if got++; string(l.JSON)+"\n" != lines[len(lines)-got] {
				t.Fatalf("line %d is another one", got)
			}
		}
		if q.Cursor = p.Cursor; q.Cursor == "" {
			break
		}
		if !p.Complete {
			t.Error("a full page is not complete")
		}
	}
	if got != len(lines) {
		t.Errorf("%d lines", got)
	}
}

// ending is a context that ends when it was asked so many times.
type ending struct {
	context.Context
	left int
}

func (c *ending) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// However little time there is for a search: it goes on where it stopped, also within a compressed file, and nothing is read twice.
func TestSearchThatRunsOutOfTime(t *testing.T) {
	var lines []string
	for i := range 3003 {
		lines = append(lines, binaryLine(i, "bob@a.test", "rcptto", strings.Repeat("x", i%1000)))
	}
	size := int64(len(strings.Join(lines, "")))
	for _, f := range []form{asItIs, packed, packedOut} {
		path := filepath.Join(t.TempDir(), "send.bin")
		writeLog(t, path, lines, []int{1500, 1500, 3}, always(f))
		q, held := Query{Domain: "a.test", ID: "id700", Limit: 5}, &scans{}
		var found, pages int
		var scanned int64
		for ; pages < 1000; pages++ {
			p, err := search(&ending{t.Context(), 100}, path, true, q, held)
			if err != nil || p.Cursor == q.Cursor || p.Complete != (p.Cursor == "") {
				t.Fatalf("%v: %v, cursor %q after %q, complete %v", f, err, p.Cursor, q.Cursor, p.Complete)
			}
			scanned += p.Scanned
			found += len(p.Lines)
			if q.Cursor = p.Cursor; q.Cursor == "" {
				break
			}
		}
		if found != 1 || pages < 20 || pages > 100 || scanned < size || f == packedOut && scanned != size || len(held.list) > 0 {
			t.Errorf("%v: %d lines found on %d pages of %d bytes, the log has %d; %d scans left", f, found, pages, scanned, size, len(held.list))
		}
	}
}

func (s *scans) all() []*scan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// What a search keeps for the next one is bounded, and goes after a while; without it the file is begun anew.
func TestScansAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	var lines []string
	for i := range 1001 {
		lines = append(lines, binaryLine(i, "bob@a.test", "rcptto", ""))
	}
	writeLog(t, path, lines, []int{1000, 1}, always(packedOut))
	synctest.Test(t, func(t *testing.T) {
		held := &scans{}
		cursors := map[int]string{}
		for code := range 2 * mostScans {
			p, err := search(&ending{t.Context(), 100}, path, true, Query{Code: 550 + code}, held)
			if err != nil || p.Cursor == "" {
				t.Fatal(err, "no cursor")
			}
			cursors[code] = p.Cursor
		}
		kept := held.all()
		if len(kept) != mostScans {
			t.Fatalf("%d scans", len(kept))
		}
		time.Sleep(2 * scanLife)
		synctest.Wait()
		if _, err := kept[mostScans-1].file.Stat(); len(held.all()) > 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%d scans are kept: %v", len(held.all()), err)
		}
		p, err := search(t.Context(), path, true, Query{Code: 550, Cursor: cursors[0]}, held)
		if err != nil || len(p.Lines) != 100 || string(p.Lines[0].JSON)+"\n" != lines[999] {
			t.Errorf("then: %v, %d lines", err, len(p.Lines))
		}
	})
}

// Members are whole gzip files of whole lines, in a row; what is not altogether ours is read as any other compressed file.
func TestMembers(t *testing.T) {
	text := []byte(strings.Repeat("a line of a log\n", 1000))
	var b bytes.Buffer
	if err := packMembers(&b, bytes.NewReader(text), 5000); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	r, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%v, %d bytes for other programs", err, len(got))
	}
	list := membersOf(bytes.NewReader(file), int64(len(file)))
	var begin int64
	for _, m := range list {
		if m.begin != begin || m.text%16 != 0 || m.text > 5000 {
			t.Errorf("%+v", m)
		}
		begin += m.text
	}
	if begin != int64(len(text)) || len(list) != 4 {
		t.Errorf("%d members of %d bytes", len(list), begin)
	}
	short := bytes.Clone(file)
	short[memberHeader-8] = 1 // no room for its own header
	for name, bad := range map[string][]byte{
		"cut off": file[:len(file)-1], "cut in a header": file[:list[3].at+9], "more behind it": append(bytes.Clone(file), pack(t, packedOut, text)...),
		"of another": pack(t, packedOut, text), "too short": short, "empty": nil,
	} {
		if list := membersOf(bytes.NewReader(bad), int64(len(bad))); list != nil {
			t.Errorf("%s: %d members", name, len(list))
		}
	}
}

// A member that is broken hides no other.
func TestSearchWithABrokenMember(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	var lines []string
	for i := range 3001 {
		lines = append(lines, binaryLine(i, "bob@a.test", "rcptto", strings.Repeat("x", 2000)))
	}
	writeLog(t, path, lines, []int{3000, 1}, always(packed))
	data, err := os.ReadFile(numbered(path, 1) + gzipped)
	if err != nil {
		t.Fatal(err)
	}
	list := membersOf(bytes.NewReader(data), int64(len(data)))
	clear(data[list[1].at+memberHeader : list[1].at+list[1].size])
	if err := os.WriteFile(numbered(path, 1)+gzipped, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got := all(t, path, true, Query{Limit: 1000})
	if len(list) < 3 || len(got) < 1000 || got[len(got)-1]+"\n" != lines[0] {
		t.Errorf("%d lines of %d members", len(got), len(list))
	}
}

func TestSearchText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "attempts.log")
	lines := []string{"[2031-05-04 09:00:00] message:accepted 1 <> <bob@a.test>\n", "[2031-05-04 09:00:01] rcptto:error 1 <> <eve@a.test> \xff\n"}
	writeLog(t, path, lines, []int{1, 1}, always(packedOut))
	p, err := search(t.Context(), path, false, Query{Domain: "a.test"}, &scans{})
	if err != nil || len(p.Lines) != 2 || !p.Lines[1].Time.Equal(logStart) || !strings.HasSuffix(p.Lines[0].Text, "\uFFFD") {
		t.Errorf("%v %+v", err, p)
	}
	if got := all(t, path, false, Query{Code: 499}); len(got) > 0 {
		t.Errorf("lines without the code: %q", got)
	}
}

// A line is read as JSON when it may be wanted, and no other is: that takes a hundred times as long as a look at it.
func TestFewLinesAreRead(t *testing.T) {
	line := []byte(binaryLine(0, "bob@a.test", "rcptto", `he said "no", Füße`))
	for name, q := range map[string]Query{
		"code": {Code: 499}, "text": {Text: "xyzzy"}, "text that JSON escapes": {Text: `said "yes"`}, "address": {Recipient: "bob+x@a.test"},
		"tag": {Tag: "Größe 7"}, "result": {Result: "strange"},
	} {
		if newMatcher(&q, true).holds(line) {
			t.Errorf("%s: the line is read", name)
		}
	}
	for name, q := range map[string]Query{"code": {Code: 550}, "text": {Text: `SAID "no", FÜß`}, "all": {}} {
		if !newMatcher(&q, true).holds(line) {
			t.Errorf("%s: the line is not read", name)
		}
	}
}

func TestCursorStaysWhenFilesTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "send.bin")
	lines := []string{binaryLine(0, "a@a.test", "x", ""), binaryLine(1, "b@a.test", "x", ""), binaryLine(2, "c@a.test", "x", "")}
	writeLog(t, path, lines[:3], []int{3}, nil)
	p, err := search(t.Context(), path, true, Query{Limit: 1}, &scans{})
	if err != nil || len(p.Lines) != 1 {
		t.Fatal(err, p)
	}
	if err := os.Rename(path, numbered(path, 1)); err != nil {
		t.Fatal(err)
	}
	writeLog(t, path, []string{binaryLine(3, "d@a.test", "x", "")}, []int{1}, nil)
	p, err = search(t.Context(), path, true, Query{Limit: 10, Cursor: p.Cursor}, &scans{})
	if err != nil || len(p.Lines) != 2 || string(p.Lines[0].JSON)+"\n" != lines[1] {
		t.Errorf("%v %+v", err, p)
	}
}

func TestSearchErrors(t *testing.T) {
	j := open(t, Options{Send: Kind{Binary: File{Path: filepath.Join(t.TempDir(), "send.bin")}}})
	defer shut(t, j)
	for _, bad := range []string{"x", "1", "1-", "-1-5", "0-5", "1--5", "1-5-", "1-5--1", "1-5-6-7"} {
		if _, err := j.Search(t.Context(), "send", Query{Cursor: bad}); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	if _, err := j.Search(t.Context(), "received", Query{}); !errors.Is(err, ErrOff) {
		t.Error("a log that is off:", err)
	}
	if _, err := j.Search(t.Context(), "error", Query{}); err == nil {
		t.Error("a log that cannot be searched")
	}
	j.Send(Delivery{Time: logStart, Attempt: 1, Email: []byte(`{"recipient":"bob@a.test"}`), Result: []byte(`{"state":"message"}`)})
	deadline := time.Now().Add(time.Minute)
	for {
		p, err := j.Search(t.Context(), "send", Query{Recipient: "bob"})
		if err != nil || time.Now().After(deadline) {
			t.Fatal(err, "nothing is found")
		}
		if len(p.Lines) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
}

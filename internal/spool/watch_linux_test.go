package spool

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func rawEvent(mask uint32, name string) []byte {
	size := (len(name) + 16) / 16 * 16
	if name == "" {
		size = 0
	}
	b := make([]byte, unix.SizeofInotifyEvent+size)
	binary.NativeEndian.PutUint32(b[4:], mask)
	binary.NativeEndian.PutUint32(b[12:], uint32(size))
	copy(b[unix.SizeofInotifyEvent:], name)
	return b
}

func TestParseEvents(t *testing.T) {
	var buf []byte
	for _, raw := range [][]byte{
		rawEvent(unix.IN_CREATE, "a"), rawEvent(unix.IN_CREATE|unix.IN_ISDIR, "folder"), rawEvent(unix.IN_MODIFY, ".hidden"),
		rawEvent(unix.IN_MODIFY, "sixteen-letters!"), rawEvent(unix.IN_CLOSE_WRITE, "a"), rawEvent(unix.IN_MOVED_TO, "b"),
		rawEvent(unix.IN_DELETE, "c"), rawEvent(unix.IN_Q_OVERFLOW, ""), rawEvent(unix.IN_IGNORED, ""),
	} {
		buf = append(buf, raw...)
	}
	var got []event
	for len(buf) > 0 {
		e, ok, rest := parseEvent(buf)
		if ok {
			got = append(got, e)
		}
		buf = rest
	}
	want := []event{{created, "a"}, {modified, "sixteen-letters!"}, {closed, "a"}, {closed, "b"}, {gone, "c"}, {overflow, ""}, {deaf, ""}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestAfterLostEventsTheDirectoryIsReadAgain(t *testing.T) {
	for _, kind := range []eventKind{overflow, deaf} {
		f := newFeeder(&Spool{rhythm: usual()}, nil)
		f.rescan = time.Now().Add(time.Hour)
		f.hear(event{kind: modified, name: "w"})
		f.hear(event{kind: kind})
		if f.wake().After(time.Now()) || f.events != nil {
			t.Error("lost events have no consequence")
		}
		if kind == overflow && len(f.writing) != 0 {
			t.Error("a file would be waited for whose end was not heard")
		}
	}
}

package journal

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// A compressed file of ours is a row of gzip members (RFC 1952, section 2.2) of whole lines. Programs that read gzip see one text. We
// see from the extra field of each header how long the member is, and need not unpack those before the one that we want.
const (
	memberText   = 4 << 20 // bytes of text in a member, at most
	memberHeader = 24      // bytes
)

// memberStart is the beginning of every header: gzip, deflate, an extra field.
var memberStart = []byte{0x1f, 0x8b, 8, 4}

// memberExtra is the extra field: a subfield PH of eight bytes, the length of the member and that of its text.
var memberExtra = []byte{'P', 'H', 8, 0, 0, 0, 0, 0, 0, 0, 0, 0}

// packMembers compresses lines. size is that of the text of a member.
func packMembers(to io.Writer, from io.Reader, size int) error {
	block, packed := make([]byte, 0, size), &bytes.Buffer{}
	for first := true; ; first = false {
		n, err := io.ReadFull(from, block[len(block):size])
		block = block[:len(block)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		whole := len(block)
		if end := bytes.LastIndexByte(block, '\n') + 1; end > 0 && !last {
			whole = end
		}
		if whole > 0 || first {
			if err := packMember(packed, block[:whole]); err != nil {
				return err
			}
			if _, err := packed.WriteTo(to); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		block = append(block[:0], block[whole:]...)
	}
}

func packMember(to *bytes.Buffer, text []byte) error {
	w := gzip.NewWriter(to)
	w.Extra = memberExtra
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	sizes := to.Bytes()[memberHeader-8:]
	binary.LittleEndian.PutUint32(sizes, uint32(to.Len()))
	binary.LittleEndian.PutUint32(sizes[4:], uint32(len(text)))
	return nil
}

// member is a part of a compressed file of ours.
type member struct {
	at, size    int64 // in the file
	begin, text int64 // where its text begins, and how long it is
}

// membersOf are the members of a file; none if it is not ours from its beginning to its end.
func membersOf(f io.ReaderAt, size int64) (list []member) {
	var header [memberHeader]byte
	for at, begin := int64(0), int64(0); at < size; {
		if _, err := f.ReadAt(header[:], at); err != nil {
			return nil
		}
		sizes := header[memberHeader-8:]
		m := member{at, int64(binary.LittleEndian.Uint32(sizes)), begin, int64(binary.LittleEndian.Uint32(sizes[4:]))}
		ours := bytes.HasPrefix(header[:], memberStart) && header[10] == byte(len(memberExtra)) && header[11] == 0 &&
			bytes.Equal(header[12:16], memberExtra[:4])
		if !ours || m.size <= memberHeader || m.size > size-at || m.text > memberText {
			return nil
		}
		list = append(list, m)
		at, begin = at+m.size, begin+m.text
	}
	return list
}

// byMembers looks at the lines of a compressed file of ours that end before a place, the last first.
func (s *searcher) byMembers(f io.ReaderAt, list []member, end int64) (rest int64, err error) {
	unpacked, text := new(gzip.Reader), make([]byte, memberText)
	for _, m := range slices.Backward(list) {
		if m.begin >= end {
			continue
		}
		part := s.unpack(unpacked, f, m, text)
		part = part[:min(int64(len(part)), end-m.begin)]
		s.page.Scanned += int64(len(part))
		done := s.lines(part)
		if s.full() {
			return m.begin + int64(len(part)-done), nil
		}
	}
	return 0, nil
}

// unpack reads the text of a member into a buffer: nothing of one that is newer than all that is wanted, and what can be read of one
// that is broken.
func (s *searcher) unpack(unpacked *gzip.Reader, f io.ReaderAt, m member, text []byte) []byte {
	if unpacked.Reset(io.NewSectionReader(f, m.at, m.size)) != nil {
		return nil
	}
	text = text[:m.text]
	n, _ := io.ReadFull(unpacked, text[:min(m.text, beginning)])
	if s.match.newer(text[:n]) {
		return nil
	}
	for n < len(text) {
		more, err := io.ReadFull(unpacked, text[n:min(len(text), n+turn)])
		n += more
		if err != nil {
			break
		}
		s.worksOn(int64(more))
	}
	return text[:n]
}

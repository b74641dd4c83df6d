package journal

import (
	"encoding/json"
	"strconv"
	"time"
)

// maxDocument is how large the objects of a JSON line may be, in bytes, together with what is before them.
const maxDocument = 1 << 20

// A record is a JSON line of a binary log in the making: a member "time" (UTC, YYYY-MM-DD HH:MM:SS),
// then those of the event. An object that is too large is left out; a member with "-size" behind its
// name says how large it was.
type record struct{ b []byte }

func newRecord(dst []byte, t time.Time) *record {
	dst = append(dst, `{"time":"`...)
	dst = t.UTC().AppendFormat(dst, dateFormat)
	return &record{append(dst, '"')}
}

func (r *record) name(name string) {
	r.b = append(r.b, `,"`...)
	r.b = append(append(r.b, name...), `":`...)
}

func (r *record) int(name string, n int64) {
	r.name(name)
	r.b = strconv.AppendInt(r.b, n, 10)
}

func (r *record) bool(name string, v bool) {
	r.name(name)
	r.b = strconv.AppendBool(r.b, v)
}

func (r *record) text(name, s string) {
	quoted, _ := json.Marshal(s[:min(len(s), maxLine)]) // a string can always be written
	r.name(name)
	r.b = append(r.b, quoted...)
}

// json takes an object as it is. Line ends in it can only be white space between its parts.
func (r *record) json(name string, raw []byte) {
	if len(r.b)+len(raw) > maxDocument || !json.Valid(raw) {
		r.int(name+"-size", int64(len(raw)))
		return
	}
	r.name(name)
	from := len(r.b)
	r.b = append(r.b, raw...)
	for i, c := range r.b[from:] {
		if c < ' ' {
			r.b[from+i] = ' '
		}
	}
}

func (r *record) end() []byte { return append(r.b, '}') }

package sqldb

import (
	"strconv"
	"strings"
	"time"
)

// TimeFormat is the form of a Time cell (for time.Time.Format), always in UTC.
const TimeFormat = time.DateTime

// times are the forms in which the engines and people write one; a fraction of the second may follow.
var times = []string{
	time.DateTime, time.DateTime + "Z07", time.DateTime + "Z07:00", "2006-01-02T15:04:05", time.RFC3339,
	"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
}

// clean is the text of a cell as Row promises it; !ok: the same as NULL. A time that nobody understands stays as it is.
func clean(k Kind, text string) (cell string, ok bool) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if k != Time {
		return text, true
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "", strings.HasPrefix(text, "0000-00-00"): // how MySQL stores a wrong time
		return "", false
	case text == "infinity": // PostgreSQL
		return "9999-12-31 23:59:59", true
	case text == "-infinity":
		return "0001-01-01 00:00:00", true
	}
	for _, form := range times {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC().Format(TimeFormat), true
		}
	}
	// SQLite stores whatever is given, such as strftime('%s'): a number of at least nine digits is Unix time.
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds >= 1e8 && seconds < 1e11 {
		return time.Unix(seconds, 0).UTC().Format(TimeFormat), true
	}
	return text, true
}

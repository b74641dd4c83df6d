package template

import (
	"strconv"
	"time"
)

// dateFormat is date_format:format (section 13): a point in time, printed in UTC. What is none stays.
func dateFormat(s *state, v Value, a arguments) (Value, error) {
	t, ok := v.time(s.env.Now.UTC())
	if !ok {
		return v, nil
	}
	format := a.text(0, "%b %e, %Y")
	if err := s.room(16 * len(format)); err != nil {
		return v, err
	}
	return String(string(appendTime(nil, format, t))), nil
}

// layouts of absolute times.
var layouts = []string{
	"2006-01-02 15:04:05", "2006-01-02", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z07:00",
}

const maxTimeText = 100 // bytes

func (v Value) time(now time.Time) (time.Time, bool) {
	switch v.kind {
	case integer:
		return unixTime(v.int())
	case text:
		s := v.text()
		if s == "" || len(s) > maxTimeText {
			return now, false
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && isDigit(s[0]) {
			return unixTime(n)
		}
		for _, layout := range layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC(), true
			}
		}
		return relativeTime(s, now)
	}
	return now, false
}

// unixTime accepts the years 0 to 9999.
func unixTime(n int64) (time.Time, bool) {
	if n < -62167219200 || n > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// appendTime writes t in a format of strftime with English names. Unknown codes stay as they are.
func appendTime(dst []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		c := format[i]
		if layout, ok := timeLayouts[c]; ok {
			dst = t.AppendFormat(dst, layout)
		} else if compound, ok := timeCompounds[c]; ok {
			dst = appendTime(dst, compound, t)
		} else {
			dst = appendTimeNumber(dst, c, t)
		}
	}
	return dst
}

// timeLayouts are the codes that Go's own formatting has.
var timeLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'd': "02", 'e': "_2", 'H': "15",
	'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm", 'S': "05", 'y': "06", 'Y': "2006",
	'z': "-0700", 'Z': "MST",
}

// timeCompounds are the codes that stand for several others.
var timeCompounds = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'r': "%I:%M:%S %p", 'R': "%H:%M",
	'T': "%H:%M:%S", 'x': "%m/%d/%y", 'X': "%H:%M:%S",
}

func appendTimeNumber(dst []byte, c byte, t time.Time) []byte {
	isoYear, isoWeek := t.ISOWeek()
	weekday := int(t.Weekday())
	switch c {
	case 'C':
		return appendPadded(dst, t.Year()/100, '0')
	case 'g':
		return appendPadded(dst, isoYear%100, '0')
	case 'G':
		return strconv.AppendInt(dst, int64(isoYear), 10)
	case 'k':
		return appendPadded(dst, t.Hour(), ' ')
	case 'l':
		return appendPadded(dst, (t.Hour()+11)%12+1, ' ')
	case 'n':
		return append(dst, '\n')
	case 's':
		return strconv.AppendInt(dst, t.Unix(), 10)
	case 't':
		return append(dst, '\t')
	case 'u':
		return strconv.AppendInt(dst, int64((weekday+6)%7+1), 10)
	case 'U':
		return appendPadded(dst, (t.YearDay()+6-weekday)/7, '0')
	case 'V':
		return appendPadded(dst, isoWeek, '0')
	case 'w':
		return strconv.AppendInt(dst, int64(weekday), 10)
	case 'W':
		return appendPadded(dst, (t.YearDay()+6-(weekday+6)%7)/7, '0')
	case '%':
		return append(dst, '%')
	}
	return append(dst, '%', c)
}

func appendPadded(dst []byte, n int, pad byte) []byte {
	if n < 10 {
		dst = append(dst, pad)
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// SourceKey is the attribute whose value stands in the column of the source.
const SourceKey = "source"

const defaultSource = "posthoorn"

// The levels as they stand in the first column, which is padded to the longest.
const (
	critical = "[Critical]"
	warning  = "[Warning]"
	info     = "[Info]"
)

// maxAttr is the bytes of the value of an attribute: room for a stack.
const maxAttr = maxLine / 2

// application is the application log and the error log.
type application struct {
	level slog.Leveler
	outs  []appOutput
}

type appOutput struct {
	w   *writer
	min slog.Level
}

// add lets a writer have the lines from a level on. One that already has more is left alone.
func (a *application) add(w *writer, min slog.Level) {
	has := func(o appOutput) bool { return o.w == w }
	if w != nil && !slices.ContainsFunc(a.outs, has) {
		a.outs = append(a.outs, appOutput{w, min})
	}
}

// Handler writes slog records as lines of the application log and the error log:
//
//	[Warning]  [2019-09-23 12:46:56] [broker] connection lost node=rabbit1 error="no route to host"
//
// Errors are Critical, everything below a warning is Info. The attribute [SourceKey] is the source.
func (j *Journal) Handler() slog.Handler { return &handler{app: j.app, source: defaultSource} }

type handler struct {
	app    *application
	source string
	attrs  []byte // formatted, with a blank in front of each
	group  string // in front of names, with its dot
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	low := slog.LevelInfo
	if h.app.level != nil {
		low = h.app.level.Level()
	}
	return level >= low && slices.ContainsFunc(h.app.outs, func(o appOutput) bool { return level >= o.min })
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	attrs := *h
	attrs.attrs = slices.Clip(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs.add(h.group, a)
		return true
	})
	line := attrs.line(r)
	for _, o := range h.app.outs {
		if r.Level >= o.min {
			o.w.put(line, false)
		}
	}
	return nil
}

func (h *handler) line(r slog.Record) []byte {
	when := r.Time
	if when.IsZero() {
		when = time.Now()
	}
	line := fmt.Appendf(nil, "%-*s [", len(critical), levelName(r.Level))
	line = when.UTC().AppendFormat(line, dateFormat)
	line = append(line, "] ["...)
	line = appendClean(line, h.source)
	line = append(line, "] "...)
	line = appendClean(line, r.Message)
	return shorten(append(line, h.attrs...), 0, maxLine)
}

func appendClean(line []byte, s string) []byte { return cleanValue(append(line, s...), len(line)) }

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return critical
	case l >= slog.LevelWarn:
		return warning
	}
	return info
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	more.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		more.add(h.group, a)
	}
	return &more
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	more := *h
	more.group += name + "."
	return &more
}

// add formats an attribute, with those of a group one after the other.
func (h *handler) add(prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			h.add(prefix, member)
		}
	case a.Key == "":
	case prefix == "" && a.Key == SourceKey:
		h.source = valueText(v)
	default:
		h.attrs = append(h.attrs, ' ')
		h.attrs = appendClean(h.attrs, prefix+a.Key)
		h.attrs = append(h.attrs, '=')
		h.attrs = appendQuoted(h.attrs, valueText(v))
	}
}

func valueText(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().UTC().Format(dateFormat)
	case slog.KindAny:
		return fmt.Sprint(v.Any()) // a panic in a method of the value does not get out of it
	}
	return v.String()
}

// appendQuoted puts quotes around what is no plain word, with escapes for all that could disturb a line.
func appendQuoted(line []byte, s string) []byte {
	s = string(shorten([]byte(s), 0, maxAttr))
	odd := func(r rune) bool {
		return r == ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) || r == unicode.ReplacementChar
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return append(line, s...)
	}
	return strconv.AppendQuote(line, s)
}

package settings

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"posthoorn/internal/mail"
)

// cells reads the cells of one row, in which other programs may have written anything. The first cell that makes no sense is the
// error of the row.
type cells struct {
	row Row
	err error
}

// fail keeps the first error. The cell is shown only in part: it may be as long as the database allows.
func (c *cells) fail(column, reason string) {
	if c.err != nil {
		return
	}
	text := c.row[column]
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	c.err = fmt.Errorf("%s = %q: %s", column, text, reason)
}

// secret is fail for a cell that nobody may see.
func (c *cells) secret(column, reason string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s %s", column, reason)
	}
}

// trimmed is the cell without white space around it; NULL is empty.
func (c *cells) trimmed(column string) string { return strings.TrimSpace(c.row[column]) }

// selector is a cell in which * and empty stand for all.
func (c *cells) selector(column string) string { return named(c.row[column]) }

// words is a label or a name: printable text of at most 255 characters.
func (c *cells) words(column string) string {
	s := c.selector(column)
	if !printable(s) {
		c.fail(column, "is no text of at most 255 printable characters")
		return ""
	}
	return s
}

func printable(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= 255 &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// addr is an IP address in its canonical form, or none.
func (c *cells) addr(column string) netip.Addr {
	s := c.selector(column)
	if s == "" {
		return netip.Addr{}
	}
	ip, err := parseAddr(s)
	if err != nil {
		c.fail(column, err.Error())
	}
	return ip
}

// domain is a domain as A-labels in lower case, or none.
func (c *cells) domain(column string) string {
	s := c.selector(column)
	if s == "" {
		return ""
	}
	domain, err := parseDomain(s)
	if err != nil {
		c.fail(column, err.Error())
	}
	return domain
}

// whole is a whole number between two bounds; NULL is 0. SQLite keeps any text in a column of numbers, and 10 as 10.0 in a table
// that was made for fractions.
func (c *cells) whole(column string, low, high int64) int64 {
	s := c.trimmed(column)
	if s == "" {
		return 0
	}
	n, err := parseWhole(s)
	switch {
	case err != nil:
		c.fail(column, "is no whole number")
	case n < low || n > high:
		c.fail(column, fmt.Sprintf("is not between %d and %d", low, high))
	default:
		return n
	}
	return 0
}

func parseWhole(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return n, nil
	}
	f, wrong := strconv.ParseFloat(s, 64)
	if wrong != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, err
	}
	return int64(f), nil
}

// seconds is a length of time; 0 and NULL are none.
func (c *cells) seconds(column string) time.Duration {
	return span(c.whole(column, 0, math.MaxInt64), time.Second)
}

// moment is a point in time; NULL, empty and the zero date of MySQL are none.
func (c *cells) moment(column string) time.Time {
	s := c.trimmed(column)
	if s == "" || strings.HasPrefix(s, "0000-00-00") {
		return time.Time{}
	}
	t, err := parseTime(s)
	if err != nil {
		c.fail(column, "is no time such as 2006-01-02 15:04:05 (UTC)")
		return time.Time{}
	}
	if t.IsZero() { // the year 1 is long over, and not the same as none
		return time.Unix(0, 0).UTC()
	}
	return t
}

// parseAddr takes an address without zone; one of IPv4 that is written as IPv6 becomes plain.
func parseAddr(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("is no IP address")
	}
	return ip.Unmap(), nil
}

// parseDomain takes a domain, or the host:port of a smarthost: settings are of the host.
func parseDomain(s string) (string, error) {
	_, ascii, err := mail.ParseDomain(strings.TrimSuffix(withoutPort(s), "."))
	if err != nil {
		return "", fmt.Errorf("is no domain")
	}
	return ascii, nil
}

func withoutPort(s string) string {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s
	}
	if n, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil || n == 0 {
		return s
	}
	return s[:i]
}

// timeLayouts are what databases and people write; a fraction of a second may follow in all of them.
var timeLayouts = [...]string{
	mail.TimeLayout, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07",
	"2006-01-02 15:04:05 -0700 MST", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
}

func parseTime(s string) (t time.Time, err error) {
	for _, layout := range timeLayouts {
		if t, err = time.ParseInLocation(layout, s, time.UTC); err == nil && t.Year() > 0 && t.Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: %w", s, err)
}

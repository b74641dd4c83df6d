package template

import (
	"strconv"
	"strings"
	"time"
)

// relativeTime reads words such as "tomorrow", "+3 days", "2 weeks ago" or "next monday", several of
// them one after the other, as PHP's strtotime does. now is in UTC.
func relativeTime(s string, now time.Time) (time.Time, bool) {
	words := strings.Fields(strings.ToLower(spaceSigns(s)))
	if len(words) == 0 {
		return now, false
	}
	t := now
	for len(words) > 0 {
		n := 0
		if t, n = relativeStep(words, t); n == 0 {
			return now, false
		}
		words = words[n:]
	}
	return t, t.Year() >= 0 && t.Year() <= 9999
}

// spaceSigns separates a number from the word behind it ("+3days").
func spaceSigns(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && isLetter(s[i]) && isDigit(s[i-1]) {
			b.WriteByte(' ')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// relativeStep applies the first words to t and returns how many they were, 0 if they mean nothing.
func relativeStep(words []string, t time.Time) (time.Time, int) {
	switch words[0] {
	case "now":
		return t, 1
	case "today", "midnight":
		return midnight(t), 1
	case "noon":
		return midnight(t).Add(12 * time.Hour), 1
	case "tomorrow":
		return midnight(t).AddDate(0, 0, 1), 1
	case "yesterday":
		return midnight(t).AddDate(0, 0, -1), 1
	case "next", "last", "previous", "this":
		return directed(words, t)
	}
	if day, ok := weekdays[words[0][:min(3, len(words[0]))]]; ok && isWeekday(words[0], day) {
		return toWeekday(midnight(t), day, 0), 1
	}
	return counted(words, t)
}

func midnight(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

func isWeekday(w string, day time.Weekday) bool {
	return len(w) == 3 || w == strings.ToLower(day.String())
}

// toWeekday is the first such day at or after t moved by shift days.
func toWeekday(t time.Time, day time.Weekday, shift int) time.Time {
	t = t.AddDate(0, 0, shift)
	return t.AddDate(0, 0, (int(day-t.Weekday())+7)%7)
}

// directed reads "next", "last" or "this" with a weekday or a unit.
func directed(words []string, t time.Time) (time.Time, int) {
	if len(words) < 2 {
		return t, 0
	}
	w, n := words[1], 1
	switch words[0] {
	case "last", "previous":
		n = -1
	case "this":
		n = 0
	}
	if day, ok := weekdays[w[:min(3, len(w))]]; ok && isWeekday(w, day) {
		shift := [...]int{-7, 0, 1}[n+1]
		return toWeekday(midnight(t), day, shift), 2
	}
	t, ok := addUnits(t, n, w)
	if !ok {
		return t, 0
	}
	return t, 2
}

// counted reads a number and a unit, and "ago" if it follows.
func counted(words []string, t time.Time) (time.Time, int) {
	first, used := words[0], 1
	if (first == "+" || first == "-") && len(words) > 1 {
		first, used = first+words[1], 2
	}
	n, err := strconv.Atoi(first)
	if err != nil || n > 1_000_000_000 || n < -1_000_000_000 || len(words) <= used {
		return t, 0
	}
	unit := words[used]
	used++
	if len(words) > used && words[used] == "ago" {
		n = -n
		used++
	}
	t, ok := addUnits(t, n, unit)
	if !ok {
		return t, 0
	}
	return t, used
}

func addUnits(t time.Time, n int, unit string) (time.Time, bool) {
	seconds := map[string]int{"sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3600}
	unit = strings.TrimSuffix(unit, "s")
	if length, ok := seconds[unit]; ok {
		return time.Unix(t.Unix()+int64(n)*int64(length), int64(t.Nanosecond())).UTC(), true
	}
	if n > 10_000_000 || n < -10_000_000 {
		return t, false
	}
	switch unit {
	case "day":
		return t.AddDate(0, 0, n), true
	case "week":
		return t.AddDate(0, 0, 7*n), true
	case "fortnight":
		return t.AddDate(0, 0, 14*n), true
	case "month":
		return t.AddDate(0, n, 0), true
	case "year":
		return t.AddDate(n, 0, 0), true
	}
	return t, false
}

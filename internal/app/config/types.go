package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Type is the format of a value (config.md section 1).
type Type struct {
	Name    string // for tables: "bool", "seconds"
	Allowed string // what may be written, for errors and the manual
	parse   func(raw string) (any, error)
	mask    func(raw string) string // nil: nothing secret in it
	empty   bool                    // an empty value is one of the type; otherwise it means the default
}

// The simple types. Their parse functions are never given an empty text.
var (
	boolType    = Type{Name: "bool", Allowed: "true or false, also 1/0, yes/no, on/off", parse: parseBool}
	secondsType = Type{Name: "seconds", Allowed: "whole seconds, or a number with s, m, h or d", parse: parseSeconds}
	decimalType = Type{Name: "seconds", Allowed: "seconds above zero such as 3.0, or a number with s, m, h or d", parse: parseDecimalSeconds}
	sizeType    = Type{Name: "size", Allowed: "bytes above zero, or a number with KB, MB or GB", parse: sizeIn(1)}
	logSizeType = Type{Name: "size", Allowed: "megabytes above zero, or a number with B, KB, MB or GB", parse: sizeIn(1 << 20)}
	minFreeType = Type{Name: "size or percent", Allowed: "a percentage below 100 such as 5%, or a number with B, KB, MB or GB", parse: parseMinFree}
	textType    = Type{Name: "text", Allowed: "any text", parse: parseText, empty: true}
	pathType    = Type{Name: "path", Allowed: "a path", parse: parsePath, empty: true}
	nameType    = Type{Name: "name", Allowed: "up to 255 bytes of UTF-8", parse: parseName, empty: true}
)

func parseBool(raw string) (any, error) {
	switch strings.ToLower(raw) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, errors.New("is neither true nor false")
}

// intType is a decimal number within bounds.
func intType(low, high int) Type {
	allowed := fmt.Sprintf("a whole number from %d to %d", low, high)
	if high == math.MaxInt32 {
		allowed = fmt.Sprintf("a whole number, at least %d", low)
	}
	return Type{Name: "int", Allowed: allowed, parse: func(raw string) (any, error) {
		n, err := strconv.Atoi(raw)
		if err != nil {
			return 0, errors.New("is not a whole number")
		}
		if n < low || n > high {
			return 0, errors.New("is out of range")
		}
		return n, nil
	}}
}

// maxSeconds keeps every sum of times far from an overflow.
const maxSeconds = 100 * 365 * 24 * 3600

func parseSeconds(raw string) (any, error) {
	digits, unit := splitUnit(raw)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return time.Duration(0), errors.New("is not a number of seconds")
	}
	if n > maxSeconds || n*int64(unit/time.Second) > maxSeconds {
		return time.Duration(0), errors.New("is too long")
	}
	return time.Duration(n) * unit, nil
}

func parseDecimalSeconds(raw string) (any, error) {
	digits, unit := splitUnit(raw)
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" {
		return time.Duration(0), errors.New("is not a number of seconds")
	}
	if f*unit.Seconds() > maxSeconds {
		return time.Duration(0), errors.New("is too long")
	}
	d := time.Duration(f * float64(unit))
	if d <= 0 {
		return time.Duration(0), errors.New("is not above zero")
	}
	return d, nil
}

// splitUnit takes the letter of a time off; without one it is seconds.
func splitUnit(raw string) (string, time.Duration) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	last := raw[len(raw)-1] | 0x20
	if unit, ok := units[last]; ok {
		return strings.TrimRight(raw[:len(raw)-1], " \t"), unit
	}
	return raw, time.Second
}

// positive is t without the zero.
func positive(t Type) Type {
	inner := t.parse
	t.Allowed += ", above zero"
	t.parse = func(raw string) (any, error) {
		v, err := inner(raw)
		if d, ok := v.(time.Duration); err == nil && ok && d == 0 {
			return v, errors.New("must not be zero")
		}
		return v, err
	}
	return t
}

// sizeIn parses a number of bytes; one without a unit counts in bare bytes.
func sizeIn(bare int64) func(string) (any, error) {
	return func(raw string) (any, error) { return parseSize(raw, bare) }
}

func parseSize(raw string, bare int64) (int64, error) {
	upper := strings.ToUpper(raw)
	unit := bare
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(upper, u.suffix); ok {
			upper, unit = strings.TrimRight(rest, " \t"), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(upper, 10, 64)
	if err != nil {
		return 0, errors.New("is not a size")
	}
	if n <= 0 {
		return 0, errors.New("is not above zero")
	}
	if n > math.MaxInt64/unit/1024 {
		return 0, errors.New("is too large")
	}
	return n * unit, nil
}

// MinFree is the space that must remain on a volume: Bytes, or Percent of the volume but at most Cap.
type MinFree struct {
	Percent float64 // 0 when Bytes counts
	Bytes   int64
}

// minFreeCap keeps a percentage of a large volume from wasting it (config.md section 3.1).
const minFreeCap = 5 << 30

// Floor returns the bytes that must stay free on a volume of total bytes.
func (m MinFree) Floor(total int64) int64 {
	if m.Percent == 0 {
		return m.Bytes
	}
	return min(int64(float64(total)*m.Percent/100), minFreeCap)
}

func parseMinFree(raw string) (any, error) {
	digits, ok := strings.CutSuffix(raw, "%")
	if !ok {
		n, err := parseSize(raw, 1)
		return MinFree{Bytes: n}, err
	}
	digits = strings.TrimRight(digits, " \t")
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" || f >= 100 || f <= 0 {
		return MinFree{}, errors.New("is not a percentage above 0 and below 100")
	}
	return MinFree{Percent: f}, nil
}

func parseText(raw string) (any, error) { return raw, nil }

func parsePath(raw string) (any, error) {
	if strings.ContainsRune(raw, 0) || len(raw) > 4095 {
		return "", errors.New("is not a path")
	}
	return raw, nil
}

// parseName takes names of queues and exchanges: AMQP short strings.
func parseName(raw string) (any, error) {
	if len(raw) > 255 || strings.ToValidUTF8(raw, "") != raw {
		return "", errors.New("is not a name")
	}
	return raw, nil
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Bounds of a configuration file. A real one has a few hundred short lines.
const (
	maxFile = 1 << 20 // bytes
	maxLine = 64 << 10
)

// setting is one key with its value, as somebody wrote it.
type setting struct {
	key   string // lower case, perhaps an alias
	value string
	where Where
}

// lineError is what is wrong with one line of a file.
type lineError struct {
	line int
	key  string
	text string
}

// parseFile splits a file into its settings, in their order (config.md section 1). Lines that are no setting are
// returned beside; nothing of their content is repeated, since it may be a secret.
func parseFile(data []byte) ([]setting, []lineError, error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	var settings []setting
	var wrong []lineError
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		text := strings.Trim(string(bytes.TrimSuffix(line, []byte("\r"))), " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, err := parseLine(text)
		if err != nil {
			wrong = append(wrong, lineError{number, key, err.Error()})
			continue
		}
		settings = append(settings, setting{key: key, value: value, where: Where{Line: number}})
	}
	return settings, wrong, nil
}

// parseLine splits at the first colon. With an error the key is the first word, for the message.
func parseLine(text string) (key, value string, err error) {
	if len(text) > maxLine {
		return "", "", fmt.Errorf("line of more than %d bytes", maxLine)
	}
	key, value, ok := strings.Cut(text, ":")
	key = strings.ToLower(strings.Trim(key, " \t"))
	if !ok {
		word, _, _ := strings.Cut(key, " ")
		word, _, _ = strings.Cut(word, "\t")
		return word, "", errors.New("line without a colon between key and value")
	}
	if key == "" {
		return "", "", errors.New("line without a key before the colon")
	}
	value = strings.Trim(value, " \t")
	if hasControl(key) || hasControl(value) {
		return key, "", errControl
	}
	return key, value, nil
}

var errControl = errors.New("control characters are not allowed")

// hasControl finds what could forge lines in logs, listings and protocols. A tab inside a value is data.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}

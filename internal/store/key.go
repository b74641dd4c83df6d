package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxKey is the length of a key in characters, which every engine can look up.
const maxKey = 255

const (
	ownPrefix = "ph-"
	ownDigits = 32
)

// NewKey is a key that nobody has and nobody can guess.
func NewKey() string {
	var random [ownDigits / 2]byte
	_, _ = rand.Read(random[:]) // never fails
	return ownPrefix + hex.EncodeToString(random[:])
}

// Own says that a key was made by NewKey: a single message has it, with whose end the data may be deleted (storage.md section 4).
func Own(key string) bool {
	digits, ok := strings.CutPrefix(key, ownPrefix)
	return ok && len(digits) == ownDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

// checkKey says whether a text can be a key at all: UTF-8 of 1 to 255 characters without a NUL. What else it has is left to engines,
// which must be able to look up every key.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > maxKey*utf8.UTFMax || utf8.RuneCountInString(key) > maxKey:
		return fmt.Errorf("the key has more than %d characters", maxKey)
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return errors.New("the key is no text: it has a NUL, or is not UTF-8")
	}
	return nil
}

package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
)

const (
	plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	// temporary begins the names of files that are being written; 26 letters and digits follow. No key has such a name.
	temporary = "~"
)

func isTemporary(file string) bool {
	random, ok := strings.CutPrefix(file, temporary)
	return ok && len(random) == 26 && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// place is the path of the file of a key, below the root.
func (f *folder) place(key string) string {
	hash := sha256.Sum256([]byte(key))
	digits := hex.EncodeToString(hash[:])
	return filepath.Join(f.folders(digits), name(key, digits))
}

func name(key, digits string) string {
	if key == "." || key == ".." || strings.Trim(key, plain) != "" {
		return digits
	}
	return key
}

// folders are those of a hash.
func (f *folder) folders(digits string) string {
	parts := make([]string, f.depth)
	for i := range parts {
		parts[i] = digits[2*i : 2*i+2]
	}
	return filepath.Join(parts...)
}

// ours says that a file which lies in these folders is there because of a key. In a folder that also holds other things, those stay.
func (f *folder) ours(folders, file string) bool {
	if isTemporary(file) {
		return true
	}
	if strings.Trim(file, plain) != "" {
		return false
	}
	if isHash(file) && f.folders(file) == folders {
		return true
	}
	return f.place(file) == filepath.Join(folders, file)
}

func isHash(file string) bool {
	return len(file) == 2*sha256.Size && strings.Trim(file, "0123456789abcdef") == ""
}

package login

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"github.com/go-crypt/x/yescrypt"
)

// hashes reads the hashes of crypt(3) that are good enough for passwords.
type hashes struct{ decoder *crypt.Decoder }

func newHashes() (hashes, error) {
	d := crypt.NewDecoder()
	err := errors.Join(shacrypt.RegisterDecoder(d), bcrypt.RegisterDecoder(d), scrypt.RegisterDecoder(d), argon2.RegisterDecoder(d))
	return hashes{d}, err
}

var (
	errHash = errors.New("what stands behind the colon is no hash of sha-512 ($6$), sha-256 ($5$), bcrypt ($2b$), yescrypt ($y$) or argon2 " +
		`($argon2id$); "openssl passwd -6" makes one`)
	errCost = errors.New("the hash behind the colon asks for more work or memory than a login may cost")
)

// parse never repeats the hash in an error.
func (h hashes) parse(text string) (algorithm.Digest, error) {
	fields := strings.Split(text, "$")
	if len(fields) < 4 || fields[0] != "" {
		return nil, errHash
	}
	switch fields[1] {
	case "5", "6", "2a", "2b", "2y", "y", "argon2i", "argon2d", "argon2id":
	default:
		return nil, errHash
	}
	if !affordable(text, fields[1], fields[2]) {
		return nil, errCost
	}
	d, err := h.decoder.Decode(text)
	if err != nil {
		return nil, errHash
	}
	return d, nil
}

var (
	parameters = regexp.MustCompile(`[$,](rounds|m|t|p)=(\d+)`)
	maximum    = map[string]int{"rounds": 10_000_000, "m": 1 << 20, "t": 64, "p": 64} // m in KiB
)

// affordable bounds what the hash says about its own cost: a slip of the pen must not take all memory or a processor for a day.
func affordable(text, kind, setting string) bool {
	for _, p := range parameters.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(p[2]); err != nil || n > maximum[p[1]] {
			return false
		}
	}
	switch kind {
	case "2a", "2b", "2y":
		cost, err := strconv.Atoi(setting)
		return err == nil && cost <= 17
	case "y":
		_, ln, r, err := yescrypt.DecodeSetting([]byte(setting))
		return err == nil && ln > 0 && ln <= 23 && r > 0 && r<<ln <= 1<<23 // of 128 bytes
	}
	return true
}

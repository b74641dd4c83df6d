package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// tokens are the names of the secrets with which scripts use the console (rest-api.md section 1), by the SHA-256 of each.
type tokens map[[sha256.Size]byte]string

// The column token holds the secret itself, as other programs write it, or its SHA-256 in hexadecimal digits behind this.
const hashedToken = "sha256:"

// HashToken is a token as it can be kept in the table.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashedToken + hex.EncodeToString(sum[:])
}

// TokenName is the name of a token. How long the answer takes says nothing about any token, since only hashes are compared.
func (s *Snapshot) TokenName(token string) (name string, ok bool) {
	name, ok = s.tokens[sha256.Sum256([]byte(token))]
	return name, ok
}

const leastToken = 16 // characters

func (c *contents) tokenRows(rows []Row) {
	c.tokens = tokens{}
	c.each(tableTokens, rows, func(in *cells, _ int64) {
		text, name := in.trimmed("token"), in.words("name")
		sum, err := tokenHash(text)
		switch {
		case in.err != nil:
		case name == "":
			in.fail("name", "a token needs a name")
		case err != "":
			in.secret("token", err)
		default:
			c.tokens[sum] = name
		}
	})
}

func tokenHash(text string) (sum [sha256.Size]byte, wrong string) {
	digits, hashed := strings.CutPrefix(text, hashedToken)
	if !hashed && len(text) < leastToken {
		return sum, "is shorter than 16 characters"
	}
	if !hashed {
		return sha256.Sum256([]byte(text)), ""
	}
	if n, err := hex.Decode(sum[:], []byte(digits[:min(len(digits), 2*len(sum))])); err != nil || n != len(sum) || len(digits) != 2*n {
		return sum, "is no SHA-256 in hexadecimal digits"
	}
	return sum, ""
}

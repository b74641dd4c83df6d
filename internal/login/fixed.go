package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
)

// Fixed is a list of users with their passwords in clear.
type Fixed struct{ pairs []pair }

type pair struct {
	user, password [sha256.Size]byte
	secret         string
}

// Add puts one more pair on the list; not while it is in use.
func (f *Fixed) Add(user, password string) {
	f.pairs = append(f.pairs, pair{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password)), password})
}

// Check compares with every pair, whichever fits.
func (f *Fixed) Check(_ context.Context, user, password string) (bool, error) {
	u, p := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	fits := 0
	for i := range f.pairs {
		fits |= subtle.ConstantTimeCompare(u[:], f.pairs[i].user[:]) & subtle.ConstantTimeCompare(p[:], f.pairs[i].password[:])
	}
	return fits == 1 && usable(user, password), nil
}

// Secret is the password of a user; of one that is listed twice the last.
func (f *Fixed) Secret(user string) (string, bool) {
	u := sha256.Sum256([]byte(user))
	at := 0 // the index after that of the pair
	for i := range f.pairs {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(u[:], f.pairs[i].user[:]), i+1, at)
	}
	if at == 0 {
		return "", false
	}
	return f.pairs[at-1].secret, true
}

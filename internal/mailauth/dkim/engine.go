package dkim

import "crypto/rsa"

// Engine computes RSA signatures, the dearest part of sending a message. Ed25519 needs none: Go is quick there.
type Engine interface {
	// Name is for the log.
	Name() string
	// load takes a key in; nil without an error: Go signs.
	load(key *rsa.PrivateKey) (rsaKey, error)
}

// Go is the engine of Go's own library, which is always there. A signature of 2048 bits takes about a millisecond.
func Go() Engine { return goEngine{} }

type goEngine struct{}

func (goEngine) Name() string                         { return "go" }
func (goEngine) load(*rsa.PrivateKey) (rsaKey, error) { return nil, nil }

// Fastest is OpenSSL's libcrypto where this program was built for it (build tag openssl) and the library is there, else Go. The
// error says why it is not OpenSSL although the program was built for it.
func Fastest() (Engine, error) {
	engine, err := openSSL()
	if engine == nil {
		return Go(), err
	}
	return engine, nil
}

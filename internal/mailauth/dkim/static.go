//go:build !openssl || !linux

package dkim

// openSSL is left out: what can load a library is not a static program any more, and does not start where there is no glibc.
func openSSL() (Engine, error) { return nil, nil }

// Package lookup is what the checks of incoming mail ask of the DNS, and what its errors mean to them.
package lookup

import (
	"context"
	"errors"
	"net/netip"
)

// TXT is the DNS as far as most checks need it.
type TXT interface {
	// TXT gives the TXT records of a name, the strings of each joined. No such record is an empty list. An error is judged by
	// [Temporary].
	TXT(ctx context.Context, name string) ([]string, error)
}

// DNS is all that the checks ask of the DNS. Of its errors those with a method Temporary that says false mean that the name, or what
// was asked of it, does not exist.
type DNS interface {
	TXT
	// MXHosts gives the names of the mail exchangers, the most preferred first. No such record is an empty list.
	MXHosts(ctx context.Context, name string) ([]string, error)
	// Addresses gives the IPv4 and IPv6 addresses of a host.
	Addresses(ctx context.Context, host string) ([]netip.Addr, error)
	// PTR gives the names of an address.
	PTR(ctx context.Context, addr netip.Addr) ([]string, error)
}

// Temporary says that an error does not answer the question; else the name does not exist.
func Temporary(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return err != nil && (!ok || t.Temporary())
}

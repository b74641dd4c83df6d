package login

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/go-ldap/ldap/v3"
)

// Directory asks an LDAP server: a user may log in who can bind with the name uid=user,base and the password.
type Directory struct {
	address, base string
	slots         slots
}

// NewDirectory asks at an ldap or ldaps address without a path. base is the name under which the users are.
func NewDirectory(address, base string) *Directory {
	return &Directory{address, base, make(slots, remoteAtOnce)}
}

// Check binds on a connection of its own.
func (d *Directory) Check(ctx context.Context, user, password string) (bool, error) {
	if !usable(user, password) || !printable(user) {
		return false, nil
	}
	if err := d.slots.take(ctx); err != nil {
		return false, err
	}
	defer d.slots.giveBack()
	c, err := ldap.DialURL(d.address, ldap.DialWithDialer(&net.Dialer{Timeout: remoteTimeout}),
		ldap.DialWithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	c.SetTimeout(remoteTimeout)
	err = c.Bind("uid="+ldap.EscapeDN(user)+","+d.base, password)
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject) {
		return false, nil
	}
	return err == nil, err
}

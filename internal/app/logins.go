package app

import (
	"context"

	"posthoorn/internal/app/config"
	"posthoorn/internal/smtpd"
)

func loginOf(in *config.SMTPIn) smtpd.Authenticator {
	if !in.Auth.IsZero() {
		return noLogin{} // smtp-auth is not built: nobody can log in, and so nobody relays
	}
	return smtpd.FixedLogin{User: in.Login.User, Password: in.Login.Password.Reveal()}
}

type noLogin struct{}

func (noLogin) Check(context.Context, string, string) (bool, error) { return false, nil }

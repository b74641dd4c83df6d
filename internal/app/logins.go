package app

import (
	"fmt"

	"posthoorn/internal/app/config"
	"posthoorn/internal/login"
)

// smtpLogin is smtp-auth, or the one login of smtp-username and smtp-password.
func (d *Daemon) smtpLogin() (*login.Guard, error) {
	auth := d.cfg.SMTPIn.Auth
	if auth.IsZero() {
		auth = config.Auth{Kind: "hardcoded", Logins: []config.Login{d.cfg.SMTPIn.Login}}
	}
	checker, err := d.loginChecker(auth)
	if err != nil {
		return nil, fmt.Errorf("smtp-auth: %w", err)
	}
	return login.NewGuard(checker, login.Options{Door: "smtp", Log: d.named("login"), Registry: d.metrics}), nil
}

// loginChecker is what an auth string describes.
func (d *Daemon) loginChecker(a config.Auth) (login.Checker, error) {
	log := d.named("login")
	switch a.Kind {
	case "file":
		return login.NewFile(a.Address.Path, log)
	case "exec":
		return login.NewProgram(a.Address.Path, log)
	case "http", "https":
		w, err := login.NewWeb(a.Address.Raw.Reveal())
		if err != nil {
			return nil, err
		}
		d.later("logins", w.Close)
		return w, nil
	case "ldap", "ldaps":
		return login.NewDirectory(a.Directory()), nil
	}
	f := &login.Fixed{}
	for _, l := range a.Logins {
		f.Add(l.User, l.Password.Reveal())
	}
	return f, nil
}

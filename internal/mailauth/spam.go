package mailauth

import (
	"context"
	"errors"

	"posthoorn/internal/mailauth/authres"
	"posthoorn/internal/mailauth/spamd"
)

// Spam is what SpamAssassin thinks of a mail.
type Spam struct {
	Verdict string // ham, spam, temperror, or none: too large to be looked at
	spamd.Score
}

func (c *Checker) spam(ctx context.Context, source []byte) Spam {
	score, err := c.options.Spamd.Check(ctx, source)
	switch {
	case errors.Is(err, spamd.ErrSize):
		return Spam{Verdict: string(authres.None)}
	case err != nil:
		if c.broken.now() {
			c.options.Log.Warn("mail is not checked for spam; look at spamassassin-host and spamassassin-port", "error", err)
		}
		return Spam{Verdict: string(authres.TempError)}
	case score.Spam:
		return Spam{"spam", score}
	}
	return Spam{"ham", score}
}

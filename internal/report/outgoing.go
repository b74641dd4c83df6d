package report

import "posthoorn/internal/mail"

// Message is the outgoing message with a notification (dsn.md section 3): an empty envelope, never a notification about itself,
// and the way out (ips, pool, smarthost) of the mail that it is about, which is nil if it had none of its own.
func Message(n *Notice, original *mail.Message) []byte {
	o := mail.NewObject(nil).String("recipient", n.To.String()).Text("mime", DSN(n)).
		Object("dsn", func(o *mail.Object) { o.String("notify", Nothing.String()) })
	if original != nil {
		for _, name := range []string{"ips", "pool", "smarthost"} {
			if value := original.Property(name); value != nil {
				o.Raw(name, value)
			}
		}
	}
	return o.Bytes()
}

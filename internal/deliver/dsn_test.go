package deliver

import (
	"strings"
	"testing"

	"posthoorn/internal/mail"
	"posthoorn/internal/smtp"
)

// TestDSNParameters: RFC 3461 sections 4.1 to 4.4 and RFC 6533 section 3. What a server could not read is left out: a notification
// with less in it is better than a message that is refused for it.
func TestDSNParameters(t *testing.T) {
	const long = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	for _, c := range []struct {
		name       string
		dsn        mail.DSN
		mail, rcpt string
	}{
		{"nothing", mail.DSN{}, "", ""},
		{"all", mail.DSN{Notify: "SUCCESS,DELAY", Ret: "FULL", EnvID: "mail-771", ORcpt: "rfc822;ann@alias.test"},
			" RET=FULL ENVID=mail-771", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ann@alias.test"},
		{"never", mail.DSN{Notify: "NEVER"}, "", " NOTIFY=NEVER"},
		{"xtext", mail.DSN{EnvID: "a+b=c d", ORcpt: `rfc822;"a b"+c@x.test`}, " ENVID=a+2Bb+3Dc+20d", ` ORCPT=rfc822;"a+20b"+2Bc@x.test`},
		{"no type", mail.DSN{ORcpt: "ann@alias.test"}, "", " ORCPT=rfc822;ann@alias.test"},
		{"no type, not ASCII", mail.DSN{ORcpt: "jürgen@x.test"}, "", ` ORCPT=utf-8;j\x{FC}rgen@x.test`},
		{"wrong type, not ASCII", mail.DSN{ORcpt: "rfc822;jürgen@x.test"}, "", ` ORCPT=utf-8;j\x{FC}rgen@x.test`},
		{"utf-8, ASCII", mail.DSN{ORcpt: `UTF-8;a+b=c\d@x.test`}, "", ` ORCPT=utf-8;a\x{2B}b\x{3D}c\x{5C}d@x.test`},
		{"another type", mail.DSN{ORcpt: "x400;/c=us"}, "", " ORCPT=x400;/c+3Dus"},
		{"line ends", mail.DSN{Notify: "NEVER\r\nRSET", Ret: "FULL\r\nRSET", EnvID: "a\r\nRSET", ORcpt: "rfc822;a\r\nRSET"}, "", ""},
		{"line end in a type", mail.DSN{ORcpt: "rfc822\r\n;a@b.c"}, "", ""},
		{"envid is not ASCII", mail.DSN{EnvID: "grüße"}, "", ""},
		{"control character", mail.DSN{ORcpt: "jürgen\x01@x.test"}, "", ""},
		{"not UTF-8", mail.DSN{ORcpt: "j\xfcrgen@x.test"}, "", ""},
		{"too long", mail.DSN{EnvID: long + long + "x", ORcpt: "rfc822;" + strings.Repeat(long, 10)}, "", ""},
		{"as long as may be", mail.DSN{EnvID: long + long}, " ENVID=" + long + long, ""},
		{"only a type", mail.DSN{ORcpt: "rfc822;"}, "", ""},
	} {
		for _, offered := range []bool{true, false} {
			conn := &Conn{session: session{ext: smtp.Extensions{DSN: offered}}}
			j := &Job{Envelope: mail.Envelope{DSN: c.dsn}}
			if !conn.compose(j) {
				t.Fatalf("%s: %q cannot be said", c.name, conn.command.buf)
			}
			if !offered {
				c.mail, c.rcpt = "", ""
			}
			want := "MAIL FROM:<>" + c.mail + "\r\nRCPT TO:<>" + c.rcpt + "\r\nDATA\r\n"
			if got := string(conn.command.buf); got != want {
				t.Errorf("%s, offered %v:\n%s\nwant\n%s", c.name, offered, got, want)
			}
		}
	}
}

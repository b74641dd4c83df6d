"""Hands in mail with Python's smtplib: smtplib_client.py open|login PORT SECURE-PORT CA-FILE. Prints one JSON object: what each
case returned."""

import json
import smtplib
import ssl
import sys
from email.message import EmailMessage

kind, port, secure_port, ca = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
trust = ssl.create_default_context(cafile=ca)
sender = "me@sender.test"


def text(reply):
    return [reply[0], reply[1].decode()]


def refusals(refused):
    return {to: text(reply) for to, reply in refused.items()}


def connect():
    return smtplib.SMTP("127.0.0.1", port, timeout=120)


def connect_tls():
    return smtplib.SMTP_SSL("127.0.0.1", secure_port, timeout=120, context=trust)


def upgrade(client):
    client.starttls(context=trust)
    return client


def mail(case):
    return f"Subject: {case}\n\n.dot\nlast\n"


def plain():
    with connect() as c:
        return refusals(c.sendmail(sender, ["plain@python.test"], mail("plain")))


def starttls():
    with upgrade(connect()) as c:
        return refusals(c.sendmail(sender, "starttls@python.test", mail("starttls")))


def implicit():
    with connect_tls() as c:
        return refusals(c.sendmail(sender, ["implicit@python.test"], mail("implicit")))


def one_refused():
    with connect() as c:
        return refusals(c.sendmail(sender, ["good@python.test", "b..ad@python.test", "fine@python.test"], mail("one_refused")))


def all_refused():
    with connect() as c:
        try:
            c.sendmail(sender, ["b..ad@python.test"], mail("all_refused"))
        except smtplib.SMTPRecipientsRefused as e:
            refused = refusals(e.recipients)
        c.sendmail(sender, ["after@python.test"], mail("after"))
        return refused


def eight_bit():
    with connect() as c:
        return refusals(c.sendmail(sender, ["eight@python.test"], "Subject: eight_bit\r\n\r\nGr\xfc\xdfe\r\n".encode("latin-1"), ["BODY=8BITMIME"]))


def utf8():
    with connect() as c:
        return refusals(c.sendmail("m\xfcller@sender.test", ["\xfcbung@python.test"], "Subject: \xfc\r\n\r\nx\r\n".encode(), ["SMTPUTF8", "BODY=8BITMIME"]))


def no_utf8():
    with connect() as c:
        try:
            c.sendmail("m\xfcller@sender.test", ["x@python.test"], mail("no_utf8"))
        except UnicodeEncodeError:
            return "not sent"


def message():
    m = EmailMessage()
    m["From"], m["To"], m["Cc"], m["Bcc"] = sender, "to@python.test", "C\xe9line <cc@python.test>", "bcc@python.test"
    m["Subject"] = "message"
    m.set_content("Gr\xfc\xdfe\n")
    m.add_attachment(bytes(range(256)) * 8, maintype="application", subtype="octet-stream", filename="all.bin")
    with connect() as c:
        return refusals(c.send_message(m))


def dialogue():
    with connect() as c:
        c.ehlo("python.test")
        replies = [c.noop(), c.verify("x"), c.mail(sender), c.rset(), c.mail(sender, ["SIZE=100", "RET=HDRS"])]
        replies += [c.rcpt("a@python.test", ["NOTIFY=SUCCESS,DELAY"]), c.rcpt("b@python.test"), c.data(mail("dialogue"))]
        return [text(r) for r in replies]


def too_big():
    with connect() as c:
        try:
            c.sendmail(sender, ["big@python.test"], "Subject: too_big\r\n\r\n" + 40_000 * ("x" * 70 + "\r\n"))
        except smtplib.SMTPSenderRefused as e:
            return text((e.smtp_code, e.smtp_error))


def bare_lf():
    """Raw data whose lines end with LF alone, with a look-alike of the end and commands behind it."""
    with connect() as c:
        c.ehlo("python.test")
        c.mail(sender)
        c.rcpt("lf@python.test")
        c.docmd("DATA")
        c.send("Subject: bare_lf\n\nbody\n.\nMAIL FROM:<evil@sender.test>\nRCPT TO:<evil@python.test>\nDATA\n\nx\n")
        c.send("\r\n.\r\n")
        return [text(c.getreply()), text(c.noop())]


def bare_lf_command():
    with connect() as c:
        c.send("NOOP\nNOOP\r\n")
        return [text(c.getreply()), text(c.docmd("NOOP"))]


def early():
    """Commands sent along with STARTTLS must not count as sent in TLS."""
    with connect() as c:
        c.ehlo("python.test")
        c.send("STARTTLS\r\nMAIL FROM:<evil@sender.test>\r\n")
        return text(c.getreply())


def login():
    with upgrade(connect()) as c:
        return [text(c.login("shop", "open sesame")), refusals(c.sendmail(sender, ["login@python.test"], mail("login")))]


def login_implicit():
    with connect_tls() as c:
        c.ehlo()
        c.user, c.password = "shop", "open sesame"
        return [text(c.auth("LOGIN", c.auth_login)), refusals(c.sendmail(sender, ["implicit@python.test"], mail("login_implicit")))]


def login_in_clear():
    with connect() as c:
        try:
            c.login("shop", "open sesame")
        except smtplib.SMTPNotSupportedError:
            c.user, c.password = "shop", "open sesame"
            return text(c.docmd("AUTH", "PLAIN AHNob3AAb3BlbiBzZXNhbWU="))


def wrong_password():
    with connect_tls() as c:
        try:
            c.login("shop", "guess")
        except smtplib.SMTPAuthenticationError as e:
            return text((e.smtp_code, e.smtp_error))


def no_login():
    with upgrade(connect()) as c:
        try:
            c.sendmail(sender, ["nobody@python.test"], mail("no_login"))
        except smtplib.SMTPRecipientsRefused as e:
            return refusals(e.recipients)


cases = {
    "open": [plain, starttls, implicit, one_refused, all_refused, eight_bit, utf8, no_utf8, message, dialogue, too_big, bare_lf, bare_lf_command, early],
    "login": [login, login_implicit, login_in_clear, wrong_password, no_login],
}
print(json.dumps({case.__name__: case() for case in cases[kind]}))

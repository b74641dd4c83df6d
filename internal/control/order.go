package control

import (
	"strings"
	"unicode/utf8"

	"posthoorn/internal/settings"
)

// Bounds of the parts of an order.
const (
	maxTag    = 255 // what the table of pauses has room for
	maxReason = 400 // an SMTP reply of it still fits into a line of 512 bytes (RFC 5321 section 4.5.3.1.5)
	maxQueue  = 255 // a short string of AMQP
)

// check puts an order for a command into its normal form, or says what is wrong with it (exit code 64).
func (o *Order) check(command string) (err error) {
	if err = o.checkDestination(command); err != nil {
		return err
	}
	if o.IP = o.IP.Unmap(); o.IP.IsValid() {
		if err = usable(o.IP); err != nil {
			return err
		}
	} else if command == cmdMove {
		return usage("move needs one of our own addresses")
	}
	switch {
	case command == cmdFail && strings.TrimSpace(o.Reason) == "":
		return usage("fail needs a reason: the senders read it in their results")
	case !plain(o.Reason, maxReason):
		return usage("the reason is not a text of at most %d bytes without control characters", maxReason)
	case !plain(o.To, maxQueue):
		return usage("%s is not the name of a queue", shown(o.To))
	case !plain(o.Tag, maxTag):
		return usage("%s is not a tag: expected are up to %d bytes without control characters", shown(o.Tag), maxTag)
	}
	return nil
}

func (o *Order) checkDestination(command string) (err error) {
	switch command {
	case cmdBacklog:
		o.Destination = ""
	case cmdPause, cmdResume:
		_, err = o.pause()
	case cmdEvacuate:
		if o.Destination != "" {
			o.Destination, err = destination(o.Destination)
		}
	default:
		o.Destination, err = destination(o.Destination)
	}
	return err
}

// plain says that a text can stand in a line of SMTP, in a table and on a terminal.
func plain(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && visible(s) == s
}

// pause is what an order says about a pause: a destination that is an IP address is a remote one.
func (o *Order) pause() (p settings.Pause, err error) {
	p.Source, p.Tag = o.IP.Unmap(), o.Tag
	if o.Destination == "" {
		return p, nil
	}
	if ip, ok := address(o.Destination); ok {
		p.Remote = ip
		return p, usable(ip)
	}
	if _, _, ok := hostPort(o.Destination); ok {
		return p, usage("%s: a pause is of a domain or of a remote IP address, without a port", shown(o.Destination))
	}
	p.Domain, err = domain(o.Destination)
	return p, err
}

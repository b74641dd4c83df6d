package sink

import (
	"bytes"
	"strconv"
)

// A script is ACTION[-STATE][.COUNT]; a word at, in, before or after before the state is allowed. Without a count it is played
// every time, else so many times for its address. Examples: refuse, defer.3, drop-at-rcpt, hang-data, drop-after-dot.2,
// cut-dot, defer-dot.1, garbage-mail, close-greeting.
//
// At the states rcpt, data, body, dot and quit the recipients of the transaction decide, at mail the sender; at greeting, ehlo
// and starttls, and at all others too, Options.Scripts. body is the middle of the data; dot stands between the final dot and its
// reply.
type script struct {
	action action
	state  state
	count  int // 0: always
	text   string
}

type action string

const (
	deferIt action = "defer"   // a reply of 4xx
	refuse  action = "refuse"  // a reply of 5xx
	closeIt action = "close"   // 421 and the end of the connection
	drop    action = "drop"    // the end of the connection (FIN)
	reset   action = "reset"   // the same with RST
	hang    action = "hang"    // neither reads nor answers
	cut     action = "cut"     // half a reply, then the end
	garbage action = "garbage" // a line that is no reply
)

type state string

const (
	atGreeting state = "greeting"
	atEHLO     state = "ehlo"
	atSTARTTLS state = "starttls"
	atMAIL     state = "mail"
	atRCPT     state = "rcpt"
	atDATA     state = "data"
	inBody     state = "body"
	atDot      state = "dot"
	atQUIT     state = "quit"
)

var (
	actions = []action{deferIt, refuse, closeIt, drop, reset, hang, cut, garbage}
	states  = []state{atGreeting, atEHLO, atSTARTTLS, atMAIL, atRCPT, atDATA, inBody, atDot, atQUIT}
)

// parseScript reads a script from a local part; false for the many that are none. It makes no allocation for those.
func parseScript(local []byte) (script, bool) {
	for _, a := range actions {
		if bytes.HasPrefix(local, []byte(a)) {
			return parseActionState(a, local)
		}
	}
	return script{}, false
}

func parseActionState(a action, local []byte) (script, bool) {
	word, number, counted := bytes.Cut(local[len(a):], []byte{'.'})
	sc := script{action: a, state: atRCPT, text: string(local)}
	if counted {
		n, err := strconv.Atoi(string(number))
		if err != nil || n < 1 {
			return sc, false
		}
		sc.count = n
	}
	if len(word) == 0 {
		return sc, true
	}
	for _, between := range []string{"-at", "-in", "-before", "-after"} {
		word = bytes.TrimPrefix(word, []byte(between))
	}
	for _, st := range states {
		if string(word) == "-"+string(st) {
			sc.state = st
			return sc, true
		}
	}
	return sc, false
}

// maxUsed bounds the memory for counts.
const maxUsed = 1 << 20

// due says whether a script is to be played once more for its address.
func (s *Server) due(sc *script, address string) bool {
	if sc.count == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.used[address]
	if n >= sc.count || !known && len(s.used) >= maxUsed {
		return false
	}
	s.used[address] = n + 1
	return true
}

// chance throws the dice for a recipient: empty, deferIt or refuse.
func (s *Server) chance() action {
	if s.opts.Temporary == 0 && s.opts.Permanent == 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch p := s.random.Float64(); {
	case p < s.opts.Temporary:
		return deferIt
	case p < s.opts.Temporary+s.opts.Permanent:
		return refuse
	}
	return ""
}

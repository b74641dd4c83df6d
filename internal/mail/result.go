package mail

import (
	"strconv"
	"time"
)

// State is where an attempt ended (results-json.md section 4).
type State string

// The states.
const (
	StateAMQP         State = "amqp"
	StateProcess      State = "process"
	StateSuppression  State = "suppression"
	StateStorage      State = "storage"
	StateResponsive   State = "responsive"
	StatePersonalize  State = "personalize"
	StateRewrite      State = "rewrite"
	StateDNS          State = "dns"
	StateBind         State = "bind"
	StateConnect      State = "connect"
	StateHandshake    State = "handshake"
	StateIntro        State = "intro"
	StateEHLO         State = "ehlo"
	StateHELO         State = "helo"
	StateSTARTTLS     State = "starttls"
	StateAuthPlain    State = "authplain"
	StateAuthLogin    State = "authlogin"
	StateAuthUsername State = "authusername"
	StateAuthPassword State = "authpassword"
	StateAuthCRAM     State = "authcram"
	StateAuthResponse State = "authresponse"
	StateMailFrom     State = "mailfrom"
	StateRcptTo       State = "rcptto"
	StateData         State = "data"
	StateMessage      State = "message"
	StateIdle         State = "idle"
	StateUnknown      State = "unknown"
)

// Kind is how an attempt ended (results-json.md section 5).
type Kind string

// The result types. There are no others.
const (
	Accepted Kind = "accepted"
	Timeout  Kind = "timeout"
	Lost     Kind = "lost"
	Invalid  Kind = "invalid"
	Failed   Kind = "error"
)

// Result is one attempt (results-json.md section 3). Zero fields are left out.
type Result struct {
	Attempt        int
	State          State
	Kind           Kind
	Time           time.Time
	From, To       string // IP addresses; set once a TCP connection was being set up
	MTA            string // name in the remote greeting
	Messages       int    // over this connection so far, this one included
	Authentication string
	Cipher         *Cipher
	Certificate    *Certificate
	Code           int
	Status         string // enhanced code
	Description    string
	DSN            bool // the peer offers DSN; written for successes
	SentConnection int64
	SentData       int64 // MIME bytes of SentConnection
	Permanent      bool  // a local error that is final whatever Code says; not written
	Retry          bool  // connection trouble that is worth another attempt whatever Code says; not written
}

// OK says that the receiver has taken the message.
func (r *Result) OK() bool { return r.State == StateMessage && r.Kind == Accepted }

// Temporary says that another attempt may succeed (results-json.md section 7).
func (r *Result) Temporary() bool {
	if r.OK() || r.Permanent {
		return false
	}
	return r.Retry || r.Kind != Failed || r.Code < 500 || r.Code > 599
}

// AppendJSON appends the result as a JSON object.
func (r *Result) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"attempt":`...)
	dst = strconv.AppendInt(dst, int64(r.Attempt), 10)
	dst = appendField(dst, "state", string(r.State))
	dst = appendField(dst, "result", string(r.Kind))
	dst = AppendTime(append(dst, `,"time":`...), r.Time)
	dst = appendField(dst, "mta", r.MTA)
	dst = appendField(dst, "from", r.From)
	dst = appendField(dst, "to", r.To)
	if r.Messages > 0 {
		dst = strconv.AppendInt(append(dst, `,"messages":`...), int64(r.Messages), 10)
	}
	dst = r.appendSession(dst)
	return append(r.appendReply(dst), '}')
}

func (r *Result) appendSession(dst []byte) []byte {
	dst = appendField(dst, "authentication", r.Authentication)
	if r.Cipher != nil {
		dst = append(append(dst, `,"cipher":`...), r.Cipher.JSON()...)
	}
	if r.Certificate != nil {
		dst = append(append(dst, `,"certificate":`...), r.Certificate.JSON()...)
	}
	if r.SentConnection > 0 {
		dst = strconv.AppendInt(append(dst, `,"sent":{"connection":`...), min(r.SentConnection, maxSent), 10)
		dst = append(strconv.AppendInt(append(dst, `,"data":`...), min(r.SentData, maxSent), 10), '}')
	}
	return dst
}

// maxSent keeps the counters within what 32-bit readers take (clients.md A).
const maxSent = 1<<31 - 1

func (r *Result) appendReply(dst []byte) []byte {
	if r.Code > 0 {
		dst = strconv.AppendInt(append(dst, `,"code":`...), int64(r.Code), 10)
	}
	dst = appendField(dst, "status", r.Status)
	dst = appendField(dst, "description", r.Description)
	if r.OK() {
		dst = strconv.AppendBool(append(dst, `,"dsn":`...), r.DSN)
	}
	return dst
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, ',', '"'), name...), '"', ':')
	return AppendString(dst, value)
}

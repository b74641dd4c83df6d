package mail

// Envelope is one MAIL and one RCPT with what may stand beside them.
type Envelope struct {
	From Address // zero: the null reverse-path
	To   Address
	DSN  DSN
}

// DSN holds the parameters of RFC 3461, decoded from xtext. Empty fields are not given.
type DSN struct {
	Notify string // NEVER, or a comma list of SUCCESS, FAILURE, DELAY
	Ret    string // FULL or HDRS
	ORcpt  string // type;address
	EnvID  string
}

// IsZero says that no parameter is given.
func (d DSN) IsZero() bool { return d == DSN{} }

package deliver

import (
	"sync/atomic"
	"time"
)

// Phase is what a connection is busy with.
type Phase uint32

// The phases.
const (
	Dialing Phase = iota
	Greeting
	Handshake
	Hello
	LogIn
	Idle
	MailFrom
	RcptTo
	Data
	Waiting // for the reply to the final dot
	Closing
)

var phaseNames = [...]string{"dialing", "greeting", "tls", "ehlo", "auth", "idle", "mail", "rcpt", "data", "waiting", "closing"}

func (p Phase) String() string { return phaseNames[p] }

// Info is what an operator may want to know of a connection.
type Info struct {
	ID       uint64
	Phase    Phase
	Since    time.Time // when the phase began
	Local    string    // IP address; empty while dialing
	Remote   string    // IP address and port of the target in use
	Host     string    // its name as the target had it
	MTA      string    // its name as its greeting had it
	Cipher   string    // empty: in clear
	Messages int       // sent or refused
	Sent     int64     // bytes
	Limit    int       // messages that the peer takes over one connection, as announced or learned; 0 = unknown
}

// info is the part of a connection that others may read at any time.
type info struct {
	phase    atomic.Uint32
	since    atomic.Int64
	messages atomic.Int64
	sent     atomic.Int64
	limit    atomic.Int64
	peer     atomic.Pointer[peerInfo]
}

// peerInfo is who is at the other end; replaced as a whole.
type peerInfo struct{ local, remote, host, mta, cipher string }

// Phase is what the connection is busy with. Safe at any time.
func (c *Conn) Phase() Phase { return Phase(c.info.phase.Load()) }

// Info is a snapshot. Safe at any time.
func (c *Conn) Info() Info {
	i := Info{
		ID: c.ID, Phase: c.Phase(), Since: time.Unix(0, c.info.since.Load()),
		Messages: int(c.info.messages.Load()), Sent: c.info.sent.Load(), Limit: int(c.info.limit.Load()),
	}
	if p := c.info.peer.Load(); p != nil {
		i.Local, i.Remote, i.Host, i.MTA, i.Cipher = p.local, p.remote, p.host, p.mta, p.cipher
	}
	return i
}

func (c *Conn) enter(p Phase) {
	old := Phase(c.info.phase.Swap(uint32(p)))
	if old == p {
		return
	}
	c.info.since.Store(c.client.now().UnixNano())
	c.client.metrics.phases[old].Add(-1)
	c.client.metrics.phases[p].Add(1)
}

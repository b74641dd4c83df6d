package settings

import (
	"strconv"
	"time"
)

// unset is the value of a limit column that leaves the field to the next less specific row.
const unset = -1

// field is one limit column, the same in capacity and in flood_responses.
type field struct {
	column  string
	builtIn int64 // where no row says anything; equal to Defaults
	gentle  gentleness
	unit    unit
}

// gentleness says which of two values is easier on the receiver: it wins where two rows of equal weight meet.
type gentleness uint8

const (
	lower      gentleness = iota // 0 is unlimited, thus the highest
	lowerPlain                   // 0 is the lowest
	higher
)

type unit uint8

const (
	counts unit = iota
	flag
	milliseconds
	pauseSeconds // 0 is none, not unlimited
	timeout      // 0 is what the RFC says
	security
	minimum // 0 is none
)

// The fields, in the order of the table fields.
const (
	domainMessages = iota
	domainConnects
	domainConnections
	remoteMessages
	remoteConnects
	remoteConnections
	connMessages
	idleTime
	secure
	memory
	domainBytes
	remoteBytes
	domainStarting
	remoteStarting
	domainIdle
	remoteIdle
	connBytes
	minMessages
	spread
	offline
	memoryFirst
	memoryRetries
	timeoutConnect
	timeoutIntro
	timeoutCommand
	timeoutData
	timeoutMessage
	numFields
)

// values are the limits of a row in the units of its columns, or unset.
type values [numFields]int64

var fields = [numFields]field{
	domainMessages:    {column: "domain_maxmessages"},
	domainConnects:    {column: "domain_maxconnects"},
	domainConnections: {column: "domain_maxconnections"},
	remoteMessages:    {column: "ip_maxmessages"},
	remoteConnects:    {column: "ip_maxconnects"},
	remoteConnections: {column: "ip_maxconnections"},
	connMessages:      {column: "connection_maxmessages"},
	idleTime:          {column: "connection_maxidletime", builtIn: 5000, unit: milliseconds},
	secure:            {column: "secure", builtIn: int64(Opportunistic), gentle: higher, unit: security},
	memory:            {column: "domain_maxqueue", builtIn: 500},
	domainBytes:       {column: "domain_maxbytes"},
	remoteBytes:       {column: "ip_maxbytes"},
	domainStarting:    {column: "domain_maxstarting"},
	remoteStarting:    {column: "ip_maxstarting", builtIn: 1},
	domainIdle:        {column: "domain_maxidle"},
	remoteIdle:        {column: "ip_maxidle"},
	connBytes:         {column: "connection_maxbytes"},
	minMessages:       {column: "connection_minmessages", gentle: higher, unit: minimum},
	spread:            {column: "connection_spread", gentle: lowerPlain, unit: flag},
	offline:           {column: "offline_time", builtIn: 120, gentle: higher, unit: pauseSeconds},
	memoryFirst:       {column: "queue_first"},
	memoryRetries:     {column: "queue_retries"},
	timeoutConnect:    {column: "timeout_connect", unit: timeout},
	timeoutIntro:      {column: "timeout_intro", unit: timeout},
	timeoutCommand:    {column: "timeout_command", unit: timeout},
	timeoutData:       {column: "timeout_data", unit: timeout},
	timeoutMessage:    {column: "timeout_message", unit: timeout},
}

// nothing has no field set.
func nothing() (v values) {
	for i := range v {
		v[i] = unset
	}
	return v
}

func builtIns() (v values) {
	for i := range v {
		v[i] = fields[i].builtIn
	}
	return v
}

// gentler chooses between two values that are both set.
func (f *field) gentler(a, b int64) int64 {
	switch f.gentle {
	case higher:
		return max(a, b)
	case lowerPlain:
		return min(a, b)
	}
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// text is the value for people.
func (f *field) text(v int64) string {
	switch f.unit {
	case flag:
		return yesNo(v)
	case security:
		return Security(v).String()
	case milliseconds:
		return durationText(span(v, time.Millisecond), "unlimited")
	case pauseSeconds:
		return durationText(span(v, time.Second), "none")
	case timeout:
		return durationText(span(v, time.Second), "standard")
	case minimum:
		return countText(v, "none")
	}
	return countText(v, "unlimited")
}

func yesNo(v int64) string {
	if v != 0 {
		return "yes"
	}
	return "no"
}

func durationText(d time.Duration, zero string) string {
	if d == 0 {
		return zero
	}
	return d.String()
}

func countText(v int64, zero string) string {
	if v == 0 {
		return zero
	}
	return strconv.FormatInt(v, 10)
}

// longest bounds every duration of the database: far beyond all use and no overflow near.
const longest = 10 * 365 * 24 * time.Hour

// span is n units, at most longest.
func span(n int64, of time.Duration) time.Duration {
	return time.Duration(min(n, int64(longest/of))) * of
}

// limits turns complete values into what the plan uses.
func (v *values) limits() Limits {
	return Limits{
		Domain: Counts{
			Messages: int(v[domainMessages]), Connects: int(v[domainConnects]), Bytes: v[domainBytes],
			Connections: int(v[domainConnections]), Starting: int(v[domainStarting]), Idle: int(v[domainIdle]),
		},
		Remote: Counts{
			Messages: int(v[remoteMessages]), Connects: int(v[remoteConnects]), Bytes: v[remoteBytes],
			Connections: int(v[remoteConnections]), Starting: int(v[remoteStarting]), Idle: int(v[remoteIdle]),
		},
		ConnMessages: int(v[connMessages]), ConnBytes: v[connBytes], MinMessages: int(v[minMessages]),
		Spread: v[spread] != 0, IdleTime: span(v[idleTime], time.Millisecond),
		Memory: int(v[memory]), MemoryFirst: int(v[memoryFirst]), MemoryRetries: int(v[memoryRetries]),
		Offline: span(v[offline], time.Second), Security: Security(v[secure]),
		Timeouts: Timeouts{
			Connect: span(v[timeoutConnect], time.Second), Intro: span(v[timeoutIntro], time.Second),
			Command: span(v[timeoutCommand], time.Second), Data: span(v[timeoutData], time.Second),
			Message: span(v[timeoutMessage], time.Second),
		},
	}
}

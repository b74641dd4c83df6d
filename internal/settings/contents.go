package settings

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"posthoorn/internal/mailauth/dkim"
)

// contents are the rows of the database that make sense.
type contents struct {
	capacity  capacity
	floods    floods
	delegates delegates
	paused    []Pause // by id, ended ones included
	names     map[netip.Addr]string
	targets   map[string][]Target
	keys      []dkim.Row
	locals    locals
	blacklist blacklist
	tokens    tokens
	bad       []badRow
}

// badRow is a row that is left out, and why.
type badRow struct {
	table, id, reason string
}

const most = 1 << 40 // of a limit: more is a mistake

// newContents reads the rows of a database that has other readers and writers: what makes no sense is left out and noted. Server
// is our own id, for rows that hold for one instance.
func newContents(rows map[string][]Row, server int) *contents {
	c := &contents{}
	limits, reduced := c.limitRows(rows[tableCapacity]), map[int64]*values{}
	c.floods = newFloods(c.floodRows(rows[tableFloods], reduced))
	c.capacity = newCapacity(limits, reduced)
	c.delegates = newDelegates(c.delegateRows(rows[tableDelegates]))
	c.pausedRows(rows[tablePaused], server)
	c.nameRows(rows[tableNames])
	c.targetRows(rows[tableDNS])
	c.keyRows(rows[tableKeys], rows[tableSigns])
	c.localRows(rows[tableLocals])
	c.blacklistRows(rows[tableBlacklist])
	c.tokenRows(rows[tableTokens])
	return c
}

// each reads the rows of a table. An id that is used twice is one row too many: it would be counted, or removed, with the other.
func (c *contents) each(table string, rows []Row, read func(cells *cells, id int64)) {
	used := make(map[int64]bool, len(rows))
	for _, row := range rows {
		in := &cells{row: row}
		id := in.whole("id", math.MinInt64, math.MaxInt64)
		switch {
		case in.err != nil:
		case in.trimmed("id") == "":
			in.err = fmt.Errorf("it has no id")
		case used[id]:
			in.err = fmt.Errorf("another row has this id")
		default:
			used[id] = true
			read(in, id)
		}
		if in.err != nil {
			c.bad = append(c.bad, badRow{table: table, id: in.name(), reason: in.err.Error()})
		}
	}
}

// name is the id for the log, whatever stands there.
func (c *cells) name() string {
	if n, err := parseWhole(c.trimmed("id")); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%.20q", c.row["id"])
}

// limits reads the columns that capacity and flood_responses share.
func (c *cells) limits() (v values) {
	for i := range fields {
		high := int64(most)
		switch fields[i].unit {
		case security:
			high = int64(Verified)
		case milliseconds, pauseSeconds, timeout:
			high = math.MaxInt64 // bounded by span
		}
		v[i] = c.whole(fields[i].column, unset, high)
	}
	return v
}

func (c *contents) limitRows(rows []Row) (list []*limitRow) {
	c.each(tableCapacity, rows, func(in *cells, id int64) {
		row := &limitRow{id: id, pair: pair{in.addr("localip"), in.domain("domain")}}
		row.order, row.values = in.whole("sortorder", math.MinInt32, math.MaxInt32), in.limits()
		aside := in.whole("rules_only", unset, math.MaxInt32) > 0
		if in.err == nil && !aside {
			list = append(list, row)
		}
	})
	return list
}

// floodRows returns the patterns, and puts the limits of the rows into reduced.
func (c *contents) floodRows(rows []Row, reduced map[int64]*values) (list []flood) {
	c.each(tableFloods, rows, func(in *cells, id int64) {
		kind, text := in.row["type"], in.row["pattern"]
		row := flood{Flood: Flood{ID: id, Name: in.words("name")}, digit: digitPattern(kind, text)}
		row.Pause, row.Reduced = in.seconds("pause"), in.seconds("duration")
		v := in.limits()
		if in.err == nil {
			row.pattern, in.err = newPattern(kind, text)
		}
		if in.err == nil {
			list, reduced[id] = append(list, row), &v
		}
	})
	slices.SortFunc(list, func(a, b flood) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (c *contents) delegateRows(rows []Row) (list []delegate) {
	c.each(tableDelegates, rows, func(in *cells, id int64) {
		row := delegate{id: id, pair: pair{in.addr("localip"), in.domain("domain")}}
		row.to, row.expire = in.addr("delegate"), in.moment("expire")
		if !row.to.IsValid() {
			in.fail("delegate", "there is no address to send from")
		}
		if in.err == nil {
			list = append(list, row)
		}
	})
	return list
}

// pausedRows takes the pauses that hold for this instance: those of the cluster, its own, and those that name no server.
func (c *contents) pausedRows(rows []Row, server int) {
	c.each(tablePaused, rows, func(in *cells, id int64) {
		p := in.pause()
		p.ID = id
		cluster := in.whole("cluster", math.MinInt32, math.MaxInt32) > 0
		own := in.whole("server", math.MinInt32, math.MaxInt32)
		if in.err == nil && (cluster || own <= 0 || own == int64(server)) {
			c.paused = append(c.paused, p)
		}
	})
}

// pause is what a row of the pauses stops, and until when.
func (c *cells) pause() Pause {
	p := Pause{Source: c.addr("localip"), Tag: c.words("tag"), Expire: c.moment("expire")}
	p.Remote, p.Domain = c.target()
	return p
}

func pauseOf(row Row) Pause { return (&cells{row: row}).pause() }

// target is a remote address or a domain.
func (c *cells) target() (netip.Addr, string) {
	s := c.selector("target")
	if ip, err := parseAddr(s); err == nil {
		return ip, ""
	}
	return netip.Addr{}, c.domain("target")
}

// nameRows takes host names alone, which go into EHLO as they are.
func (c *contents) nameRows(rows []Row) {
	c.names = map[netip.Addr]string{}
	c.each(tableNames, rows, func(in *cells, _ int64) {
		ip, name := in.addr("ip"), in.domain("name")
		switch {
		case !ip.IsValid():
			in.fail("ip", "there is no address")
		case name == "", strings.ContainsAny(name, "[_"):
			in.fail("name", "is no host name")
		case in.err == nil && c.names[ip] != "":
			in.fail("ip", "another row names this address")
		case in.err == nil:
			c.names[ip] = name
		}
	})
}

func (c *contents) targetRows(rows []Row) {
	c.targets = map[string][]Target{}
	c.each(tableDNS, rows, func(in *cells, _ int64) {
		domain := in.domain("domain")
		t := Target{Addr: in.addr("ip"), Priority: int(in.whole("priority", math.MinInt32, math.MaxInt32))}
		switch {
		case in.err != nil:
		case domain == "":
			in.fail("domain", "there is no domain")
		case !t.Addr.IsValid():
			in.fail("ip", "there is no address")
		default:
			c.targets[domain] = append(c.targets[domain], t)
		}
	})
	for domain, list := range c.targets {
		c.targets[domain] = inOrder(list)
	}
}

// inOrder puts the lowest priority first and keeps each address once, where it comes first.
func inOrder(list []Target) []Target {
	slices.SortStableFunc(list, func(a, b Target) int { return cmp.Compare(a.Priority, b.Priority) })
	seen := make(map[netip.Addr]bool, len(list))
	list = slices.DeleteFunc(list, func(t Target) bool {
		again := seen[t.Addr]
		seen[t.Addr] = true
		return again
	})
	return slices.Clip(list)
}

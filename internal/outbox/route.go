package outbox

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/schedule"
	"posthoorn/internal/settings"
)

// route decides where a message goes, and finds the way that it has by the settings of now.
func (e *Engine) route(it *item) (way, *mail.Error) {
	if it.site == "" { // what the operator moves has it, and a link may still look at that
		if err := e.lead(it); err != nil {
			return way{}, err
		}
	}
	sources, key, err := e.sources(it.m)
	if err != nil {
		return way{}, err
	}
	it.pinned = netip.Addr{}
	if at := it.place.Sources; it.waiting != 0 && at != key {
		if ip, err := netip.ParseAddr(at[strings.LastIndexByte(at, '@')+1:]); err == nil && slices.Contains(sources, ip) {
			it.pinned = ip
		}
	}
	it.sources, it.key = sources, key
	w := e.wayOf(it, e.rules.Load(), time.Now())
	w.take(it)
	if w.pool == nil && !w.paused {
		return w, e.noAddress()
	}
	return w, nil
}

// lead finds the site of a message.
func (e *Engine) lead(it *item) *mail.Error {
	it.host = e.smarthost(it.m)
	switch {
	case it.host == nil:
		it.site = it.m.Recipient.ASCIIDomain()
	case len(it.host.Host) > maxHost:
		return &mail.Error{Code: 550, Status: "5.1.2", State: mail.StateDNS, Kind: mail.Failed}
	default:
		it.site = siteOf(it.host)
	}
	return nil
}

// maxHost is the longest host name that DNS can hold.
const maxHost = 255

// smarthost is the message's own, else the file's: as a whole, credentials are not mixed.
func (e *Engine) smarthost(m *mail.Message) *mail.Smarthost {
	if m.Smarthost != nil && m.Smarthost.Host != "" {
		return m.Smarthost
	}
	if s := e.o.Smarthost; s != nil {
		return &mail.Smarthost{Host: s.Host, Port: s.Port, Username: s.Username, Password: s.Password}
	}
	return nil
}

func siteOf(h *mail.Smarthost) string {
	return strings.ToLower(h.Host) + ":" + strconv.Itoa(int(h.Port))
}

// class is what a connection must have in common with a message to carry it (T43).
func (e *Engine) class(it *item, r *rules, sources []netip.Addr) schedule.Class {
	c := schedule.Class{Security: strings.ToLower(it.m.Security), Tags: r.tags(it.m.Tags)}
	if c.Security == "" {
		c.Security = securityOf(r.s, sources, ruleDomain(it.site))
	}
	switch {
	case e.o.Sink != nil:
		c.Auth = e.logins.name(e.o.Sink.Username, e.o.Sink.Password)
	case it.host != nil:
		c.Auth = e.logins.name(it.host.Username, it.host.Password)
	}
	return c
}

// securityOf is the demand of the domain's own rows; the strictest where they differ by address.
func securityOf(s *settings.Snapshot, sources []netip.Addr, domain string) string {
	most := settings.Optional
	for _, source := range sources {
		most = max(most, s.Security(source, domain))
	}
	if most == settings.Opportunistic {
		return "" // as everywhere
	}
	return most.String()
}

// sources are the addresses that a message may leave from, and the name of that set: empty for the default one.
func (e *Engine) sources(m *mail.Message) ([]netip.Addr, string, *mail.Error) {
	if !m.HasIPs && m.Pool == "" {
		return e.defaults(), "", nil
	}
	own := e.o.Own()
	var usable []netip.Addr
	for _, ip := range m.IPs {
		if slices.Contains(own, ip) && !slices.Contains(usable, ip) {
			usable = append(usable, ip)
		}
	}
	if len(usable) == 0 {
		return nil, "", e.noAddress()
	}
	slices.SortFunc(usable, netip.Addr.Compare)
	usable = usable[:min(len(usable), maxSources)]
	names := make([]string, len(usable))
	for i, ip := range usable {
		names[i] = ip.String()
	}
	return usable, strings.Join(names, ","), nil
}

// maxSources bounds the addresses of one message: they are part of the name of its place in the local queue.
const maxSources = 256

// noAddress is the end of a message that no address of this host may send.
func (e *Engine) noAddress() *mail.Error {
	return &mail.Error{Code: 554, Status: "5.3.5", State: e.bindState(), Kind: mail.Failed}
}

// bindState is the word for "no local address to send from" (results-json.md section 4).
func (e *Engine) bindState() mail.State {
	if e.o.Words5 {
		return mail.StateProcess
	}
	return mail.StateBind
}

// defaults are the addresses of a message that names none. A host with nothing but loopback leaves the choice to the kernel.
func (e *Engine) defaults() []netip.Addr {
	if len(e.o.DefaultIPs) > 0 {
		return e.o.DefaultIPs
	}
	var list []netip.Addr
	for _, ip := range e.o.Own() {
		if (e.o.Loopback || !ip.IsLoopback()) && !ip.IsLinkLocalUnicast() {
			list = append(list, ip)
		}
	}
	if len(list) == 0 {
		return []netip.Addr{{}}
	}
	return list
}

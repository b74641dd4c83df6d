package inject

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"posthoorn/internal/mail"
	"posthoorn/internal/mime"
)

const prefix = "x-mq-"

func isOurs(f *mime.Field) bool { return mime.HasNamePrefix(f.Name, prefix) }

// extracted is what the x-mq-* headers of one message say (incoming-json.md section 6).
type extracted struct {
	envelope   mail.Address
	recipients []string
	delayed    time.Time
	deadline   time.Time // maxdelivertime
	ips        []string
	tags       []string
	dsn        mail.DSN
	queues     object
	smarthost  object
	single     object // official properties with one value
	custom     []property
	bad        []string // names of headers whose value was not understood
	loose      bool
}

// property is a custom header; its name is in lower case, without the prefix.
type property struct {
	name   string
	values []string
}

// object is the inside of a JSON object: ,"name":value and so on. The first value of a name wins.
type object struct {
	names []string
	text  []byte
}

// add starts a member and says whether its value may be appended to text.
func (o *object) add(name string) bool {
	if slices.Contains(o.names, name) {
		return false
	}
	o.names = append(o.names, name)
	o.text = append(append(append(o.text, ',', '"'), name...), '"', ':')
	return true
}

// property appends the object as a property; nothing when it is empty.
func (o *object) property(dst []byte, name string) []byte {
	if len(o.text) == 0 {
		return dst
	}
	dst = append(append(append(dst, ',', '"'), name...), '"', ':', '{')
	return append(append(dst, o.text[1:]...), '}')
}

// reading puts the value of one header where it belongs; false: the value was not understood.
type reading func(x *extracted, value string) bool

// official holds every header with a meaning of its own.
var official = map[string]reading{
	"envelope":           (*extracted).address,
	"recipient":          func(x *extracted, v string) bool { x.recipients = append(x.recipients, v); return true },
	"ip":                 (*extracted).ip,
	"pool":               single("pool", text),
	"tag":                func(x *extracted, v string) bool { x.tags = append(x.tags, v); return true },
	"delayed":            func(x *extracted, v string) bool { return x.moment("delayed", v, &x.delayed) },
	"maxdelivertime":     func(x *extracted, v string) bool { return x.moment("maxdelivertime", v, &x.deadline) },
	"maxattempts":        single("maxattempts", number(0, 1<<31-1)),
	"retries":            single("retries", numbers),
	"inlinecss":          single("inlinecss", boolean),
	"keepmime":           single("keepmime", boolean),
	"force":              single("force", boolean),
	"priority":           single("priority", number(0, 255)),
	"security":           single("security", security),
	"results-queue":      queue("results"),
	"failure-queue":      queue("failure"),
	"success-queue":      queue("success"),
	"retry-queue":        queue("retry"),
	"dsn-queue":          queue("dsn"),
	"smarthost-name":     smarthost("name", text),
	"smarthost-hostname": smarthost("hostname", text),
	"smarthost-port":     smarthost("port", number(1, 65535)),
	"smarthost-username": smarthost("username", text),
	"smarthost-password": smarthost("password", text),
	"dsn-notify":         func(x *extracted, v string) bool { return first(&x.dsn.Notify, v) },
	"dsn-ret":            func(x *extracted, v string) bool { return first(&x.dsn.Ret, v) },
	"dsn-orcpt":          func(x *extracted, v string) bool { return first(&x.dsn.ORcpt, v) },
	"dsn-envid":          func(x *extracted, v string) bool { return first(&x.dsn.EnvID, v) },
}

// owned are names that no header may set: they are the server's.
var owned = []string{"recipient", "mime", "mime-encoding", "key", "results", "domain", "forcedip", "seen", "message-id",
	"received", "hostname", "connection", "spool", "cli", "http", "checks", "report", "reported", "extracted", "nextattempt",
	"data", "dkim", "dsn", "queues", "smarthost", "headers", "ips", "tags", ""}

// extract reads all x-mq-* headers.
func extract(h *mime.Header, loose bool) *extracted {
	x := &extracted{loose: loose}
	for i := range h.Fields {
		f := &h.Fields[i]
		if !isOurs(f) {
			continue
		}
		name := strings.ToLower(string(f.Name[len(prefix):]))
		value := string(mime.Unfold(f.Value))
		read, ok := official[name]
		switch {
		case ok && !read(x, value):
			x.bad = append(x.bad, name)
		case !ok && !slices.Contains(owned, name):
			x.addCustom(name, value)
		}
	}
	return x
}

func (x *extracted) addCustom(name, value string) {
	for i := range x.custom {
		if x.custom[i].name == name {
			x.custom[i].values = append(x.custom[i].values, value)
			return
		}
	}
	x.custom = append(x.custom, property{name: name, values: []string{value}})
}

func (x *extracted) address(value string) bool {
	for _, s := range mime.Addresses([]byte(value)) {
		a, err := mail.ParseAddress(s, x.loose)
		if err != nil {
			return false
		}
		if x.envelope.IsZero() {
			x.envelope = a
		}
		return true
	}
	return false
}

func (x *extracted) ip(value string) bool {
	ip, err := netip.ParseAddr(value)
	if err != nil || ip.Zone() != "" {
		return false
	}
	x.ips = append(x.ips, ip.Unmap().String())
	return true
}

// form appends a value as JSON; false when it has not the form.
type form func(dst []byte, value string) ([]byte, bool)

func single(name string, f form) reading {
	return func(x *extracted, value string) bool { return x.single.value(name, value, f) }
}

func smarthost(name string, f form) reading {
	return func(x *extracted, value string) bool { return x.smarthost.value(name, value, f) }
}

func queue(name string) reading {
	return func(x *extracted, value string) bool { return x.queues.value(name, value, text) }
}

func first(field *string, value string) bool {
	if *field == "" {
		*field = value
	}
	return value != ""
}

func (o *object) value(name, value string, f form) bool {
	text, ok := f(nil, value)
	if ok && o.add(name) {
		o.text = append(o.text, text...)
	}
	return ok
}

func text(dst []byte, value string) ([]byte, bool) { return mail.AppendString(dst, value), true }

func boolean(dst []byte, value string) ([]byte, bool) {
	switch strings.ToLower(value) {
	case "1", "true":
		return append(dst, "true"...), true
	case "0", "false":
		return append(dst, "false"...), true
	}
	return dst, false
}

func number(low, high int64) form {
	return func(dst []byte, value string) ([]byte, bool) {
		n, err := strconv.ParseInt(value, 10, 64)
		return strconv.AppendInt(dst, n, 10), err == nil && n >= low && n <= high
	}
}

// numbers is a comma list of seconds.
func numbers(dst []byte, value string) ([]byte, bool) {
	dst = append(dst, '[')
	for i, part := range strings.Split(value, ",") {
		if i > 0 {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = number(0, 1<<31-1)(dst, strings.TrimSpace(part)); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), true
}

func (x *extracted) moment(name, value string, keep *time.Time) bool {
	t, err := mail.ParseTime(value)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return false
	}
	if x.single.add(name) {
		x.single.text = mail.AppendTime(x.single.text, t)
		*keep = t
	}
	return true
}

func security(dst []byte, value string) ([]byte, bool) {
	value = strings.ToLower(value)
	switch value {
	case "optional", "opportunistic", "required", "verified":
		return mail.AppendString(dst, value), true
	}
	return dst, false
}

// append appends all properties that stand in the tail of the object, after the source.
func (x *extracted) append(dst []byte) []byte {
	dst = append(dst, x.single.text...)
	dst = appendStrings(dst, "tags", x.tags)
	dst = x.queues.property(dst, "queues")
	dst = x.smarthost.property(dst, "smarthost")
	for _, p := range x.custom {
		dst = mail.AppendString(append(dst, ','), p.name)
		dst = append(dst, ':')
		if len(p.values) == 1 {
			dst = mail.AppendString(dst, p.values[0])
		} else {
			dst = appendArray(dst, p.values)
		}
	}
	return dst
}

func appendStrings(dst []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(append(append(dst, ',', '"'), name...), '"', ':')
	return appendArray(dst, values)
}

func appendArray(dst []byte, values []string) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = mail.AppendString(dst, v)
	}
	return append(dst, ']')
}

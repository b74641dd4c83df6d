package journal

import (
	"fmt"
	"sync"
	"time"

	"posthoorn/internal/template"
)

// The default formats of logging.md, section 2.
const (
	defaultSend     = `[{$date}] {$result.state}:{$result.result} {$attempt} <{if $email.envelope}{$email.envelope}{/if}> <{$email.recipient}> [{$result.from}] [{$result.to}] {$email.tags} {$result.code} {$result.status} {$result.description}`
	defaultReceived = `[{$date}]{if $json.message_id} {$json.message_id} {/if}<{$json.envelope}> <{$json.recipient}> [{$json.connection.remote_ip}] [{$json.connection.local_ip}]`
	defaultDownload = `{$date}, {$time}, {$url}`
	defaultWWW      = `{$date}, {$ip}, {$request}`
)

const (
	maxValue = 4 << 10  // bytes of one value in a line
	maxLine  = 64 << 10 // bytes of a line
)

// A kind is where the events of one kind go. The zero kind is off.
type kind struct {
	format       *template.Template
	text, binary *writer
	paths        struct{ text, binary string }
	buffers      sync.Pool // of *[]byte
	scans        scans     // of searches that have not ended
}

func (k *kind) open(ws *writers, name string, o Kind, format string) (err error) {
	if o.Format != "" {
		format = o.Format
	}
	if k.format, err = template.Compile(format); err != nil {
		return fmt.Errorf("%s-log-format: %w", name, err)
	}
	k.paths.text, k.paths.binary = o.Text.Path, o.Binary.Path
	if o.Text.Path != "" {
		if k.text, err = ws.file(o.Text, name); err != nil {
			return err
		}
	}
	if o.Binary.Path != "" {
		k.binary, err = ws.file(o.Binary, name+"-bin")
	}
	return err
}

func (k *kind) on() bool { return k.text != nil || k.binary != nil }

// log writes an event: vars are what the template of the kind sees, document makes the JSON line.
func (k *kind) log(vars []template.Member, document func([]byte) []byte) {
	p, _ := k.buffers.Get().(*[]byte)
	if p == nil {
		p = new([]byte)
	}
	if k.text != nil {
		*p = k.line((*p)[:0], vars)
		k.text.put(*p, true)
	}
	if k.binary != nil {
		*p = document((*p)[:0])
		k.binary.put(*p, true)
	}
	if cap(*p) <= maxLine {
		k.buffers.Put(p)
	}
}

// line formats an event. A template that fails (a division by zero, say) leaves the line as far as it
// came: half a record is better than none.
func (k *kind) line(dst []byte, vars []template.Member) []byte {
	env := template.Env{
		Vars:      []template.Value{template.Object(vars)},
		MaxOutput: maxLine - maxValue - len(cut),
		Printed:   cleanValue,
	}
	dst, err := k.format.Append(dst, &env)
	if err != nil {
		k.text.meters.unformatted.Inc()
	}
	return cleanLine(dst)
}

// dates are in UTC, as everywhere in the JSON.
const dateFormat = "2006-01-02 15:04:05"

func date(t time.Time) template.Member {
	return template.Member{Name: "date", Value: template.String(t.UTC().Format(dateFormat))}
}

func moment(t time.Time) template.Member {
	return template.Member{Name: "time", Value: template.Int(t.Unix())}
}

func text(name, value string) template.Member {
	return template.Member{Name: name, Value: template.String(value)}
}

func document(name string, raw []byte) template.Member {
	return template.Member{Name: name, Value: template.JSON(raw)}
}

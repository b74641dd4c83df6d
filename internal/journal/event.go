package journal

import (
	"time"

	"posthoorn/internal/template"
)

// Delivery is an attempt to deliver, successful or not: a line of the send log.
type Delivery struct {
	Time    time.Time
	Attempt int    // its number, from 1
	Email   []byte // the JSON of the message; its mime is not needed
	Result  []byte // the JSON of the newest result object (results-json.md, section 3)
}

// Reception is a message that came by SMTP: a line of the received log.
type Reception struct {
	Time   time.Time
	JSON   []byte // as it is published
	Report bool   // it was taken for a report (dsn.md, section 5)
}

// Download is a resource that was fetched while mail was built: a line of the download log.
type Download struct {
	Time time.Time
	URL  string
}

// Request is one to the console: a line of the www log.
type Request struct {
	Time    time.Time
	IP      string // of the client
	Request string // such as "GET /settings"
}

// SendOn reports whether deliveries are logged; otherwise nobody needs to make their JSON.
func (j *Journal) SendOn() bool { return j.send.on() }

// ReceivedOn reports whether receptions are logged.
func (j *Journal) ReceivedOn() bool { return j.received.on() }

// Send logs a delivery. The JSON is not kept.
func (j *Journal) Send(d Delivery) {
	if !j.send.on() {
		return
	}
	attempt := int64(d.Attempt)
	vars := []template.Member{
		date(d.Time), {Name: "attempt", Value: template.Int(attempt)},
		document("email", d.Email), document("result", d.Result),
	}
	j.send.log(vars, func(dst []byte) []byte {
		r := newRecord(dst, d.Time)
		r.int("attempt", attempt)
		r.json("email", d.Email)
		r.json("result", d.Result)
		return r.end()
	})
}

// Received logs a reception. The JSON is not kept.
func (j *Journal) Received(m Reception) {
	if !j.received.on() {
		return
	}
	vars := []template.Member{
		date(m.Time), moment(m.Time), document("json", m.JSON),
		{Name: "report", Value: template.Bool(m.Report)},
	}
	j.received.log(vars, func(dst []byte) []byte {
		r := newRecord(dst, m.Time)
		r.bool("report", m.Report)
		r.json("json", m.JSON)
		return r.end()
	})
}

// Download logs a download.
func (j *Journal) Download(d Download) {
	if !j.download.on() {
		return
	}
	j.download.log([]template.Member{date(d.Time), moment(d.Time), text("url", d.URL)}, func(dst []byte) []byte {
		r := newRecord(dst, d.Time)
		r.text("url", d.URL)
		return r.end()
	})
}

// Request logs a request to the console.
func (j *Journal) Request(q Request) {
	if !j.www.on() {
		return
	}
	j.www.log([]template.Member{date(q.Time), text("ip", q.IP), text("request", q.Request)}, func(dst []byte) []byte {
		r := newRecord(dst, q.Time)
		r.text("ip", q.IP)
		r.text("request", q.Request)
		return r.end()
	})
}

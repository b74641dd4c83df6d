package node

import (
	"strconv"
	"strings"
)

// Fault tells what a problem means for the message.
type Fault uint8

const (
	// Permanent problems stay however often one tries.
	Permanent Fault = iota
	// Timeout problems may pass: something could not be had in time.
	Timeout
	// Lost problems may pass: a connection broke.
	Lost
)

// Error is one problem of a document.
type Error struct {
	Path  string // empty: the document as a whole
	Text  string // one line
	Fault Fault
	Cause error
}

func (e *Error) Error() string {
	text := e.Text
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	if e.Path == "" {
		return text
	}
	return e.Path + ": " + text
}

func (e *Error) Unwrap() error { return e.Cause }

// Problems collects what is wrong. What is wrong is left out by whoever reads the document.
type Problems struct {
	first *Error // of the permanent ones, else of all
}

// Add notes a permanent problem of a value.
func (p *Problems) Add(v *Value, text string) {
	if p.first == nil || p.first.Fault != Permanent { // a path takes time, and there may be a problem with each of many values
		p.AddError(&Error{Path: v.Path(), Text: text})
	}
}

// AddError notes a problem.
func (p *Problems) AddError(e *Error) {
	if p.first == nil || p.first.Fault != Permanent && e.Fault == Permanent {
		p.first = e
	}
}

// Err is the problem that decides, an [*Error]: a permanent one before one that may pass. It is nil if there is none.
func (p *Problems) Err() error {
	if p.first == nil {
		return nil
	}
	return p.first
}

// String is a text; numbers and booleans become text.
func (p *Problems) String(v *Value) string {
	switch {
	case v == nil:
		return ""
	case v.Kind == Array || v.Kind == Object:
		p.Add(v, "a text is expected")
		return ""
	}
	return v.Text
}

// Object is v if it is an object.
func (p *Problems) Object(v *Value) *Value { return p.kind(v, Object, "an object is expected") }

// List has the elements of an array.
func (p *Problems) List(v *Value) []Value {
	if v = p.kind(v, Array, "an array is expected"); v == nil {
		return nil
	}
	return v.Items
}

func (p *Problems) kind(v *Value, kind Kind, text string) *Value {
	if v != nil && v.Kind != kind {
		p.Add(v, text)
		return nil
	}
	return v
}

// Bool takes "true" and 1 for true too.
func (p *Problems) Bool(v *Value) bool {
	s := p.String(v)
	return s == "true" || s == "1"
}

// Int is a whole number, which may be written as text; or without if v is absent or none.
func (p *Problems) Int(v *Value, without int) int {
	if v == nil {
		return without
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(p.String(v)), 64)
	if err != nil || f != float64(int(f)) {
		p.Add(v, "a whole number is expected")
		return without
	}
	return int(f)
}

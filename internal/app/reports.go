package app

import (
	"log/slog"
	"runtime"
	"runtime/debug"

	"posthoorn/internal/report"
)

// recogniser finds the reports among local mail. No more messages are looked at than there are processors, so that the memory for what
// compressed reports become stays bounded; the time that one takes grows with its size and nothing else.
type recogniser struct {
	read  func(source []byte, from string) (report.Reported, bool)
	slots chan struct{}
	log   *slog.Logger
}

func newRecogniser(log *slog.Logger) *recogniser {
	return &recogniser{report.Recognise, make(chan struct{}, runtime.GOMAXPROCS(0)), log}
}

// recognise says whether a message is a report, and what was understood of it. A panic over what somebody sent makes it a message like
// any other.
func (r *recogniser) recognise(source []byte, from string) (reported []byte, ok bool) {
	r.slots <- struct{}{}
	defer func() {
		<-r.slots
		if v := recover(); v != nil {
			reported, ok = nil, false
			r.log.Error("recognising a report panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	found, ok := r.read(source, from)
	if !ok {
		return nil, false
	}
	return found.JSON(), true
}

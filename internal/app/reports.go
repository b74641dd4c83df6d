package app

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"

	"posthoorn/internal/report"

	"github.com/prometheus/client_golang/prometheus"
)

// recogniser finds the reports among local mail. No more messages are looked at than there are processors, so that the memory for what
// compressed reports become stays bounded; the time that one takes grows with its size and nothing else.
type recogniser struct {
	read  func(source []byte, from string) (report.Reported, bool)
	slots chan struct{}
	found *prometheus.CounterVec // by kind
	log   *slog.Logger
}

// newRecogniser registers its metrics, unless registerer is nil.
func newRecogniser(log *slog.Logger, registerer prometheus.Registerer) *recogniser {
	r := &recogniser{read: report.Recognise, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), log: log}
	r.found = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "posthoorn", Name: "reports_total",
		Help: "Reports recognised among local mail, by kind."}, []string{"kind"})
	for _, kind := range []report.Kind{
		report.KindDSN, report.KindMDN, report.KindARF, report.KindDMARC, report.KindDMARCFailure, report.KindTLS, report.KindBounce,
	} {
		r.found.WithLabelValues(string(kind))
	}
	if registerer != nil {
		registerer.MustRegister(r.found)
	}
	return r
}

// recognise says whether a message is a report, and what was understood of it. A panic over what somebody sent makes it a message like
// any other.
func (r *recogniser) recognise(ctx context.Context, source []byte, from string) (reported []byte, ok bool) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false // the mail is not taken any more
	}
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
	r.found.WithLabelValues(string(found.Kind)).Inc()
	return found.JSON(), true
}

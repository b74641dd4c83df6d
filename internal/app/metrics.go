package app

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the program as a whole have no package in their name.
func opts(name, help string, labels prometheus.Labels) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Namespace: "posthoorn", Name: name, Help: help, ConstLabels: labels}
}

// registerMetrics shows what the parts of the program do not know of themselves.
func (d *Daemon) registerMetrics() error {
	kind, _, _ := strings.Cut(d.queueKind(), " ")
	d.metrics.MustRegister(prometheus.NewGaugeFunc(opts("build_info", "1; the labels say which program this is, and which queue it uses.",
		prometheus.Labels{"version": d.version, "go": runtime.Version(), "queue": strings.ToLower(kind)}), func() float64 { return 1 }))
	d.metrics.MustRegister(d.space.gauges()...)
	for door, file := range map[string]string{"smtp": d.cfg.SMTPIn.Certificate, "www": d.cfg.Console.Certificate} {
		if file != "" {
			d.metrics.MustRegister(prometheus.NewGaugeFunc(opts("certificate_expiry_timestamp_seconds",
				"When the certificate in the file of a door expires; 0: it cannot be read.", prometheus.Labels{"door": door}),
				func() float64 { return expiry(file) }))
		}
	}
	if d.cfg.RabbitMQ.Embedded {
		d.metrics.MustRegister(d.queueGauges()...)
	}
	return nil
}

// expiry is that of the first certificate of a PEM file, which is the one of the server itself.
func expiry(file string) float64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			return float64(c.NotAfter.Unix())
		}
		return 0
	}
	return 0
}

// queueGauges are the embedded queues of the configuration by what they are for; those of RabbitMQ it knows itself. Queues that messages
// name are not among them: anybody could make more and more.
func (d *Daemon) queueGauges() (list []prometheus.Collector) {
	for queue, roles := range rolesOf(&d.cfg.RabbitMQ) {
		for role := range strings.SplitSeq(roles, ",") {
			list = append(list, prometheus.NewGaugeFunc(opts("queue_messages",
				"Messages in the embedded queues, those in hand included, by what the queue is for; one that is for several things is there for each.",
				prometheus.Labels{"role": role}), func() float64 {
				ready, inHand := d.store.Len(queue)
				return float64(ready + inHand)
			}))
		}
	}
	return list
}

// volumeNames say what the paths of newSpace are for, in their order.
var volumeNames = [...]string{"state", "send_log", "received_log", "error_log"}

func (s *space) gauges() (list []prometheus.Collector) {
	for i := range s.volumes {
		v := &s.volumes[i]
		if v.path == "" {
			continue
		}
		labels := prometheus.Labels{"volume": volumeNames[i]}
		list = append(list,
			prometheus.NewGaugeFunc(opts("disk_free_bytes", "Free space of the volume that holds the state or a log.", labels), func() float64 { return float64(v.free.Load()) }),
			prometheus.NewGaugeFunc(opts("disk_floor_bytes", "Free space below which nothing is taken in (local-min-free).", labels), func() float64 { return float64(v.floor.Load()) }))
	}
	return list
}

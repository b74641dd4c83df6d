// Command sink is the SMTP server that all contestants of the benchmark deliver to: it uses all processors, counts, and throws
// away. Messages carry their number in a field X-Bench-Id, so that doubled ones are found.
//
// It is steered over HTTP: /stats, /sample (the first message since the last reset), /reset, /delay?d=50ms (slept once before each flush of replies, so that a group of commands
// costs one delay, as a network's round trip would) and /deny?n=2 (that many times the connection ends, after the reply, when an
// envelope came together with the end of the message before; a sender then goes back to two round trips per message).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	port := flag.Int("port", 2525, "port")
	first := flag.String("first", "127.1.0.1", "first address to listen on")
	domains := flag.Int("domains", 100, "addresses to listen on, the first one and those that follow it")
	control := flag.String("control", "127.0.0.1:8099", "address of the HTTP control")
	flag.Parse()
	s := newSink()
	addr, err := netip.ParseAddr(*first)
	for range *domains {
		var l net.Listener
		if err == nil {
			l, err = net.Listen("tcp", netip.AddrPortFrom(addr, uint16(*port)).String())
		}
		if err != nil {
			log.Fatal(err)
		}
		go s.accept(l)
		addr = addr.Next()
	}
	go func() { log.Fatal(http.ListenAndServe(*control, s.control())) }()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}

func (s *sink) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Print(err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go s.serve(c)
	}
}

func (s *sink) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(s.stats(r.FormValue("unique") != ""))
	})
	mux.HandleFunc("/sample", func(w http.ResponseWriter, _ *http.Request) {
		if sample := s.sample.Load(); sample != nil {
			_, _ = w.Write(*sample)
		}
	})
	mux.HandleFunc("/reset", func(http.ResponseWriter, *http.Request) { s.reset() })
	mux.HandleFunc("/delay", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("d"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.delay.Store(int64(d))
	})
	mux.HandleFunc("/deny", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.deny.Store(n)
	})
	return mux
}

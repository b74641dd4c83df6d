package browser

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"posthoorn/internal/console"
	"posthoorn/internal/outbox"
	"posthoorn/internal/settings"
	"posthoorn/internal/stats"

	"github.com/coder/websocket"
)

const (
	destinations = 1000
	perSecond    = 10_000
	watched      = 10 * time.Second
)

// BenchmarkConsole is what counting and showing cost while so many attempts a second go to so many destinations, and one browser has
// the overview open and asks for the domains every two seconds: CPU, as part of a core. The client and the stream are counted too;
// "stream" is the share of the attempts alone, with nobody watching. Run it with -benchtime 1x.
func BenchmarkConsole(b *testing.B) {
	var alone, both float64
	for range b.N {
		alone += share(b, false)
		both += share(b, true)
	}
	b.ReportMetric(100*alone/float64(b.N), "%core-stream")
	b.ReportMetric(100*both/float64(b.N), "%core-all")
	b.ReportMetric(0, "ns/op")
}

func share(b *testing.B, looking bool) float64 {
	board := stats.New(stats.Options{})
	s := serveBoard(b, board)
	defer s.Stop(context.Background())
	ctx, cancel := context.WithTimeout(b.Context(), watched)
	defer cancel()
	done := make(chan struct{}, 2)
	before, began := cpu(), time.Now()
	go func() { stream(ctx, board); done <- struct{}{} }()
	n := 1
	if address := s.Addresses()[0].String(); looking {
		n = 2
		go func() { look(b, ctx, address); done <- struct{}{} }()
	}
	for range n {
		<-done
	}
	return (cpu() - before).Seconds() / time.Since(began).Seconds()
}

// stream is the record of an engine under load: one attempt in twenty is refused.
func stream(ctx context.Context, board *stats.Board) {
	domains, tags, source := names(), []string{"news"}, netip.MustParseAddr("192.0.2.1")
	const every = 10 * time.Millisecond
	clock := time.NewTicker(every)
	defer clock.Stop()
	for i := 0; ctx.Err() == nil; <-clock.C {
		now := time.Now()
		for range int(perSecond * every / time.Second) {
			a := stats.Attempt{Time: now, Source: source, Domain: domains[i%destinations], Tags: tags, Reused: true}
			if i++; i%20 == 0 {
				a.Outcome, a.State, a.Result, a.Code, a.Status, a.Text = stats.Refused, "rcptto", "error", 550, "5.1.1", "no such user"
			}
			board.Attempted(&a)
		}
	}
}

// look is the browser.
func look(b *testing.B, ctx context.Context, address string) {
	c, _, err := websocket.Dial(ctx, "ws://"+address+"/api/v1/live", nil)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	seen := 0
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ; ; seen++ {
		if _, _, err := c.Read(ctx); err != nil {
			break
		}
		if seen%2 == 0 {
			ask(b, &client, "http://"+address+"/api/v1/domains")
		}
	}
	if seen < int(watched/time.Second)/2 {
		b.Errorf("%d messages in %v", seen, watched)
	}
}

func ask(b *testing.B, client *http.Client, url string) {
	a, err := client.Get(url)
	if err != nil {
		b.Error(err)
		return
	}
	text, _ := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if a.StatusCode != http.StatusOK || len(text) < 1000 {
		b.Errorf("%s: %d %.200s", url, a.StatusCode, text)
	}
}

func serveBoard(b *testing.B, board *stats.Board) *console.Server {
	s, err := console.New(console.Options{Address: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = s.Listen()
	}
	if err != nil {
		b.Fatal(err)
	}
	s.Serve(console.Parts{Stats: board, Traffic: inHand{}, Operator: nothingWaits{}, Settings: settings.Empty})
	return s
}

// inHand is an engine with a message in memory for each destination.
type inHand struct{}

func (inHand) Gauges(context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, err error) {
	return stats.Gauges{Memory: destinations, Active: 100}, nil, nil
}

func (i inHand) Load(ctx context.Context) (all stats.Gauges, sources map[netip.Addr]stats.Gauges, by map[string]stats.Gauges, err error) {
	by = make(map[string]stats.Gauges, destinations)
	for _, name := range names() {
		by[name] = stats.Gauges{Memory: 1}
	}
	all, sources, err = i.Gauges(ctx)
	return all, sources, by, err
}

func (inHand) Held() string { return "" }

// nothingWaits is an Operator that is only asked for reasons.
type nothingWaits struct{ console.Operator }

func (nothingWaits) Backlog(context.Context) ([]outbox.BacklogLine, error) { return nil, nil }

func names() []string {
	list := make([]string, destinations)
	for i := range list {
		list[i] = fmt.Sprintf("d%d.example", i)
	}
	return list
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

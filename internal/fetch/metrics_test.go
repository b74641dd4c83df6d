package fetch

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	s := serve(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/here" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "12345")
	})
	registry := prometheus.NewPedanticRegistry()
	f := fetcher(t, Options{Registerer: registry})
	for _, c := range []struct {
		address string
		limit   int64
	}{
		{s.URL + "/here", 100}, {s.URL + "/here", 100}, {s.URL + "/gone", 100}, {s.URL + "/here?large", 3}, {"http://127.0.0.1:1/", 100},
	} {
		_, _ = f.Get(t.Context(), c.address, c.limit)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		for _, m := range family.Metric {
			line := family.GetName()[len("posthoorn_fetch_"):]
			for _, l := range m.Label {
				line += " " + l.GetValue()
			}
			if n := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); n != 0 {
				got = append(got, fmt.Sprint(line, " ", n))
			}
		}
	}
	want := []string{
		"cached_total memory 1", "download_seconds 4", "downloaded_bytes_total 5",
		"downloads_total done 1", "downloads_total forbidden 1", "downloads_total refused 1", "downloads_total too_large 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

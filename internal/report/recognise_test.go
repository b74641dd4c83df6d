package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"posthoorn/internal/mime"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares what came out with a file, or writes the file.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// samples are the messages of a folder of testdata, by file name without its end.
func samples(t testing.TB, folder string) map[string][]byte {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.eml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(file, ".eml")] = source
	}
	return all
}

var lineEnd = regexp.MustCompile(`\r?\n`)

// envelopeOf is the envelope that the sample came with: its Return-Path.
func envelopeOf(t testing.TB, source []byte) string {
	h, err := mime.ParseHeader(source)
	if err != nil || len(h.Fields) == 0 || !h.Fields[0].Is("Return-Path") {
		t.Fatal("sample does not begin with Return-Path")
	}
	return strings.Trim(string(mime.Unfold(h.Fields[0].Value)), "<>")
}

func TestRecognise(t *testing.T) {
	all := samples(t, "reports")
	if len(all) < 140 {
		t.Errorf("only %d samples", len(all))
	}
	for name, source := range all {
		t.Run(filepath.Base(name), func(t *testing.T) {
			from := envelopeOf(t, source)
			r, ok := Recognise(source, from)
			if !ok {
				t.Fatal("not recognised")
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, r.JSON(), "", "\t"); err != nil {
				t.Fatal(err, string(r.JSON()))
			}
			golden(t, name+".json", append(pretty.Bytes(), '\n'))
			if kind, _, _ := strings.Cut(filepath.Base(name), "_"); kind != string(r.Kind) {
				t.Errorf("is a %s, taken for a %s", kind, r.Kind)
			}
			crlf, ok := Recognise(lineEnd.ReplaceAll(source, []byte("\r\n")), from)
			if !ok || !bytes.Equal(crlf.JSON(), r.JSON()) {
				t.Errorf("with CRLF: %s", crlf.JSON())
			}
		})
	}
}

func TestOrdinaryMailIsNoReport(t *testing.T) {
	all := samples(t, "ordinary")
	if len(all) < 120 {
		t.Errorf("only %d samples", len(all))
	}
	for name, source := range all {
		for _, source := range [][]byte{source, lineEnd.ReplaceAll(source, []byte("\r\n"))} {
			if r, ok := Recognise(source, envelopeOf(t, source)); ok {
				t.Errorf("%s is taken for %s", name, r.JSON())
			}
		}
	}
}

func BenchmarkRecognise(b *testing.B) {
	for _, file := range []string{"ordinary/plain", "ordinary/alternative-html", "reports/dsn_postfix", "reports/bounce_exim-old", "reports/dmarc_gzip"} {
		source, err := os.ReadFile(filepath.Join("testdata", file+".eml"))
		if err != nil {
			b.Fatal(err)
		}
		from := envelopeOf(b, source)
		b.Run(file, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Recognise(source, from)
			}
		})
	}
}

package block

import (
	"bytes"
	"flag"
	"fmt"
	stdimage "image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"posthoorn/internal/compose/node"
	"posthoorn/internal/template"
)

var update = flag.Bool("update", false, "write the golden files")

func pngOf(w, h int) Resource {
	var b bytes.Buffer
	if err := png.Encode(&b, stdimage.NewGray(stdimage.Rect(0, 0, w, h))); err != nil {
		panic(err)
	}
	return Resource{Data: b.Bytes(), Type: "image/png"}
}

// library has what the documents of the tests refer to.
func library(t testing.TB) Resources {
	have := Resources{
		"https://img.example/200x140.png":  pngOf(200, 140),
		"https://img.example/1200x300.png": pngOf(1200, 300),
		"https://img.example/gone.png":     {Err: fmt.Errorf("404 Not Found")},
		"https://vimeo.com/api/oembed.json?url=https%3A%2F%2Fvimeo.com%2F123": {
			Data: []byte(`{"thumbnail_url": "https://i.vimeocdn.com/video/{x}.jpg"}`)},
	}
	files, err := filepath.Glob("testdata/web/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		have["https://web.example/"+filepath.Base(name)] = Resource{Data: data}
	}
	return have
}

// data is what the templates of the tests are rendered with.
const data = `{"name": "<Ada> & \"Co\"", "id": "7&8", "file": "200x140", "n": 5, "host": "shop.example"}`

func render(source string) (string, error) {
	t, err := template.Compile(source)
	if err != nil {
		return "", err
	}
	return t.Render(&template.Env{Vars: []template.Value{template.JSON([]byte(data))}})
}

// make builds a document and fails the test on problems.
func compose(t testing.TB, doc string, have Resources, o *Options) (Made, error) {
	t.Helper()
	mime, err := node.Parse([]byte(doc), "")
	if err != nil {
		t.Fatal(err)
	}
	var problems node.Problems
	c := Parse(mime, &problems)
	if c == nil {
		return Made{}, problems.Err()
	}
	made := c.HTML(have, o, &problems)
	return made, problems.Err()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		base := strings.TrimSuffix(name, ".json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			o := &Options{}
			if strings.HasSuffix(base, "-icons") {
				o.Icons = "https://cdn.example/{type}/{size}/{platform}.png"
			}
			if strings.HasSuffix(base, "-data") {
				o.Render = render
			}
			made, err := compose(t, string(doc), library(t), o)
			if err != nil {
				t.Error(err)
			}
			golden(t, base+".html", made.HTML)
			if o.Render != nil {
				out, err := render(string(made.HTML))
				if err != nil {
					t.Fatal(err)
				}
				golden(t, base+".rendered.html", []byte(out))
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what comes out any more (-update writes it): it begins to differ at\n%s", name, difference(got, want))
	}
}

func difference(got, want []byte) []byte {
	n := 0
	for n < min(len(got), len(want)) && got[n] == want[n] {
		n++
	}
	return got[n:min(len(got), n+200)]
}

package block

import (
	"bytes"
	stdimage "image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"testing"

	"golang.org/x/image/bmp"
)

// TestImageSizes: formats, beginnings of files, and files that are none.
func TestImageSizes(t *testing.T) {
	picture := stdimage.NewPaletted(stdimage.Rect(0, 0, 30, 20), color.Palette{stdimage.Black, stdimage.White})
	var j, b, g bytes.Buffer
	for _, err := range []error{jpeg.Encode(&j, picture, nil), bmp.Encode(&b, picture), gif.Encode(&g, picture, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string][2]int{
		j.String():                           {30, 20},
		b.String():                           {30, 20},
		g.String()[:g.Len()-10]:              {30, 20},
		"GIF89a\x05\x00\x07\x00\x00\x00\x00": {5, 7},
		"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x13\x00\x00": {30, 20},
		`<?xml version="1.0"?><svg xmlns="x" width="12px" height='8'/>`:                        {12, 8},
		`<svg viewBox="0 0 30 20"><rect width="5"/></svg>`:                                     {30, 20},
		`<svg width="100%" height="50%" viewBox="0,0,30,20">`:                                  {30, 20},
		`<svg>`: {}, "": {}, "GIF89a": {}, "<svg width=0 height=0>": {}, "nothing": {}, "<svg viewBox='a b c d'>": {},
	} {
		w, h, ok := fileSize([]byte(file))
		if ok != (want[0] > 0) || ok && (w != want[0] || h != want[1]) {
			t.Errorf("%.40q: %d %d %v", file, w, h, ok)
		}
	}
}

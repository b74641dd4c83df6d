package block

import (
	"bytes"
	stdimage "image"
	_ "image/gif"  // formats whose size we can read
	_ "image/jpeg" //
	_ "image/png"  //
	"strings"

	_ "golang.org/x/image/bmp"  //
	_ "golang.org/x/image/webp" //
)

// fileSize reads the size of an image from the beginning of its file.
func fileSize(data []byte) (w, h int, ok bool) {
	if config, _, err := stdimage.DecodeConfig(bytes.NewReader(data)); err == nil {
		return config.Width, config.Height, config.Width > 0 && config.Height > 0
	}
	return svgSize(string(data[:min(len(data), 64<<10)]))
}

// svgSize reads the size from the svg element: in pixels if it says so, else from its view box.
func svgSize(s string) (w, h int, ok bool) {
	start := strings.Index(s, "<svg")
	if start < 0 {
		return 0, 0, false
	}
	tag := s[start:]
	width, ok1 := length(attributeOf(tag, "width"))
	height, ok2 := length(attributeOf(tag, "height"))
	if !ok1 || !ok2 {
		box := strings.FieldsFunc(attributeOf(tag, "viewbox"), func(r rune) bool { return r == ' ' || r == ',' })
		if len(box) != 4 {
			return 0, 0, false
		}
		width, ok1 = length(box[2])
		height, ok2 = length(box[3])
	}
	return int(width), int(height), ok1 && ok2 && width >= 1 && height >= 1
}

func attributeOf(tag, name string) string {
	from, to, ok := attributeSpan(tag, name)
	if !ok {
		return ""
	}
	return strings.Trim(tag[from:to], `"'`)
}

package block

import (
	"encoding/json"
	"regexp"

	"posthoorn/internal/compose/node"
)

// video is a still image with a link, whatever the document says about players: this is a mail.
type video struct {
	at    *node.Value
	url   string
	link  *link
	image *image
}

func (p *parser) video(v *node.Value) body {
	return &video{v, p.problems.String(v.Get("url", "source")), p.link(v.Get("link")), p.imageOf(v)}
}

var (
	youtube = regexp.MustCompile(`^https?://(?:www\.|m\.)?(?:youtube(?:-nocookie)?\.com/(?:watch\?(?:[^#]*&)?v=|embed/|v/|shorts/)|youtu\.be/)` +
		`([A-Za-z0-9_-]{1,64})(?:$|[^A-Za-z0-9_-])`)
	vimeo = regexp.MustCompile(`^https?://(?:www\.)?(?:vimeo\.com/|player\.vimeo\.com/video/)([0-9]{1,20})(?:$|[^0-9])`)
)

func (v *video) write(b *builder, f frame) {
	still := v.still(b)
	if still == "" {
		return
	}
	i := *v.image
	i.src, i.width, i.height = b.foreign(still), "100%", ""
	if i.link = v.link; v.link.empty() {
		i.link = &link{url: v.url}
	}
	i.alt = either(i.alt, either(i.link.title, "Video"))
	i.write(b, f)
}

// still is the address of the still image, empty if there is none.
func (v *video) still(b *builder) string {
	address := b.plain(v.at, v.url)
	if m := youtube.FindStringSubmatch(address); m != nil {
		return "https://img.youtube.com/vi/" + m[1] + "/hqdefault.jpg"
	}
	m := vimeo.FindStringSubmatch(address)
	if m == nil {
		b.problems.Add(v.at, "no address of a video at YouTube or Vimeo: "+shown(address))
		return ""
	}
	r, ok := b.fetch(v.at, "https://vimeo.com/api/oembed.json?url="+percentEncoded("https://vimeo.com/"+m[1]), Still)
	if !ok {
		return ""
	}
	var answer struct {
		Thumbnail string `json:"thumbnail_url"`
	}
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		b.problems.Add(v.at, "the answer about the video is no JSON")
		return ""
	}
	if _, ok := Download(answer.Thumbnail); !ok {
		b.problems.Add(v.at, "the answer about the video names no image")
		return ""
	}
	return answer.Thumbnail
}

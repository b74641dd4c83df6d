package block

import (
	"slices"
	"strconv"
	"strings"

	"posthoorn/internal/compose/node"
)

// social is a row of icons with a label above it: follow and share.
type social struct {
	label  string
	font   font
	direct direct
	icon   string // the type
	size   int
	links  []socialLink
}

type socialLink struct {
	at       *node.Value
	platform string
	target   func(*builder) string // empty: there is none
	direct   direct
}

var iconTypes = []string{"flower", "glossy", "grey", "leaf", "polygon", "rectangular", "rounded", "roundedcorners", "waterdrop"}

var platforms = strings.Fields(`addthis amazon android aol apple appstore ask badoo bebo behance bing blogger chrome
	delicious deviantart digg diigo dribbble drive dropbox drupal envato etsy evernote facebook fav feed feedburner
	fiverr flickr formspring forrst friendfeed getpocket github2 google google2 googleplus hi5 html5 icq imdb
	instagram lastfm linkedin livejournal mail messenger metacafe msn myspace1 myspace2 newsvine overflow paypal
	photobucket picasa pinterest quora reddit share skype snapchat soundcloud squidoo steam store stumbleupon
	techcrunch technorati tripadvisor tumblr twitter twitter2 viber vimeo whatsapp wikipedia windows windows8
	wordpress xbox xing yahoo yelp youtube youtube2 zoosk zootool zynga`)

func (p *parser) social(v *node.Value) *social {
	icon := p.problems.Object(v.Get("icon"))
	s := &social{
		label:  p.problems.String(v.Get("label")),
		font:   p.font(v.Get("font")),
		direct: p.direct(v),
		icon:   p.problems.String(icon.Get("type")),
		size:   p.problems.Int(icon.Get("size"), 32),
	}
	if !slices.Contains(iconTypes, s.icon) {
		s.icon = "rounded"
	}
	s.size = min(max(s.size, 1), 1000)
	return s
}

func (s *social) cell(b *builder, f frame) style { return b.font(s.font.or(f.font)) }

func (s *social) write(b *builder, f frame) {
	if s.label != "" {
		b.tag("p", nil, style{{"margin", "0"}, {"text-align", f.align}})
		b.text(s.label)
		b.html("</p>\n")
	}
	b.table(attributes{{"width", ""}}, nil, s.direct)
	if b.options.Icons == "" {
		b.tag("td", nil, b.font(s.font.or(f.font)))
	}
	first := true
	for _, l := range s.links {
		target := l.target(b)
		if target == "" {
			b.note(l.at, "no link for "+l.platform)
			continue
		}
		s.one(b, f, l, target, first)
		first = false
	}
	if first || b.options.Icons == "" {
		b.html(closing(first && b.options.Icons != ""))
	}
	b.html("</tr></table>")
}

// closing ends the cell of text links; a row of icons without any gets an empty one, since no row may be without cells.
func closing(empty bool) string {
	if empty {
		return "<td></td>"
	}
	return "</td>"
}

func (s *social) one(b *builder, f frame, l socialLink, target string, first bool) {
	to := &link{url: target}
	if b.options.Icons == "" {
		if !first {
			b.html(" ")
		}
		b.linked(to, style{{"color", b.one(s.font.or(f.font).color)}}, func() { b.text(l.platform) }, l.direct)
		return
	}
	size := strconv.Itoa(s.size)
	icon := strings.NewReplacer("{type}", s.icon, "{size}", size, "{platform}", l.platform).Replace(b.options.Icons)
	b.tag("td", nil, style{{"padding", "0 4px 0 0"}})
	b.linked(to, nil, func() {
		b.img(b.foreign(icon), attributes{{"width", size}, {"height", size}, {"alt", l.platform}}, style{{"display", "block"}})
	}, l.direct)
	b.html("</td>\n")
}

// profiles are where the user names of a platform have their pages.
var profiles = map[string]string{
	"facebook": "https://www.facebook.com/", "twitter": "https://twitter.com/",
	"linkedin": "https://www.linkedin.com/in/", "googleplus": "https://plus.google.com/+",
}

func (p *parser) follow(v *node.Value) body {
	s := p.social(v)
	list := p.problems.Object(v.Get("platforms"))
	if list == nil {
		if v.Get("platforms") == nil {
			p.problems.Add(v, "the block has no platforms")
		}
		return s
	}
	for i := range list.Members {
		m := &list.Members[i]
		id, own := &m.Value, direct{}
		if m.Value.Kind == node.Object {
			id, own.attributes = m.Value.Get("identifier"), p.pairs(m.Value.Get("attributes"))
		}
		if len(own.attributes) == 0 {
			own = p.platform(v, m.Name)
		}
		identifier := p.problems.String(id)
		s.links = append(s.links, socialLink{&m.Value, m.Name, func(b *builder) string {
			return b.profile(&m.Value, m.Name, identifier)
		}, own})
	}
	return s
}

// platform is what the root of a block says about a platform.
func (p *parser) platform(v *node.Value, name string) direct {
	if own := v.Get(name); own.Is(node.Object) {
		return direct{attributes: p.pairs(own.Get("attributes"))}
	}
	return direct{}
}

// profile is the page of a user, given as URL or, where the platform is known well enough, as name.
func (b *builder) profile(at *node.Value, platform, identifier string) string {
	plain := b.plain(at, identifier)
	base := profiles[platform]
	switch {
	case !slices.Contains(platforms, platform) || plain == "":
		return ""
	case strings.Contains(plain, "://"):
		return identifier
	case base == "":
		return ""
	}
	return base + b.encoded(strings.TrimPrefix(identifier, "@"))
}

// shared is what a share block says.
type shared struct {
	url, title, description string
	app, redirect           string // of facebook
	hashtags                []string
	via                     string
}

func (p *parser) share(v *node.Value) body {
	s := p.social(v)
	l := p.link(v.Get("link"))
	if l.empty() {
		p.problems.Add(v, "the block has no link to share")
		return nil
	}
	facebook, twitter := p.problems.Object(v.Get("facebook")), p.problems.Object(v.Get("twitter"))
	what := &shared{
		url: l.url, title: l.title, description: p.problems.String(v.Get("description")),
		app: p.problems.String(facebook.Get("appid")), redirect: p.problems.String(facebook.Get("redirect_uri")),
		via: p.problems.String(twitter.Get("via")),
	}
	for _, tag := range p.problems.List(twitter.Get("hashtags")) {
		what.hashtags = append(what.hashtags, p.problems.String(&tag))
	}
	names := p.problems.List(v.Get("platforms"))
	for i := range names {
		name := p.problems.String(&names[i])
		s.links = append(s.links, socialLink{&names[i], name, func(b *builder) string {
			return what.on(b, name)
		}, p.platform(v, name)})
	}
	return s
}

// on is the address that shares it on a platform.
func (s *shared) on(b *builder, platform string) string {
	switch {
	case platform == "facebook" && s.app != "":
		return b.query("https://www.facebook.com/dialog/share", pair{"app_id", s.app}, pair{"href", s.url}, pair{"redirect_uri", s.redirect})
	case platform == "facebook":
		return b.query("https://www.facebook.com/sharer/sharer.php", pair{"u", s.url})
	case platform == "twitter":
		return b.query("https://twitter.com/intent/tweet", pair{"url", s.url}, pair{"text", either(s.description, s.title)},
			pair{"hashtags", strings.Join(s.hashtags, ",")}, pair{"via", strings.TrimPrefix(s.via, "@")})
	case platform == "linkedin":
		return b.query("https://www.linkedin.com/shareArticle", pair{"mini", "true"}, pair{"url", s.url}, pair{"title", s.title},
			pair{"summary", s.description})
	case platform == "googleplus":
		return b.query("https://plus.google.com/share", pair{"url", s.url})
	}
	return ""
}

// query puts parameters behind a URL; those without a value are left out.
func (b *builder) query(base string, params ...pair) string {
	separator := "?"
	for _, p := range params {
		if p.value != "" {
			base += separator + p.name + "=" + strings.ReplaceAll(b.encoded(p.value), "%2C", ",")
			separator = "&"
		}
	}
	return base
}

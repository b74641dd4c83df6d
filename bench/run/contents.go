package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"posthoorn/internal/mail"
)

// contents are those of all rows.
type contents struct {
	plain, rsa, ed25519, both, personalised, inlined, built, stored content
}

// contentsOf makes them for messages of about size bytes.
func contentsOf(size int) contents {
	text, html := source(size), newsletter(3*size)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no randomness, no benchmark
	}
	r, e := dkimOf("rsa", rsaKey), dkimOf("ed", edKey)
	return contents{
		plain:   plain(size),
		rsa:     signedWith(text, r),
		ed25519: signedWith(text, e),
		both:    signedWith(text, r, e),
		personalised: content{
			json:  mime(letter(size)) + `,"data":` + data(),
			proof: map[string]int{"{": 0, "}": 0, value: variables + 1},
		},
		inlined: content{
			json:  mime(html) + `,"inlinecss":true`,
			proof: map[string]int{onlyInRule: strings.Count(html, useOfRule), "@media": 1},
		},
		built:  content{json: `"mime":` + document(), proof: map[string]int{">Order now<": rounds, "multipart/alternative": 1}},
		stored: content{source: text, stored: true, json: `"key":"` + keyOf(place) + `"`},
	}
}

// line is 69 bytes of text.
const line = "The quick brown fox jumps over the lazy dog and runs on to the end.\r\n"

// headOf is the header of a message with its number and, at its end, the empty line.
func headOf(subject, kind string) string {
	return "X-Bench-Id: " + place + "\r\nFrom: Bench <" + sender + ">\r\nTo: someone@example.test\r\nSubject: " + subject + "\r\n" +
		"Date: Mon, 23 Nov 2026 20:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/" + kind + "; charset=us-ascii\r\n\r\n"
}

// source is a plain text message.
func source(size int) string {
	head := headOf("benchmark message", "plain")
	return head + strings.Repeat(line, max(1, (size-len(head))/len(line)))
}

// plain is a source that goes out as it is.
func plain(size int) content {
	text := source(size)
	return content{source: text, json: mime(text)}
}

// mime is the member of that name for a source.
func mime(source string) string { return `"mime":` + string(mail.AppendString(nil, source)) }

// signedWith is a source that brings keys.
func signedWith(source string, keys ...string) content {
	return content{
		source: source, signed: true,
		json:  mime(source) + `,"dkim":[` + strings.Join(keys, ",") + `]`,
		proof: map[string]int{"\r\nDKIM-Signature: ": len(keys)},
	}
}

// dkimOf is a key as an element of dkim.
func dkimOf(selector string, key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err) // it is one of ours
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	_, domain, _ := strings.Cut(sender, "@")
	return fmt.Sprintf(`{"domain":%q,"selector":%q,"key":%s}`, domain, selector, mail.AppendString(nil, string(text)))
}

// variables of a letter. Each value, which begins with a text of its own, is another one in every message.
const (
	variables = 20
	value     = "value for receiver "
)

// letter is a text with all variables, the first of them in its subject too.
func letter(size int) string {
	var b strings.Builder
	b.WriteString(headOf("News: {$v0}", "plain"))
	between := strings.Repeat(line, max(0, size/variables/len(line)-1))
	for n := range variables {
		fmt.Fprintf(&b, "What has changed for you: {$v%d}.\r\n%s", n, between)
	}
	return b.String()
}

func data() string {
	values := make([]string, variables)
	for n := range values {
		values[n] = fmt.Sprintf(`"v%d":"%s%s"`, n, value, place)
	}
	return "{" + strings.Join(values, ",") + "}"
}

// What shows that a sheet was inlined: the rule is not in what stays of it, but at every use.
const (
	onlyInRule = "letter-spacing"
	useOfRule  = `class="lead"`
)

// newsletter is HTML with a sheet of 100 rules, one of which cannot be inlined, and a link that is another in every message.
func newsletter(size int) string {
	var b strings.Builder
	b.WriteString(headOf("newsletter", "html") + "<!DOCTYPE html>\r\n<html><head><title>News</title>\r\n<style>\r\n" +
		"body { margin: 0; font-family: georgia, serif }\r\ntd { padding: 8px }\r\nimg { border: 0; width: 100px }\r\n" +
		"a { color: #336699; text-decoration: none }\r\n.lead { " + onlyInRule + ": 1px }\r\np:first-child { margin-top: 0 }\r\n")
	for n := range 83 {
		fmt.Fprintf(&b, ".c%d { color: #%06x; font-size: %dpx; padding: 0 %dpx }\r\n", n, n*1000, 10+n%8, n%5)
	}
	for n := range 10 {
		fmt.Fprintf(&b, "table.box td.c%d a, #row%d p { line-height: 1.%d; background-color: #eeeeee }\r\n", n, n, n)
	}
	b.WriteString("@media only screen and (max-width: 600px) { td { width: 100% } }\r\n</style></head>\r\n<body>\r\n")
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, "<table class=\"box\" width=\"600\"><tr id=\"row%d\"><td class=\"c%d\" style=\"text-align: left\">\r\n"+
			"<p %s>Dear reader, this is what has happened &mdash; read on.</p>\r\n<p class=\"c%d\">More of it</p>\r\n"+
			"<a href=\"https://shop.test/article/%d\" class=\"c%d\">Read</a><img src=\"https://shop.test/i/%d.png\"></td></tr></table>\r\n",
			n, n%83, useOfRule, (n*3)%83, n, (n*7)%83, n)
	}
	b.WriteString("<p><a href=\"https://shop.test/unsubscribe/" + place + "\">Unsubscribe</a></p>\r\n</body></html>\r\n")
	return b.String()
}

// round are ten blocks, those in columns counted; a document has so many rounds of them.
const (
	rounds = 3
	round  = `{"type":"heading","content":"What is new","size":2,"align":"center"},
		{"type":"text","content":"The quick brown fox jumps over the lazy dog & runs on to the end.\nThen it comes back.","padding":10},
		{"type":"columns","padding":10,"background":{"color":"#f3f3f3"},"columns":[
			{"size":8,"blocks":[{"type":"text","content":"Two thirds of the row are for the fox, who needs room to run."}]},
			{"size":4,"blocks":[{"type":"image","src":"https://shop.test/dog.png","width":"100%","alt":"The dog"}]}]},
		{"type":"image","src":"https://shop.test/fox.png","width":290,"align":"center","link":"https://shop.test/fox"},
		{"type":"button","label":"Order now","corners":"round","link":{"url":"https://shop.test/order","params":{"receiver":"` + place + `"}}},
		{"type":"html","content":"<p>A <b>fox</b> is <i>quick</i>, a dog is <a href=\"https://shop.test/lazy\">lazy</a>.</p>"},
		{"type":"separator","height":1,"margin":{"top":10,"bottom":10}},
		{"type":"spacer","height":20}`
)

// document is mail to be built, another one for every message.
func document() string {
	blocks := strings.Repeat(round+",", rounds-1) + round
	text := fmt.Sprintf(`{"headers":{"X-Bench-Id":"%s"},"from":{"name":"Bench","address":"%s"},"to":"someone@example.test","subject":"newsletter",
		"text":"What is new: the fox has run.","font":{"family":"Georgia, serif","size":14,"color":"#333333"},
		"rewrite":{"links":[{"domain":{"equals":"shop.test"},"params":{"utm_source":"mail"}}]},"content":{"blocks":[%s]}}`,
		place, sender, blocks)
	return compact(text)
}

// compact is JSON as programs write it.
func compact(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		panic(err) // it is one of ours
	}
	return b.String()
}

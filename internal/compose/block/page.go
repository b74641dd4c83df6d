package block

// The style sheet has only what cannot be inline. After each brace that opens there is white space, since the page is a
// template afterwards.
const styleSheet = `<style type="text/css">
body, table, td, a { -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }
table { border-collapse: collapse; mso-table-lspace: 0pt; mso-table-rspace: 0pt; }
img { border: 0; outline: none; text-decoration: none; -ms-interpolation-mode: bicubic; }
@media only screen and (max-width: 600px) {
 .re-content { width: 100% !important; }
 .re-col { display: block !important; width: 100% !important; max-width: none !important; }
 .re-desktop { display: none !important; }
 .re-mobile { display: block !important; max-height: none !important; overflow: visible !important; }
 table.re-mobile { display: table !important; }
}
</style>
`

const pageHead = `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<meta http-equiv="content-type" content="text/html; charset=utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>`

// page writes the skeleton of section 3.2 with the blocks in it.
func (b *builder) page() {
	c := b.content
	color := b.one(c.background)
	b.out = make([]byte, 0, 16<<10)
	b.html(pageHead)
	b.text(c.title)
	b.html("</title>\n" + styleSheet + "</head>\n")
	b.tag("body", nil, style{{"margin", "0"}, {"padding", "0"}, {"background-color", color}}, c.direct)
	b.html("\n")
	b.table(attributes{{"class", "re-body"}, {"height", "100%"}, {"bgcolor", solid(color)}},
		append(style{{"background-color", color}}, b.font(c.font)...), c.direct)
	b.html(`<td align="center" valign="top">` + "\n")
	b.html(`<!--[if mso | IE]><table role="presentation" width="580" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->` + "\n")
	b.table(attributes{{"class", "re-content"}}, style{{"max-width", "580px"}, {"margin", "0 auto"}})
	inner := b.one(c.innerColor)
	b.tag("td", attributes{{"align", "left"}, {"valign", "top"}, {"bgcolor", solid(inner)}}, style{{"background-color", inner}}, c.inner)
	b.html("\n")
	b.blocks(c.blocks, frame{width: pageWidth, font: c.font})
	b.html("</td></tr></table>\n<!--[if mso | IE]></td></tr></table><![endif]-->\n</td></tr></table>\n")
	b.writePixel()
	b.html("</body></html>\n")
}

// writePixel writes the tracking pixel, if there is one and if the mail has no image that shows that it was opened.
func (b *builder) writePixel() {
	p := b.content.pixel
	if p.url == "" || b.images > 0 && !p.force {
		return
	}
	b.html(`<img src="`)
	b.text(p.url)
	b.html(`" width="1" height="1" alt="" border="0" style="display:block;width:1px;height:1px;" />` + "\n")
}

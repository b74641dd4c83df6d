// Package smtp is the wire, both sides: what an SMTP client and an SMTP server write, and how each reads the other.
//
// For a client: ReplyReader takes replies apart and bounds them, Extensions holds what a server offers, Login speaks the
// AUTH mechanisms, Stuffer turns content into what stands between DATA and the final dot. For a server: commands, paths and
// parameters are parsed into types, and the readers of DATA and BDAT end where the RFC says and nowhere else.
//
// It promises that both sides are hostile-proof: a line ends with CR LF only, no bare CR, bare LF or NUL leaves, nothing grows
// with what the peer sends beyond fixed limits, and an address or parameter that was parsed cannot become another command.
//
// RFCs: 5321 (SMTP), 2034 and 3463 (enhanced codes), 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 3030 (CHUNKING), 3461
// (DSN, xtext), 4954 with 4616 and 2195 (AUTH), 6531 (SMTPUTF8), 9422 (LIMITS).
//
// The package starts no goroutine, reads no clock and opens nothing.
package smtp

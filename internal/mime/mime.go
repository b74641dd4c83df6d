// Package mime knows where the header fields and the parts of a message lie in its bytes, so that they can be read, taken out
// or changed and every other byte stays as it came (RFC 5322, with the obsolete forms of section 4 that are still seen, and
// RFC 2045 to 2047 and 2231, as tolerant as mail programs are). And it writes: fields with encoded words, addresses, parameters,
// texts of parts.
//
// Everything is bounded: the size of a header, the number of its fields, the length of a line, the number and nesting of parts.
// The package starts no goroutine, reads no clock and opens nothing; it keeps slices of the source and never writes to it.
package mime

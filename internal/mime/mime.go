// Package mime knows where the header fields of a message lie in its bytes, so that fields can be read or taken out and
// every other byte stays as it came (RFC 5322 sections 2.2 and 3.4, with the obsolete forms of section 4 that are still seen).
//
// Everything is bounded: the size of the header, the number of its fields, the length of a line. The package starts no
// goroutine, reads no clock and opens nothing; it keeps slices of the source and never writes to it.
package mime

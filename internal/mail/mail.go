// Package mail holds the words of the house: the message as it travels through the queues, its envelope, its
// results and how it was received, in the JSON that is the contract with our users (message-json.md,
// results-json.md, incoming-json.md).
//
// A Message is read once, in one pass, without decoding what is not needed: the long MIME source stays the
// escaped text that came in, unknown properties stay the bytes that they were, in their order, and what is
// published of the message later is the same bytes with a few properties set, extended or left out.
//
// The package starts no goroutine, reads no clock and opens nothing.
package mail

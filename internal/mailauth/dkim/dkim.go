// Package dkim signs mail and verifies the signatures of others: RFC 6376 with the algorithms of RFC 8301 (rsa-sha256, keys of 1024
// to 8192 bits) and RFC 8463 (ed25519-sha256). It asks for failure reports as in RFC 6651, and knows where keys come from: the dkim
// property of a message (message-json.md section 6) and the tables dkim_keys and dkim_patterns (delivery-control.md section 8).
//
// A Loader reads private keys and keeps them ready. A Signer signs in workers of its own, so that no connection waits longer than
// it must. A Ring holds the keys of the database and compares them with the DNS. A Verifier verifies what is Signed. SHA-1 and l= are
// never used and never trusted, key material never stands in an error or in the log.
//
// Goroutines: the workers of a Signer, until Close; Ring.Run works in that of its caller and starts a bounded number for lookups,
// which have ended when a round of checks ends.
package dkim

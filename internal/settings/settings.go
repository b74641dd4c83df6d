// Package settings holds what the operator can change while the program runs: limits, flood patterns, pauses and all else of
// delivery-control.md that stands in the database. Everybody reads one immutable snapshot.
package settings

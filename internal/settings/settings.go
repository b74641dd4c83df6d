// Package settings holds what the operator can change while the program runs: limits, flood patterns, pauses and all else of
// delivery-control.md that stands in the database (database.md section 3). Everybody reads one immutable Snapshot, which a Cache
// makes anew and swaps.
//
// Other programs write to these tables with their own SQL. A row that makes no sense is left out with one line in the log, and never
// stops the start or a reload; a database that is away leaves the last snapshot in force. No timeout is shorter than RFC 5321
// section 4.5.3.2 unless a row says so.
//
// The package starts no goroutine: Cache.Run works in that of its caller.
package settings

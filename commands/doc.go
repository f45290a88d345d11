// Package commands holds the use cases that write: each loads what it must see, lets domain decide,
// appends one record and waits until reads show it.
//
// # Invariants
//
//   - One command is one record, so all of its effects are visible or none is.
//   - A success is told only after the head of the stream has passed the record's version and the
//     record there is the command's own; a refusal only when no earlier attempt of the same command
//     can still take effect. In between the only answer is "unavailable" with the command id.
//   - A record's time is later than its predecessor's.
//   - Capture times are checked against the clock here and in commands/collect, and nowhere else.
//
// It may not import pgx, watermill, chi, projections, readmodels or api; what it needs of the log and
// of the read side it declares as interfaces.
//
// # Non-obvious
//
//   - The deadline does not wait for the publisher: a record that was handed over may come later, so
//     the caller is told that the outcome is open, and a repetition under the same key finds it.
//   - The lock is only politeness: correctness against other processes comes from the chain's verdict.
//   - A command that changes nothing appends nothing, so its idempotency key is not remembered; a
//     repetition is decided anew.
//   - An import appends one record of an agency at a time and reads the stream again before the next: a
//     record that rests on one which lost a race would look like tampering and park the stream.
//   - Ids of imported readings follow from whose they are and when they were captured, so that a row is
//     one event however often it is imported. Tokens that are stored already stay: refresh
//     tokens may work once, and the legacy ones are used up by the first renewal here.
package commands

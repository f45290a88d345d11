// Package commands holds the use cases that write. Each use case loads the facts that it needs,
// lets domain decide, appends one record, and waits until reads show the record.
//
// # Invariants
//
//   - One command is one record, so either all of its effects are visible or none.
//   - A command reports success only after the head of the stream has passed the record's version
//     and the record with that version is its own. It reports a refusal only if no earlier attempt
//     of the same command can still take effect. Otherwise it returns the error "unavailable" with
//     the command id.
//   - A record's time is later than its predecessor's.
//   - Capture times are checked against the clock only here and in commands/collect.
//
// The package may not import pgx, watermill, chi, projections, readmodels or api. It declares
// interfaces for the parts of the log and the read side that it needs.
//
// # Non-obvious
//
//   - The deadline does not cover the producer: a record that was passed to the producer may be
//     written after the deadline. The caller then learns that the outcome is open, and can repeat
//     the request with the same key to get the outcome.
//   - The lock only reduces conflicts. Correctness against other processes comes from the verdict
//     on the chain.
//   - A command that changes nothing appends nothing, so its idempotency key is not remembered. A
//     repetition is decided again.
//   - An import appends one record of an agency at a time and then reads the stream again. A record
//     that follows a record that lost a race would look like tampering and park the stream.
//   - Ids of imported readings are derived from their agency, social account, post and capture time,
//     so a line is one event however often it is imported. A line that says something else than the
//     event with its id is a conflict, not a repetition.
//   - An import keeps the tokens that are already stored: a refresh token may work only once, and
//     the first renewal in ledgerboard uses up the old one.
package commands

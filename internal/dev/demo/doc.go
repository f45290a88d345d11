// Package demo is the world that `ledgerboard demo` and mock mode are seeded with: an agency with its
// clients, a foreign agency beside it, their history, and a plan of changes of dashboards. It appends
// nothing and reads no clock.
//
// # Invariants
//
//   - Everything is a function of [Config]: ids, times, figures and event ids. Seeding again after a
//     crash appends duplicates, which fold to the same tables.
//   - Readings are read: the platforms' clients ask a simulator at each instant of the history, and
//     commands/collect makes the records of their answers. Live readings go on without a jump.
//   - Nothing of one agency names anything of the other.
//   - Every change of [World.Changes] is accepted by domain and makes exactly one record, so the head's
//     version of a stream says how far an earlier run got.
//   - No token is in an event: [World.Secrets] is for the sealed store.
//   - Nothing lies after the anchor but planned posts that are yet to come, and expiries.
//
// Of this module, it may import only commands/collect, domain, internal/dev/simulator,
// internal/platforms, internal/signin and internal/tracing.
//
// # Non-obvious
//
//   - The simulator must have the world's seed; [World.Register] fails otherwise.
//   - An account's curve goes by its external id, a post's by its own: that is how the simulator does it.
//   - Each connection has one social account, because the simulator's tokens are of one account each.
//   - The agency has no subscription of its own: it would count for its clients, and the lapsed one
//     would not have lapsed.
//   - A post that was planned is registered twice, by the main application and by the listing. Neither is
//     read: what the listing says is written here.
//   - History is read at whole multiples of 12 h before the anchor, the anchor included, not at the
//     schedule's hours: so every post has a reading that is fresh at the start.
//   - A history of a month and more has mishaps: see mishaps.go. The simulator makes those before the
//     anchor too, so the history lacks what a platform did not answer.
//   - Addresses of pictures begin with a host that does not exist; launch puts a real one into answers.
//   - LinkedIn profiles get no posts after the anchor: they cannot be listed, and nobody tells of any.
package demo

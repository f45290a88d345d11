// Package ledgertest is what tests are set up with. Its parts are independent of each other:
//
//   - [Exec], [Value], [Column] and [Rows] run SQL on the database of a test (package pgtest).
//   - [Broker] is a Kafka in memory with the deployed topics, and opens logs on it.
//   - [Log] is a log without a broker: each record is encoded, judged and folded by the real code into
//     a test's own database, before Append returns. [World] is a set of facts that are folded at once.
//   - [Clock] is a time that a test sets, [Simulate] serves the platforms, and [Clients] calls them.
//   - [OpenVault] and [OpenFetching] open the tokens and what else a rebuild keeps.
//   - [Run] runs the loops of a service until the test ends; [CaughtUp] waits for its tables.
//
// Only tests import it.
package ledgertest

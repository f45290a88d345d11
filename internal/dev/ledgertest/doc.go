// Package ledgertest is what tests are set up with. Its parts are independent of each other:
//
//   - [Exec], [Value], [Column] and [Rows] run SQL on the database of a test (package pgtest).
//   - [Broker] is a Kafka in memory with the deployed topics, and opens logs on it.
//   - [Log] is a log without a broker: each record is encoded, judged and folded by the real code into
//     a test's own database, before Append returns. [World] is a set of facts that are folded at once.
//   - [Memory] is a log in memory that is only read, and can be tampered with.
//   - [Clock] is a time that a test sets; [At] and [Clients] call the platforms that [Serve] serves.
//   - [OpenVault] and [OpenFetching] open the tokens and what else a rebuild keeps.
//   - [Run] runs the loops of a service until the test ends; [Await] and [CaughtUp] wait, [Metrics] reads.
//
// Only tests import it.
package ledgertest

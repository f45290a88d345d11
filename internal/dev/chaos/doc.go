// Package chaos runs the service as an installation has it, several processes of each role over three brokers of Apache Kafka and one
// PostgreSQL, breaks parts of it at random under load, and holds what clients were told against the log. It has tests only.
//
// # Invariants
//
//   - Judgements are made from what clients sent and heard, and from the log; never from what the service says of itself.
//   - Every change sets the list of users of one board to another one. So each change that was acknowledged has exactly one record, and who
//     lost access by it follows from the requests alone.
//   - Whatever is drawn comes from the seed that the run prints; LEDGERBOARD_DRAWS sets it. When a fault meets which request is the
//     machine's timing, and is drawn again each time.
//
// # May not import
//
// It is imported by nobody.
//
// # How to run it
//
// LEDGERBOARD_CHAOS=2m (how long there are faults) go test ./internal/dev/chaos, or `make chaos`. Without the variable its tests are skipped.
// It needs Java, and Maven the first time.
// As root the disk of PostgreSQL is a file system in memory that can be full; else that fault is left out, and the run says so.
//
// # Non-obvious
//
//   - Each process has addresses of its own for each broker and for the database, so that its network can be cut alone: brokers tell clients
//     that come by a proxy to come back by it (deploy/kafka --via).
//   - Nothing is drawn for a fault that is not over: each has its own end, and the next one waits until all is well again:
//     readers and writers are answered, processes say so, and brokers have all replicas in sync. Two at once are one
//     fault of two parts.
//   - What fails the run does not depend on the clock: what was lost, doubled or wrong, a change without an outcome, and somebody who can do
//     nothing five minutes after the cause was removed. How long changes waited is printed.
//   - The program under test is built with a package time of the standard library whose clock can be stepped (go build -overlay): so the time of
//     day steps for all of the program and its libraries, and the program itself has no setting for it. Such a build compiles everything
//     once more, about a minute and a half on two cores.
//   - A disk that is full ends PostgreSQL where it cannot write its log, and fails statements elsewhere. Both happen: what is used of the disk is
//     its size then.
package chaos

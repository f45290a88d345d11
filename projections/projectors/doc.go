// Package projectors defines how events become rows: one projector per group of tables that must
// move together.
//
// # Invariants
//
//   - A projector reads one topic and writes its own tables.
//   - Folds depend only on the events: no clock, no configuration, no Kafka timestamp. Two folds of
//     the same log give equal tables; for the projections of `metrics` in any order.
//   - Heads of hash chains are loaded and stored in the transaction that moves the checkpoint,
//     never cached. A record that cannot be decoded is still the head.
//   - A rebuild makes its rows with the same functions as a batch.
//
// The projectors share code but no state. The package must not import projections, watermill,
// commands, readmodels or api; of its sibling packages only ddl, fold and write.
//
// # Design notes
//
//   - The newest stored reading of a post comes from post_daily by one index lookup. Monthly
//     partitions of readings would need one lookup each and a plan over all of them; they are read
//     only for days with late readings, in a separate round trip.
//   - A gain is stored with its reading: the step from the last earlier reading that has the
//     figure. A late reading changes the steps after it up to the next reading of each of its
//     figures, and the sums by the differences. So the order of arrival does not matter.
//   - Rows of post_daily and post_months continue from their last sums; a late reading recomputes
//     its day, and its month from the days. Rows of post_gains are sums; changed readings are
//     subtracted and added.
//   - If a first import is killed and restarted, the log has most readings twice, and the second
//     ones arrive late in large batches. Nothing is read if the reading of the instant stays.
//   - A record in a wrong partition is parked in that partition and does not block the stream's own
//     partition: the tables must not depend on which reader is faster.
//   - Directory and contents: the last record of a key counts; commands do not append records older
//     than the stored row. If it is parked, the row of the record before stays until compaction
//     removes that record; then `verify --tables` names the key.
//   - An erasure of figures also applies to later records, so each projection of metrics stores it.
//     For an account with an erasure, stored rows must be enough: account_newest ignores readings
//     that share their instant with a smaller event id, and registered_at of a post is the earliest
//     of the last registrations of each origin.
package projectors

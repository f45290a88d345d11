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
// The projectors share code (rules of erasures, packing for rebuilds, storage of instants) but no
// state.
//
// The package must not import projections, watermill, commands, readmodels or api; of its sibling
// packages only ddl, fold and write.
//
// # Design notes
//
//   - The newest stored reading of a post comes from post_daily by one index lookup. Monthly
//     partitions of readings would need one lookup each and a plan over all of them; they are read
//     only for days with late readings, in a separate round trip.
//   - A row of account_months is a month of one figure with a value per day, so that an answer
//     reads one row instead of thirty. One statement merges a batch into the stored days.
//   - A gain is stored with its reading: the step from the last earlier reading that has the
//     figure, in the series of one post and agency. A late reading changes the steps after it up to
//     the next reading of each of its figures, and the sums by the differences. So the tables do
//     not depend on the order of arrival.
//   - A row of post_daily continues from its sums if the next reading is later than the stored
//     ones; a late reading recomputes its day from all readings. Rows of post_gains are sums;
//     changed readings are subtracted and added.
//   - If a first import is killed and restarted, the log has most readings twice, and the second
//     ones arrive late in large batches. If the stored reading of the instant stays, nothing is
//     read. Otherwise the following readings are read by key with OFFSET 0, whatever the
//     statistics: ANALYZE did not keep the server from joining all readings.
//   - A row of post_months continues from its last sum. Changes at the end of a month are appended;
//     a late reading or a removed owner recomputes the month from its days. Sums are monthly so
//     that a late reading changes at most one later month.
//   - A rebuild packs the readings of a partition into some 50 bytes each and makes their rows at
//     the end, because any later event may change a gain.
//   - A row of tSPosts lists the clients of its agency that registered the post later, so an answer
//     that covers several clients shows it once without a lookup.
//   - A record in a wrong partition is parked in that partition and does not block the stream's own
//     partition: the tables must not depend on which reader is faster. Commands are still refused.
//   - Directory and contents: the last record of a key counts, both live and in a rebuild; commands
//     do not append records older than the stored row. Content without its post makes a row that no
//     answer joins; a post without content shows null texts. If the last record of a key is parked,
//     the row of the one before stays until compaction removes that record; then `verify --tables`
//     names the key.
//   - An erasure of figures also applies to later records, so each projection of metrics stores it.
//     For an account with an erasure, stored rows must be enough: account_newest ignores readings
//     that share their instant with a smaller event id, and registered_at of a post is the earliest
//     of the last registrations of each origin.
package projectors

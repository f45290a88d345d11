// Package projectors says how events become rows: one projector per group of tables that must move together.
//
// # Invariants
//
//   - A projector reads one topic and writes its own tables.
//   - Folds are functions of the events: no clock, no configuration, no Kafka timestamp. Two folds of
//     one log give equal tables; for the projections of `metrics` any order does.
//   - Heads of hash chains are loaded and stored in the transaction that moves the checkpoint, never
//     kept ahead of it; a record that cannot be decoded is still the head.
//   - What a rebuild copies is made by the functions that make the rows of a batch.
//
// It is one package because the projectors share more with one another than with the engine: the two of `metrics` and that of contents the
// rules of erasures, those of metrics the packing of rebuilds, all of them how an instant is stored. They share no state.
//
// It may not import projections, watermill, commands, readmodels or api: of the packages beside it only ddl, fold and write.
//
// # Non-obvious
//
//   - The newest stored reading of a post comes from post_daily, one probe of one index; asking the
//     monthly partitions would be one probe for each month, and a plan over all of them at each batch. They are asked for days
//     on which a reading comes late, in a round trip of their own.
//   - A row of account_months is a month of one figure, a value for each day: an answer reads a row where it would
//     read thirty. A batch is laid over the stored days in one statement, nothing is read before.
//   - A gain belongs to a reading, and is stored with it: the step from the last reading before it that has the figure,
//     in the series of one post and agency. A late reading changes those after it up to the next one of each of its
//     figures, and no sum but by what these gained before and gain now. So the tables do not depend on arrival.
//   - A row of post_daily goes on from its sums when the next reading comes behind the newest of the day. A late reading
//     makes the rows of its day anew from all its readings. Rows of post_gains are sums: added to, and taken from, by the readings that
//     changed.
//   - A first filling that is killed begins again from the start: the log then has most readings twice. Those of the second time come
//     late, thousands in a batch. Where the stored reading of the instant stays, nothing changes, and nothing behind it is read. What
//     follows the others is read by the key, whatever statistics the server has: ANALYZE did not keep it from joining all readings.
//   - A row of post_months goes on from its last sum: what a batch changes at the end of a month is appended. Anything
//     else, a late reading or an owner gone, makes the month anew from its days. Sums go by month and not for ever, so
//     that a late reading changes no row of a later month but that of the reading after it.
//   - A rebuild packs the readings of a partition into some 50 bytes each and makes their rows at the end, by the same
//     functions: any later event may change what a reading gained.
//   - What a reading that lost its instant leaves behind is mended by a look at the readings; it is rare.
//   - A post of tSPosts knows under which other clients of its agency it was registered later, so that an
//     answer that sees several of them shows it once without looking for the others.
//   - A record in a wrong partition is parked there and does not stop the stream's own partition:
//     which reader is faster must not decide what the tables hold. Commands are refused all the same.
//   - Directory and contents: the last record of a key counts, live and in a rebuild alike; what is older than the stored row is not
//     appended (commands). Content before its post makes a row that no answer joins until the post is registered; a post before its
//     content shows null texts. A parked record that is the last of its key leaves the row of the one before it, until compaction
//     removes that: then `verify --tables` names the key.
//   - An erasure of figures counts for what comes behind it too, so each projection of metrics remembers it. An account of which
//     something is erased is folded otherwise in two points, because what is stored must be enough: account_newest is made of readings
//     that count alone, not of those that share their instant with one of a smaller id; and registered_at of a post is the earliest of
//     what each origin last said.
package projectors

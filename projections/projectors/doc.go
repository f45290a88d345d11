// Package projectors defines how events become rows. There is one projector for each group of
// tables that share a checkpoint.
//
// # Invariants
//
//   - A projector reads one topic and writes only its own tables.
//   - Folds depend only on the events, not on a clock, configuration or Kafka timestamps. Two folds
//     of the same log produce equal tables. For the projections of `metrics`, this holds for any
//     order of the events; an erasure of an account also ends the readings before it in the log.
//   - A build gives a fold all events of a key and takes its rows with the same Write as a batch. What
//     Write changes in stored rows, a build leaves out.
//
// The projectors share code but no state. The package must not import projections, watermill,
// commands, readmodels or api. Of the packages below projections, it may import ddl, fold and
// write.
//
// # Design notes
//
//   - A gain is stored with its reading. It is the step from the last earlier reading of the post that
//     has the figure. If a page moves to another client, or back, the first value of each figure there
//     is a baseline.
//   - A reading that is later than the stored ones needs the newest of them, which is one lookup, since
//     post_readings has no monthly partitions. For a late reading or a merge, all readings of the post
//     are loaded and stepped again, and those that differ are written. Sums change by the difference:
//     old gains are subtracted, and new ones added. Therefore the order of arrival does not matter.
//   - The readings of merged ids stay under the ids with which they were read; counted and post say
//     whether they count, and for which post.
//   - If a first import is killed and restarted, the log contains most readings twice, and the
//     second copies arrive late, in large batches. If the stored reading of the same instant stays,
//     the others of the post are not read.
//   - A build folds the readings of an account in the order of capture, so that most rows are final
//     early and an account with years of readings needs little memory. It folds those of posts in the
//     order of the log: their fold sorts each series, and reading the capture times took 10 % of the
//     processor time.
//   - Directory and contents: the last record of a key counts, and commands do not append records
//     that are older than the stored row. If the last record is a dead letter, the tables keep the row of
//     the previous one. Once compaction has removed that record, `verify --tables` reports the key.
//   - An erasure of figures also applies to later records, so each projection of `metrics` stores
//     it. For a post with an erasure, rows must follow from the stored rows alone: registered_at is the
//     earliest of the last registrations of each origin.
//   - Readings of accounts that are later than all stored ones continue the last rows of their owners.
//     Others are inserted: their UTC day is computed again from its readings, and so is the next day
//     of each figure, whose first step changes. The totals of later days change by a constant.
//   - account_days and account_quarters have a row for each day and quarter hour with a reading, and
//     count known gains, instead of a row when something changes and a flag: then what was gained
//     between two instants is exact also within a day. Windows without a day are in the same tables,
//     and their rows are merged one by one. Sources and windows are texts, because platforms name them.
package projectors

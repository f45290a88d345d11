// Package backup copies the log into files, checks these files without a broker, and restores the
// log to brokers that have none.
//
// # Invariants
//
//   - A restored log has the records of the original in the same order, each with its bytes and
//     its append time. Their offsets have no gaps and may differ: signed checkpoints count records
//     and remain valid, and only derived tables refer to offsets.
//   - The manifest is replaced atomically at the end of a run and names only complete files. If a
//     run is interrupted, the last backup stays valid, and the next run starts from it.
//   - A backup is consistent: the end of `operations` is read first, so a signed checkpoint in the
//     backup covers only records that are in the backup.
//   - A backup contains all records that the log contained when the backup was made. Each run
//     copies compacted topics in full. Only these topics contain personal content, so erased
//     content disappears from the directory. A backup contains no encryption keys.
//   - A restore checks the whole backup, the brokers and the database before it changes anything.
//     It writes only to missing or empty topics.
//   - Only one process at a time can use a directory ([ErrInUse]).
//
// # Format
//
// manifest.json lists all files ([Manifest]). A segment is a file
// <topic>-<partition>/<first>-<next>-<digest>.seg. It consists of a line "ledgerboard.segment.v1
// <topic> <partition>" and records (see appendFrame).
//
// It may import domain and internal/eventlog only.
//
// # Notes
//
//   - A backup is not a proof: its checksums detect damage, not forgery. `ledgerboard verify`
//     checks the signed checkpoints of a restored log.
//   - A record that is superseded and removed by compaction during a run is missing from the
//     backup. This cannot happen to records that are newer than min.compaction.lag.ms (one day).
//   - A backup keeps the offset of each transaction marker of another program, so that a missing
//     record is detected. A restore leaves markers out, and says how many invalid records (without
//     a key, or too large for the topic without compression) it also leaves out.
//   - Records with a time in the future get the time of the restore, because brokers would refuse
//     them otherwise.
package backup

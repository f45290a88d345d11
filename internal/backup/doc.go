// Package backup copies the log into files, checks them without a broker, and writes them into brokers that have no log yet.
//
// # Invariants
//
//   - A restored log is the log: each record has its bytes, its time of appending and, on topics that are not compacted, its offset. So
//     signed checkpoints still hold. On compacted topics restored records close the gaps that compaction left: nothing outside of the
//     derived tables refers to offsets there.
//   - The manifest is replaced in one step, last of all, and names only complete files. If a run is interrupted, the last backup stays
//     valid, and the next run starts from it.
//   - What is in a backup belongs together: the end of `operations` is read first, so a signed checkpoint in it covers nothing that is not
//     in the backup.
//   - A backup holds what the log held when it was taken: compacted topics, which alone have personal content, are copied in full by each
//     run, and what the log has forgotten leaves the directory. No key is in it.
//   - A restore changes nothing before it has looked at everything: the whole backup, the brokers and the database. It restores into
//     absent or empty topics only.
//   - One process at a time uses a directory ([ErrInUse]).
//
// # Format
//
// manifest.json names everything ([Manifest]); <topic>-<partition>/<first>-<next>-<digest>.seg are segments: a line
// "ledgerboard.segment.v1 <topic> <partition>", then records, see appendFrame.
//
// It may import domain and internal/eventlog only.
//
// # Non-obvious
//
//   - A backup is no proof: its checksums find decay, not forgers. Checkpoints are checked by verify.
//   - A record that is replaced and compacted away while a run reads is missing: not within min.compaction.lag.ms, a day.
//   - In the place of a transaction's marker, or of a record that is larger than topics take without compression, a record without a key
//     is written: those cannot be appended again.
//   - Records that would lie in the future get the time of the restore; brokers would refuse them.
package backup

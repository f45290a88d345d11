// Package keysort sorts more records than fit in memory, so that a build of tables can fold the
// records of a partition key by key.
//
// # Invariants
//
//   - Records take at most the given memory. What does not fit is written as sorted runs to one file,
//     and the runs are merged when the records are read.
//   - The file has no name: it is deleted as soon as it is created, so that a process that dies leaves
//     nothing behind.
//
// The package must not import any other package of this module.
//
// # Design notes
//
//   - Each record is read from the log once. Passes over the log, each for as many keys as fit in
//     memory, would read 94 million readings 18 times.
package keysort

// Package erasures is the list of erasures: a file outside of log and database that names whom and what they must not hold any more, so
// that a restore of an older state does not bring people back.
//
// # Invariants
//
//   - A line is on the disk before the erasure that it names begins. What is done twice is done once.
//   - A line that cannot be read is an error: a list that is read in part would erase in part.
//
// It may import domain and internal/durable of this module. What is erased again after a restore is the commands' business.
//
// # Non-obvious
//
//   - It is a package of its own because the program, its subcommands and the import read and write the file without a process that serves.
//   - A change of the last two seconds is read each time: the file's time cannot tell it from the next one.
package erasures

// Package tempfile creates temporary files.
//
// # Invariants
//
//   - An error names the directory, which somebody can make writable or larger, and not the file, whose
//     name nobody knows.
//
// It imports only the standard library.
package tempfile

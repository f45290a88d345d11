// Package secret reads settings that hold secrets: the secret itself, or file:PATH, the file that
// contains it. It is the only reader of such settings, and it reads other files that people write.
//
// # Invariants
//
//   - Line breaks at the end are cut: files and variables often have one.
//   - No error contains a secret or a part of one.
//   - The path of a file is not taken for a secret, if file: was forgotten.
//   - Callers keep the setting and read it for each new use, or through [Cached] or [Text], so that
//     a file that is replaced takes effect without a restart.
//
// It may import no other package of this module.
package secret

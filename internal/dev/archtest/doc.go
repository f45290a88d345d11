// Package archtest fails the build when a package imports what the architecture forbids.
//
// The rules stand in rules.go, in the words of the design: who may not import whom, and what the
// domain may not touch. It reads import statements of all files that are no tests; tests may wire
// anything to anything.
//
// # File map
//
//	rules.go          the rules, as data
//	archtest.go       reads the module's imports and compares
//	archtest_test.go  the module keeps the rules, and a breach of each rule is found
//
// # Non-obvious
//
//   - A rule on a package holds for the packages below it.
//   - Packages for tests (internal/pg/pgtest and the like) are exempt by name, and nothing but tests
//     may import them.
package archtest

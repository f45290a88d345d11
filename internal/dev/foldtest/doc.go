// Package foldtest is the log of tests that need rows as the program makes them and no broker: each
// record is encoded, judged and folded by the real code, into a test's own database, before Append returns.
//
// Only tests import it.
//
// # File map
//
//	foldtest.go             Log
//	commands_and_queries.go commands and directory entities through it
//	batches.go              folds of events alone, batch by batch; what tables have then
//	world.go                World, a set of facts of two agencies that is folded at once; pages of a list
package foldtest

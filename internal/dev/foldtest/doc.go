// Package foldtest is the log of tests that need rows as the program makes them and no broker: each
// record is encoded, judged and folded by the real code, into a test's own database, before Append returns.
//
// Only tests import it.
package foldtest

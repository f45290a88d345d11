// Command mutate changes one line at a time, of the guards of access and against loss, and reports
// which changes no test notices. A test that passes with and without its guard proves nothing; here
// each guard names the test that must fail without it.
//
// The mutations are in testdata/mutations, one paragraph each:
//
//	what:  what a user would lose
//	file:  the file, from the root of the module
//	old:   the line, without surrounding blanks, which occurs once in the file
//	new:   its replacement; empty: the line is removed
//	test:  the package, and the test that must fail; /and one of its subtests
//	needs: postgresql, if the test does; time, if it takes more than about 5 s
//
// No file of the tree is changed: the go command reads the changed file instead of the real one
// (-overlay). All mutations for the tests of one package are compiled into one program, each disabled
// until an environment variable names it, so the package is compiled and linked once.
// `make mutate` tries all of them, `make mutate FAST=1`, as .ci/run does, those without needs, and
// ONLY=REGEXP those whose file, test or what matches.
//
// It may import nothing of this module.
//
// # Limits
//
//   - Compiling and linking take most of the time. A mutation outside of a function's body, or in a
//     function with labels, needs a program of its own.
//   - All tests run first without any mutation. A test that fails, or does not exist, would seem to
//     notice every mutation.
//   - A mutation that does not compile, or whose line no longer exists, is an error of the list: if you
//     change a guard, change its mutation. A test of this package checks the lines in `make test`.
//   - A test that hangs with the mutation notices it too. Waits of tests are long, so each trial has its
//     own time limit.
package main

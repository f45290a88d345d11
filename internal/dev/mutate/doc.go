// Command mutate breaks one line at a time, of the guards of access and against loss, and says which
// break no test notices. A test that passes with and without the line that it is there for proves nothing; here each names the line that it
// guards.
//
// The breaks stand in testdata/mutations, each a paragraph:
//
//	what:  what a user would lose
//	file:  the file, from the top of the module
//	old:   its line, without the blanks around it, which stands there once
//	new:   what stands there instead; nothing: the line is left out
//	test:  the package, and the test that must fail; /and one of its parts
//	needs: postgresql, if the test does; time, if it takes more than some 5 s
//
// No file of the tree is changed: the go command reads the broken file in the place of the real one (-overlay). All breaks that tests of
// one package are there for are woven into one program, each off until an environment variable names it: it is compiled and linked once.
// `make mutate` tries all of them; `make mutate FAST=1`, as .ci/run does, those that need nothing; ONLY=REGEXP those whose
// file, test or what matches.
//
// It may import nothing of this module.
//
// # Non-obvious
//
//   - Compiling and linking take most of the time. A break outside of a function's body, or in a function with labels, cannot be woven in:
//     it costs a program of its own.
//   - All tests are run without any break first. A test that fails, or that is not there, would seem to notice everything.
//   - A break that does not compile is a fault of the list, as is a line that has gone: who changes a guard changes its entry.
//     Before the first trial all lines are looked for; a test of this package does the same in `make test`.
//   - A test that hangs with the break notices it too: waits of tests are long, so trials have a bound of their own.
package main

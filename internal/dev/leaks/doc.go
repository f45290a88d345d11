// Package leaks looks for what tests leave behind: goroutines, with patience (one that ends by itself is no leak, however late it is on
// a machine that does other things too), and processes that work in a directory.
//
// # Invariants
//
//   - Only a leak is waited for: where nothing is left, a look takes no time.
//   - Who looks alone after one test is not parallel: a look sees all goroutines of the process.
//
// # May not import
//
// Any package of this module. It is imported by tests.
//
// # Non-obvious
//
//   - goleak alone looks for half a second. What ends by itself later is for example a connection whose server has closed it.
package leaks

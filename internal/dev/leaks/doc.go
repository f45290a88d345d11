// Package leaks finds goroutines that outlive a package's tests.
//
// # File map
//
//	leaks.go  VerifyTestMain
//
// # Non-obvious
//
//   - goleak looks for half a second. On a machine that does other things too, what ends by itself may take longer: requests that a closed
//     server cut, connections of a client that was closed.
package leaks

// Command ways counts our functions that run for one request and for one reading: a demo that
// was built with -cover is started, idle and stopped, once without and once with the request. What the
// second run covers and the first does not is the way. Function literals count, internal/dev does not.
//
// A way is a measure of how much a reader has to follow, not of time.
package main

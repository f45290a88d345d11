// Package contract walks one thing all the way: what a platform answers on the wire, through its client,
// the event, the record, the projection and the table, to the JSON that a frontend gets. Nothing on the
// way is a stand-in but the platform's answers, which stand in testdata, written by hand from the
// platforms' documents, one file for each handler: every call that the client makes is in its file, and
// every call in the file is made.
//
// Only tests live here.
//
// # Non-obvious
//
//   - The answers are as of 2026-11-20, those with saves and watch times as of 2026-11-21, the names of places as of
//     2026-11-22. Facebook's Batch API took the place
//     of `?ids=`, which every version has refused since 2026-10-27; one of its entries is null here, and that video is asked for
//     again, alone.
//   - Requests are compared decoded, by path and by those parameters that the file names: what the file
//     leaves out may be anything. A call that no entry fits is answered 500 and fails the test.
package contract

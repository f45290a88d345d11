// Package live tells listeners whose figures have changed, as Server-Sent Events, so that a frontend reads
// anew what it shows and nothing else.
//
// # Invariants
//
//   - What is told can be read: the hub is fed by the NOTIFY that a projection sends in the transaction
//     which changes the rows. A message of the log itself would come before they are there.
//   - A listener is told at most once a second, however much changes, and then all of it at once.
//   - A listener is told of the accounts that it may see now: that is found out anew for each event. Who
//     has lost its access is cut.
//   - What is told is a hint to read, never a figure: losing one must be known, not impossible. Whoever
//     cannot be told exactly what it has missed is told that anything may have changed.
//   - A slow listener delays no other and costs no memory: there is one list of changes, and each listener
//     has a place in it.
//
// It may not import pgx, watermill, chi or any package above internal, domain excepted.
//
// # File map
//
//	config.go      settings, Listener, the reasons of a cut
//	hub.go         the list of changes and who waits for it
//	changes.go     changes put together, and cut down to what a listener may see
//	sse.go         one stream
//
// # Non-obvious
//
//   - Last-Event-ID is a place in the list of one process: "<process>.<number>". A stream that comes back
//     to its process within some minutes is told exactly what it has missed, merged into one event. At
//     another process, after a restart or too late it is told "all": true. A stream without an id begins
//     now, and is told its place at once.
//   - A change of dashboards is no figure, but changes what clients may see. It makes their streams look
//     again at once: who is out is cut, and whose accounts are others is told "all": true.
//   - The first change after a quiet second is told at once, the next ones a second later.
package live

// Package e2e tests the program as its users have it: a process with a data directory, an address and
// a command line, the stock JavaScript clients in front, kill -9 from behind. All of it is behind the
// build tag e2e (`make e2e`); nothing here runs in `make test`.
//
// # File map
//
//	harness*_test.go         the binary, one demo as a process: start, kill, stop, requests, database
//	people_test.go           tokens of anybody, changes of dashboards
//	gate_test.go             a network that a test can cut
//	listeners_test.go        the stock Socket.IO client, EventSource, and a plain reader of SSE; testdata/js
//	answers_test.go          what the program says to everything that can be asked, to be compared
//	notices_test.go          every client hears of a lost access once, whatever happens in between
//	frontend_test.go         the API documents linted, the served client installed, compiled against, run; testdata/frontend
//	client_test.go           the served client in Node, over the stock libraries; testdata/js
//	browser_test.go          a real Chromium: its own EventSource resumes by itself
//	frontend_page_test.go    the page of docs/frontend.md in Chromium, exactly as printed there
//	connecting*_test.go      from an empty database to figures in Chromium, by the keyboard alone, and what goes wrong there; nothing secret shows
//	console*_test.go         the console in Chromium: each role's ways, every page judged by axe (testdata/axe), strangers, a log that was altered
//	live_test.go             a page hears which figures changed, also over a restart
//	dropped_schema_test.go   the log is the truth; nothing is served before it is caught up with
//	continue_test.go         second starts, after stops and kills, in the middle of seeding too
//	bad_input_test.go        wrong requests are refused in one shape and change nothing
//	command_line_test.go     arguments, settings, status, token, import; one owner; an ordinary user
//	mock_test.go             serve --mock: marked answers, nothing left behind, refused where it could do harm
//	attacks*_test.go         each attack of docs/threat-model.md as a program: on a copy of what a demo left, or on the running service
//	chaos*_test.go           kill -9 under load
//	fetcher_kill_test.go     kill -9 of fetchers: what is lost is what was in flight
//	operators_test.go        docs/operators.md as an operator follows it, command by command
//	rebuild_kill_test.go     kill -9, and SIGSTOP, of the process that runs a rebuild, at each stage, under readers
//
// # Non-obvious
//
//   - LEDGERBOARD_E2E_RACE=1 builds the program with the race detector, and the kill test then fails on
//     a report in what the program said; LEDGERBOARD_E2E_BINARY names one that is built already.
//   - LEDGERBOARD_E2E_PICTURES=DIRECTORY has TestEveryPageOfTheConsole leave pictures of the main views there;
//     LEDGERBOARD_E2E_LOADS=200 has it print how long each page takes.
//   - LEDGERBOARD_E2E_SEED and LEDGERBOARD_E2E_KILLS repeat one run of the kill test; what it printed
//     says with which.
//   - A process of PostgreSQL that is killed alone takes the server into recovery while the program runs
//     on. What was committed asynchronously may be gone then, so a projection may find its checkpoint
//     behind itself; dashboards commit synchronously, because commands decide by their tables.
//   - A process is killed alone, not with its group: that the embedded PostgreSQL vanishes by itself is
//     part of what every test here checks at its end.
//   - Servers that run from an open descriptor (internal/embedded) do not show the data directory on
//     their command line; they are found by their working directory.
package e2e

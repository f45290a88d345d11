// Package soak runs the ingestion as a whole, for hours of compressed time: the real scheduler and
// PostgreSQL, the real clients over HTTP against the simulator, the real log and projections, with faults
// on; and judges afterwards what the log holds.
//
// # Invariants
//
//   - The simulator's clock and the fetchers' are one (Clock), so that quotas, tokens and back-offs are
//     compressed alike. Only the looks of the scheduler at what is due, claims, and the marks of
//     recorded states are real time.
//   - Judgements are made from the log itself, the simulator's own counts and the recorded states, never
//     from what the fetchers say of themselves.
//
// It is imported by its tests and by internal/dev/e2e only.
//
// # How to run it
//
// LEDGERBOARD_SOAK is ci (2,000 connections, 2 hours), full (20,000 connections, 10 hours; `make soak`), or a
// number of connections, at least 400, which are read for 35 minutes that are not compressed. Such a run
// fails if a busy quota is used unevenly or too little, or if a page that is connected while all others are
// overdue waits longer than 10 s. Without the variable the test is skipped. Two processes' worth of fetchers
// read live figures and a week of history; in the longer runs, all of TikTok's tokens, a quarter of all, end
// at the same second. LEDGERBOARD_SOAK_SPEED sets the compression.
//
// TestReadingsSurvivePlatformFaults needs no variable: it reads small worlds for two weeks on a clock that jumps, with faults that are drawn by
// a seed, and compares them with the same weeks without faults. `make unkind` draws a thousand.
//
// # Non-obvious
//
//   - Time is compressed at most thirtyfold, because a look at what is due comes once a second at most, and stands for one in 30 s.
//   - Compressed time magnifies every delay of the machine: a call that is on its way for 100 ms is 3 s late
//     for a quota of a minute. So a smaller share of the quotas is used than in production; the arithmetic
//     is the same (see commands/collect).
//   - A connection is starved when its newest reading is older than twice max(the interval, what the quota allows) and
//     a tick: a reading that comes late by most of its interval is followed by the next but one. What the quota allows is the number of the
//     platform's connections times the calls that a reading took (measured, posts and failures included), by the budget's rate, and a
//     quarter. A connection whose last attempt failed is granted the pauses that its failures ask for.
package soak

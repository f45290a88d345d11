// Package platforms reads figures from the social networks: one client per network behind the small
// interface [Client], by the platforms' documents of November 2026.
//
// # Invariants
//
//   - Absent is never 0. The two exceptions (`shares` of a Facebook post,
//     LinkedIn share statistics left out of a page's answer) are marked where they are made.
//   - No error, log line, statistic or cursor holds a token or an address. Meta's `next` links hold
//     the token: only their presence is looked at.
//   - One refused metric costs that metric only; one odd field costs that field only.
//   - An answer about another account than the one asked for is an error, never a reading.
//   - Bodies are capped after decompression, calls have a time limit, redirects are not followed.
//   - Nothing here sleeps, retries or starts goroutines: errors carry a class and a time, the
//     scheduler decides. Time comes from Config.Now.
//
// It may not import anything of this module but domain.
//
// # File map
//
//	platforms.go               Config, Set, Client
//	target.go snapshot.go      what goes in and comes out; redaction of tokens
//	errors.go redact.go        Error and its classes; scrubbing of messages
//	call.go stats.go           one HTTP call: limits, classification, statistics, usage headers
//	decode.go                  lenient JSON types
//	memory.go                  which metrics were refused
//	graph*.go                  Meta's Graph API: calls, errors, insights (Facebook and Instagram)
//	facebook*.go               pages: account, day flows, listing, posts and videos
//	instagram*.go              accounts, media, token refresh
//	linkedin*.go restli.go     profiles and company pages; Rest.li encoding
//	tiktok*.go                 users, videos, token refresh
//	testdata/                  answers written by hand from the facts, one file each
//
// # Non-obvious
//
//   - Facebook's day label is end_time minus one Pacific day; a request asks for one day more than
//     wanted, because `until` has been seen to be exclusive, and drops what was not asked for.
//   - Insights are asked without `period`, so that one call brings day, week and 28 days; they are
//     selected, never added.
//   - A metric refused for three accounts counts as retired and is not asked for by others; every
//     refusal expires, so that a metric that comes back is found.
//   - Views also stand for impressions on Facebook and Instagram: there is no other number since
//     2025. The figure's source says which metric it really is.
//   - A Facebook video that names its post is listed as that post, with SameAs = the video's id.
package platforms

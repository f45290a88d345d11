// Package platforms reads figures from the social networks: one client per network behind the small
// interface [Client], according to the platforms' documentation of November 2026.
//
// # Invariants
//
//   - Absent is never 0. The two exceptions (`shares` of a Facebook post, LinkedIn share statistics
//     left out of a page's answer) are marked where they are made.
//   - No error, log line, statistic or cursor holds a token or an address. Meta's `next` links hold
//     the token: only their presence is checked.
//   - One refused metric costs that metric only; one invalid field costs that field only.
//   - An answer about another account than the requested one is an error, never a reading.
//   - Bodies are limited after decompression, calls have a time limit, redirects are not followed.
//   - Nothing here sleeps, retries or starts goroutines: errors carry a class and a time, and the
//     scheduler decides. Config.Admit precedes every call and may wait; what it refuses is not called
//     ([Refused]). Time comes from Config.Now.
//
// It may not import any package of this module but domain.
//
// # Non-obvious
//
//   - Facebook's day label is end_time minus one Pacific day. A request asks for one day more than
//     needed, because `until` has been seen to be exclusive, and drops the rest.
//   - Insights are requested without `period`, so that one call returns day, week and 28 days; they are
//     selected, never added.
//   - A metric refused for three accounts counts as retired and is not requested for others. Every
//     refusal expires, so that a metric that returns is found.
//   - Views also represent impressions on Facebook and Instagram: there is no other number since 2025.
//     The figure's source names the real metric.
//   - TikTok's lists and LinkedIn's figures of members depend on the token alone. TikTok says whose it is
//     ([Identifier]). LinkedIn does not, with the permissions that the figures need: a token of another
//     member gives a profile that member's figures, and nothing can detect it.
//   - A metric that a token may not read differs from one that a post forbids: two posts are refused it
//     and no post is read with it. Only the former is remembered.
//   - Posts are read by the Batch API, where each has its own answer; elsewhere one by one.
//   - A Facebook video that names its post is listed as that post, with SameAs = the video's id. Videos
//     are listed before posts, which do not name their videos.
package platforms

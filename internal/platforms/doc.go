// Package platforms reads figures from the social networks. It has one client per network behind
// the small interface [Client] and follows the platforms' documentation of November 2026.
//
// # Invariants
//
//   - Absent is never 0. The code marks the two exceptions: `shares` of a Facebook post, and
//     LinkedIn share statistics that a page's answer omits.
//   - No error, log line, statistic or cursor contains a token or a URL. Meta's `next` links
//     contain the token: the code only checks whether they are present.
//   - A refused metric or an invalid field affects nothing else.
//   - An answer about an account other than the requested one is an error, never a reading.
//   - Bodies are limited after decompression, calls have a time limit, and redirects are not
//     followed.
//   - The package does not sleep, retry or start goroutines: an error carries a class and a wait,
//     and the scheduler decides. Config.Admit runs before every call and may refuse it ([Refused]).
//
// The package may import no other package of this module except domain.
//
// # Not obvious
//
//   - The day of a Facebook value is its end_time minus one Pacific day. A request asks for one day
//     more than needed, because `until` has been observed to be exclusive, and drops the surplus.
//   - A metric refused for three accounts counts as retired for all. Every refusal expires, so that
//     a metric that comes back is found.
//   - Views also serve as impressions on Facebook and Instagram, which have reported no separate
//     number since 2025. The figure's source names the actual metric.
//   - TikTok's lists and LinkedIn's member figures depend on the token alone. TikTok reports the
//     token's account ([Identifier]). LinkedIn does not: with another member's token, a profile
//     gets that member's figures, and nothing can detect it.
//   - A metric that a token may not read differs from a metric that one post forbids. If two posts
//     are refused the metric and no post is read with it, the token lacks it. Only this case is
//     remembered.
//   - A Facebook video that names its post is listed as that post. Videos are listed before posts,
//     because posts do not name their videos.
package platforms

// Package platforms reads figures from the social networks. It has one client per network behind
// the small interface [Client] and follows the platforms' documentation of November 2026.
//
// # Invariants
//
//   - A missing figure is never recorded as 0, with two exceptions that the code marks: `shares` of
//     a Facebook post, and LinkedIn share statistics of a post that the answer omits. Both apply
//     only to posts whose last known figure is 0 or unknown.
//   - No error, log line, statistic or cursor contains a token or a URL. Meta's `next` links
//     contain the token: the code only checks whether they are present.
//   - An error belongs to what it is about ([AboutOf]): a refused metric, post, part of an account,
//     day or page of a list does not affect the others. Three posts in a row that fail before any
//     is answered are an error of the account.
//   - What an answer shows is remembered for its account alone, and what it shows about posts only
//     after a second post.
//   - Codes decide, in one table per platform. Where Meta has no code, the words do, in one table,
//     and every Graph call requests English.
//   - A list ends where the platform says so: without `next` (Graph), with `has_more` false
//     (TikTok), or at an empty page that a second look confirms (LinkedIn), never at a short page.
//     A page that says that more follows, and not how, is an error that the scheduler repeats.
//   - An answer about an account other than the requested one is an error, never a reading.
//   - Bodies are limited after decompression, calls have a time limit, and redirects are not
//     followed.
//   - The package does not sleep, repeat failed calls or start goroutines: an error has a reason and
//     a wait, and the scheduler decides. Config.Admit is called before every call and may refuse
//     the call ([Refused]).
//
// Of this module, the package may import only domain, internal/secret and internal/tracing.
//
// # Not obvious
//
//   - The day of a Facebook value is its end_time minus one Pacific day. A request includes one day
//     more than needed, because `until` has been observed to be exclusive; a surplus day is
//     dropped.
//   - Refusals expire, so a metric that becomes available again is detected.
//   - Views also serve as impressions on Facebook and Instagram, which have reported no separate
//     number since 2025. The figure's source names the actual metric.
//   - TikTok's lists and LinkedIn's member figures depend on the token alone. TikTok reports the
//     token's account ([Identifier]). LinkedIn does not: with another member's token, a profile
//     gets that member's figures, and this cannot be detected.
//   - A part of a post, such as its insights, may be refused because the token lacks a permission
//     or because of the post. If the part is refused for two posts of one reading and read for
//     none, the token lacks the permission. Only this case is remembered.
//   - If a Facebook video names its post, the video is listed as that post. Videos are listed
//     before posts, because posts do not name their videos.
package platforms

// Package simulator is an HTTP server that speaks the wire formats of the social networks, for demo,
// mock mode and tests. The clients know nothing of it but a base URL each.
//
// # Invariants
//
//   - Figures are pure functions of (seed, id, time): [FollowersAt], [PostAt], [ViewsOn] and their
//     like. History generated with them and live answers are one curve without a jump.
//   - Posts appear by the same rule ([PostsOf]): a later listing shows the posts of an earlier one and
//     the new ones.
//   - Generated tokens check themselves, so a restarted server with the same seed accepts the tokens
//     that it handed out before, rotated ones included.
//   - Everything that surprises a client is a trap, off by default, per account, and
//     switchable while the server runs. A Fault is a trap that is about one post, scope or call, or that ends;
//     Server.Unkind draws some by a seed. What the platforms always do is always on: several periods
//     of one metric, the 90-day limit, `next` links with the token, shares left out when they are
//     zero, TikTok's two time units, its silent dropping of ids and its rotating refresh tokens.
//   - No goroutines, no clock but Config.Clock (a Delay trap waits on the request's own context). It makes no calls,
//     except the signed requests that a person triggers with a button.
//
// It may not import anything of this module but domain, and never platforms: their tests meet over
// HTTP.
//
// # Non-obvious
//
//   - Facebook's `until` is exclusive here, the harsher of the two behaviours that have been seen.
//   - A Facebook video is in /posts (as {page}_{post}) and in /videos (as a bare number that names
//     its post); a reel is in /video_reels only.
//   - Meta's answer to an unknown token repeats the token, as the real one does.
//   - Without auth_type=rerequest, Facebook's dialog offers neither what was declined before nor pages that were left out.
//   - A page's token dies when a later consent of the same person leaves the page out, and stays dead when the page is
//     chosen again: there is a new one then.
//   - Consents are kept in memory. After a restart the server accepts an older token with all scopes, until the person
//     consents again.
//   - A TikTok refresh with a used-up token answers its error under HTTP 200.
//   - Captions are plain text here. LinkedIn's are sent in its format "little".
//   - A deleted LinkedIn post refuses a call about several posts with 400, 403 or 404, by its number: each has been
//     reported, and which one comes when is not known. A range of more than 100 days ends there without a word.
//   - A version of the Graph API that is not out yet is an unknown path (2500), and one that has ended is 2635. A call
//     without a version is one of the oldest.
package simulator

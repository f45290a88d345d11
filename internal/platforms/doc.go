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
//     scheduler decides. Config.Admit stands before every call and may wait; what it refuses is not
//     called, and says so ([Refused]). Time comes from Config.Now.
//
// It may not import anything of this module but domain.
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
//   - TikTok's lists and LinkedIn's figures of members go by the token alone. TikTok says whose it is
//     ([Identifier]). LinkedIn does not, with the permissions that the figures need: whoever hands over
//     the token of another member there gives a profile that member's figures, and nobody can tell.
//   - What a token may not read is told from what a post forbids: two posts are refused it and none is read with
//     it. Only the former is remembered.
//   - Posts are read by the Batch API, where each has an answer of its own. Where a platform takes no batches, posts
//     are read one by one.
//   - A Facebook video that names its post is listed as that post, with SameAs = the video's id. Videos are
//     listed before posts, which do not tell: who knows the video's id would take its post for another one.
//
// # Traps
//
// What the platforms are known to surprise their callers with, and the test that goes through it (those
// marked sim are of internal/dev/simulator, those marked collect of commands/collect). A test holds this table against the tests that there
// are.
//
//	Facebook   a retired metric rejects the whole batch       TestFacebookRetiredMetricCostsOnlyItself
//	Facebook   the same in a batch of posts                   TestFacebookRetiredPostMetric
//	Facebook   no read_insights: 200 and no data              TestFacebookEmptyTrap
//	Facebook   day, week and 28 days of one metric            TestFacebookPeriodsAreSelected
//	Facebook   a value that is an object                      TestFacebookObjectValuesAreSummed
//	Facebook   90 days at most to a call                      TestFacebookRangeAcrossWindowsAndClockChange
//	Facebook   next is the next window and holds the token    TestFacebookNextIsNeverFollowed
//	Facebook   shares left out: none                          TestFacebookSharesAbsentIsZero
//	Facebook   ?ids= is gone: HTTP 500 with code 100          TestFacebookCode100IsNoHiccup, sim TestIDsParameterIsRefused
//	Facebook   a batch of posts, as it goes over the wire     TestFacebookBatchOnTheWire, sim TestBatchRules
//	Facebook   an entry of a batch is null: ask again         TestFacebookNullEntryIsAskedAgain
//	Facebook   each request of a batch counts as a call       TestFacebookBatchIsCutToTheQuota, sim TestBatchRules
//	Facebook   usage and throttles stand inside of a batch    TestFacebookQuotaInsideOfABatch
//	Facebook   batches are refused: posts one by one          TestFacebookWithoutBatches
//	Facebook   a bare video has no reach since 2026-06-15     TestFacebookVideoByItsOwnNumber
//	Facebook   the watch time of a video, in milliseconds     TestGoldenFacebookPostMetrics, TestFacebookVideoByItsOwnNumber
//	Instagram  a total asked for without its type: empty      TestInstagramAccount, sim TestInstagramInsightsRules
//	Instagram  follower_count with a type: empty              sim TestInstagramInsightsRules
//	Instagram  30 days at most to a call                      TestInstagramRange
//	Instagram  hidden likes                                   TestInstagramHiddenLikes
//	Instagram  too few viewers; before business conversion    TestInstagramMediaWithoutInsights
//	Instagram  a metric that is not for this kind of media    TestInstagramWrongTypeFallsBack, TestInstagramRefusalInAnyWords
//	Instagram  a metric that one media object has not         TestInstagramMetricRefusedForOneMediaCostsNoOther
//	Instagram  an advertisement is a kind of its own          TestInstagramAdIsItsOwnType
//	Instagram  saves of no story, watch time of reels only    TestGoldenInstagram, TestInstagramMedia
//	Instagram  a token of its login that came without an end  collect TestInstagramLoginWithoutItsEndIsRenewedWhenADayOld
//	Meta       throttled, with minutes, under 400 and 200     TestMetaThrottle
//	Meta       an app that requires proofs of calls           TestMetaCallsAreProven
//	Meta       another version answers than was asked         TestOtherGraphVersionIsNoted
//	Meta       an error inside of a batch                     TestErrorInsideOfABatch
//	Instagram  usage in other words on its own host           TestInstagramLoginUsage
//	Meta       data access ends before the token does         TestMetaTellsWhatATokenMayDo, collect TestWhatATokenMayDoIsKept
//	LinkedIn   no version: 400; sunset version: 426           sim TestLinkedInRules, TestLinkedInErrors
//	LinkedIn   not an administrator: 403                      TestLinkedInErrors
//	LinkedIn   posts left out: zero; negative likes           TestLinkedInQuietAndNegative
//	LinkedIn   a cut answer is not zero                       TestLinkedInCutAnswerIsNotZero
//	LinkedIn   the short page is the last, without a total    TestLinkedInPosts
//	LinkedIn   429 without Retry-After: until midnight UTC    TestLinkedInDailyQuota
//	LinkedIn   its midnight comes after ours                  TestLinkedInDayBeginsByItsOwnClock
//	LinkedIn   metricType as object and as string             TestLinkedInProfileAccount
//	LinkedIn   saves of a profile's post: a call of its own   TestLinkedInProfilePosts, TestGoldenLinkedInSaves
//	LinkedIn   a figure of a later version                    TestLinkedInMetricOfALaterVersionIsNotAsked
//	LinkedIn   places are URNs, named by another call         TestGoldenLinkedInPlaces, sim TestLinkedInPlaces
//	LinkedIn   names of places cost a call                    TestLinkedInPlacesAreAskedOnce, TestLinkedInManyPlaces
//	LinkedIn   names of places are refused, or fail           TestLinkedInPlacesRefused, TestLinkedInReadingStandsWithoutNames
//	LinkedIn   two places of one name                         TestLinkedInPlacesOfOneName
//	LinkedIn   no refresh token: used to the last day         collect TestTokenWithoutARefreshTokenIsUsedToItsLastDay
//	LinkedIn   lists encoded and raw                          TestLinkedInEncoding, sim TestLinkedInRules
//	TikTok     cursor in ms, times in s, ids beyond 2^53      TestTikTokListing
//	TikTok     ids dropped without a word                     TestTikTokQueryDropsIDs
//	TikTok     dead after two hours, refresh tokens rotate    TestTikTokRefreshRotates
//	TikTok     no client key: no renewal                      collect TestMissingClientKeyIsTold
//	TikTok     600 calls in a sliding minute                  TestTikTokRateLimit, sim TestSlidingWindow
//	TikTok     OAuth's flat errors, the API's nested ones     TestTikTokRefreshRotates, TestTikTokOddErrorShapes
//	Facebook   scopes are declined one by one                 TestFacebookScopesDeclined, sim TestDialogHasItsBoxes
//	Facebook   Login for Business: scopes all or nothing      TestFacebookLoginForBusiness, sim TestDialogHasItsBoxes
//	Facebook   a page left out by a second consent dies       TestFacebookPageLeftOutDies
//	Facebook   what was unticked is not offered again         TestAddressesOfTheDialogs, sim TestDialogWithoutRerequest
//	Facebook   pages in short lists that are not the last     TestFacebookSignIn, TestFacebookSignInOnTheWire
//	Facebook   a page that the person may not look into       TestFacebookSignIn, TestFacebookSignInOnTheWire
//	Facebook   page tokens end with a short-lived one         TestFacebookSignIn, sim TestPageTokensEndWithShortOnes
//	Facebook   giving back takes the whole app                TestFacebookPageLeftOutDies, sim TestDebugToken
//	Meta       code 100 for a spent code and a wrong secret   TestRefusedCodesOnTheWire, TestWrongSecretOfTheApp
//	Instagram  a code is followed by #_                       TestInstagramSignIn, sim TestCodesInTheAddress
//	Instagram  the code's answer in a list, or flat           TestInstagramSignInOnTheWire
//	Instagram  the person's id is not the account's           TestInstagramSignInOnTheWire
//	LinkedIn   other scopes kill all earlier tokens           TestLinkedInOtherScopesKillTokens
//	LinkedIn   a scope unknown to the app: no dialog at all   sim TestDialogRefusesUnknownScopes
//	LinkedIn   no refresh token, scopes parted by commas      TestLinkedInSignIn, TestLinkedInSignInOnTheWire
//	LinkedIn   pages in lists of a hundred                    TestLinkedInSignIn
//	LinkedIn   giving back takes one token                    TestLinkedInOtherScopesKillTokens
//	TikTok     client_key, and a code that is encoded         TestTikTokSignIn, sim TestCodesInTheAddress
//	TikTok     giving back takes the whole app                TestTikTokSignIn
//	all        a code is good once, and not for long          TestCodesAreSpent
//	all        the redirect address, byte by byte             TestCodesAreSpent, sim TestDialogRefusesStrangers
//	all        refusals in words of their own                 sim TestDialogIsRefused
//	Meta       who removes the app has us called              sim TestSignedRequests
//	all        a proxy's HTML page, 502 and 503               TestFaultHTML
//	all        JSON that stops in the middle                  TestFaultTruncated
//	all        slow answers                                   TestFaultSlow
//	all        one item on two pages                          TestFaultRepeatedItems
//	all        counters that fall                             TestFaultFallingCounters
//	all        numbers beyond 2^31                            TestFaultHugeNumbers
package platforms

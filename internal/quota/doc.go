// Package quota keeps our calls to the platforms within their limits. It has a budget for each
// limit, shared by all processes, and one circuit breaker per platform. A platform's answer can
// hold a budget: no calls are then taken from it until a given time. A [Gate] checks every call
// (platforms.Config.Admit).
//
// # Invariants
//
//   - In any window of a limit, sliding or fixed, all processes together make at most the allowed
//     calls, if the latency to the platform varies by less than the slack (see "Arithmetic").
//   - Calls are taken from the store before they are made: a crash wastes calls but never exceeds a
//     limit. They are taken from all budgets that they count against, or from none.
//   - A step of a reading ([Reading.Step]) takes all of its calls in one statement, or is refused with
//     the time when they are available. It does not wait. Calls that it does not make return.
//   - Each request of a batch is a call. A batch is reduced to the available calls.
//   - A third of an app's budget, at most ten calls, is kept for sign-ins, renewals of tokens and
//     first readings. Posts leave half of a budget to accounts.
//   - A refusal is marked as ours (platforms.Refused) and is not a failure of the platform.
//
// Of this module, the package may import only domain and internal/platforms.
//
// # Arithmetic
//
// A budget for Q calls in a window W grows by the rate r = share × Q/W up to a burst B, which is
// half of the calls that the share leaves unused. For daily quotas of an app or account, B is at
// least ten calls if the quota permits, because a reading makes its calls one after another; r is
// then slightly lower. Calls that take at most J to arrive are in the same window only if they were
// drawn within W + J, so there are at most B + r(W + J) of them. The largest J for which this is
// within Q is the slack. With the default share of 0.9, it is 3.3 s for 600 calls per minute and
// more than an hour for daily quotas. A smaller share gives more slack.
//
// # Not obvious
//
//   - Daily budgets are spent evenly over the day. Otherwise, they would be used up by noon, and no
//     connection would be read until midnight.
//   - If accounts and posts wait for the same budget, they take turns: after a step of the accounts
//     from its lower half, the next step is of the posts that were refused.
//   - A step may take minutes. Quotas with a window of less than an hour have little slack, so their
//     calls are taken one by one.
//   - Budgets grow by the store's clock. Otherwise, a process with a fast clock would take the
//     others' share.
//   - A budget without a limit can be held. It has a row only while it is held.
//   - A call outside of a reading waits up to five seconds: a person who signs in should not have to
//     wait longer.
//   - The breaker counts failures of the platform or the network (5xx, no answer, malformed
//     answers). A failure that concerns one account says nothing about the platform, and neither do
//     further failures of the account that failed last: a post can fail forever.
package quota

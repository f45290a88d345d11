// Package quota keeps our calls to the platforms within their limits. It has a budget for each
// limit, shared by all processes, and one circuit breaker per platform. A platform's answer can
// hold a budget: no calls are then drawn from it until a given time. A [Gate] checks every call
// (platforms.Config.Admit).
//
// # Invariants
//
//   - In any window of a limit, sliding or fixed, all processes together make at most the allowed
//     calls, if the latency to the platform varies by less than the slack (see "Arithmetic").
//   - Calls are drawn from the store before they are made and never returned: a crash wastes calls
//     but never exceeds a limit. They are drawn from all budgets that they count against, or from
//     none.
//   - Each request of a batch is a call. A batch is reduced to the available calls.
//   - If a budget has no calls left, a call waits if the wait is short. Otherwise, it is refused,
//     and the error contains the wait.
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
//   - While a caller waits for a shared budget, later callers wait behind it: callers of the same
//     priority are served in order. If a budget is too small for both priorities, these alternate,
//     and [Gate.Capacity] assumes half of the budget for each.
//   - Budgets grow by the store's clock. Otherwise, a process with a fast clock would take the
//     others' share.
//   - A budget without a limit can be held. It has a row only while it is held.
//   - A call waits at most a few seconds for the budget of an account or app: a worker has other
//     accounts to read, and a person who signs in should not have to wait longer.
//   - The breaker counts failures of the platform or the network (5xx, no answer, malformed
//     answers). A failure that concerns one account says nothing about the platform, and neither do
//     further failures of the account that failed last: a post can fail forever.
package quota

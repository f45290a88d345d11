// Package quota keeps our calls to the platforms within their limits. It has budgets shared by all
// processes, holds requested by the platforms' answers, and one circuit breaker per platform. A
// [Gate] checks every call (platforms.Config.Admit).
//
// # Invariants
//
//   - In any window of a limit, sliding or fixed, all processes together make at most the allowed
//     calls, if the latency to the platform varies by less than the slack (see "Arithmetic").
//   - Calls are drawn from the store before they are made and never returned: a crash wastes calls
//     but never exceeds a limit. They are taken from all budgets that they count against, or from
//     none.
//   - Each request of a batch is a call. A batch is reduced to the available calls.
//   - A call without room waits if room is available soon, and is otherwise refused with a wait.
//   - A refusal is marked as ours (platforms.Refused) and is not a failure of the platform.
//
// The package may import no other package of this module except domain and internal/platforms.
//
// # Arithmetic
//
// A budget of Q calls in W grows by the rate r = share × Q/W up to a burst B, which is half of what
// the share leaves. Daily quotas of a single account grow slightly more slowly, up to a burst of
// ten calls, which a reading makes at once. Calls that take at most J to arrive are in a window of
// W only if they were drawn within W + J, so there are at most B + r(W + J) of them. The slack for
// J is 3.3 s for 600 calls per minute with the default share of 0.9, and more than an hour for
// daily quotas. A smaller share gives more slack.
//
// # Not obvious
//
//   - Daily budgets are spent evenly over the day. Otherwise they would be used up by noon and no
//     connection would be read until midnight.
//   - A caller that waits for a budget keeps the others in its queue: callers of one priority are
//     served in order. Priorities alternate: if a budget is too small for both, accounts and posts
//     get half each, and plans assume the half.
//   - Budgets grow by the store's clock. Otherwise a process with a fast clock would take the
//     others' share.
//   - A budget without a limit can be held. It has a row only while it is held.
//   - Budgets of accounts and apps never make a worker wait long (patience): it has other accounts
//     to read. A person who signs in is refused immediately.
//   - The breaker counts failures of the platform or the network (5xx, no answer, malformed
//     answers). A failure that concerns one account says nothing about the platform.
package quota

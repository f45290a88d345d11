// Package quota keeps our calls to the platforms inside their limits: budgets shared by all processes,
// holds that the platforms' own answers ask for, and one circuit breaker for each platform. A [Gate]
// stands before every call (platforms.Config.Admit), so nothing that is planned wrongly, paged further
// than expected or repeated can pass a limit.
//
// # Invariants
//
//   - In any window of a limit, sliding or fixed, all processes together make at most its calls, as long
//     as the way of a call to the platform varies by less than the slack (see "Arithmetic").
//   - Calls are drawn from the store before they are made and never given back: a crash wastes
//     calls and never makes too many. They come out of all budgets that they count against, or of none.
//   - Each request of a batch is a call. A batch is cut to the calls that are there, so that a budget smaller than a
//     batch is used all the same.
//   - A call that finds no room waits while the room comes soon, and is refused with a time otherwise;
//     nothing is queued beyond the caller's context.
//   - A refusal says that it is ours (platforms.Refused) and is no failure of the platform.
//
// It may not import anything of this module but domain and internal/platforms.
//
// # Arithmetic
//
// A budget of Q calls in W grows by rate r = share × Q/W up to a burst B, half of what the share leaves; quotas
// of a day of a single account by somewhat less, up to a burst of ten calls, which a reading makes at once.
// Calls on their way for at most J arrive in a window of W only if they were drawn within W + J, so they are at
// most B + r(W + J). That leaves slack for J: 3.3 s for 600 calls a minute and the default share of 0.9, more than
// an hour for quotas of a day. A smaller share gives more slack. What grows while nobody asks, as between two looks
// at what is due, is kept up to the burst.
//
// # Non-obvious
//
//   - Budgets of a day are spent evenly over the day. Spent as fast as possible, they would be gone by
//     noon and every connection would go unread until midnight; so every connection is read less often.
//   - Whoever waits for a budget keeps the others in its queue, so callers of a priority are served in the order in
//     which they came, and those behind need not ask the store in vain. Priorities alternate: of a budget that is too
//     small for both, accounts and posts get half each, and plans reckon with the half.
//   - Budgets grow by the store's clock. A process whose clock is ahead would else take the others' share
//     of the time to come, and leave them nothing until it has come.
//   - A hold may be of a budget that has no limit here. Such a budget has a row only then, and is looked at with every call.
//   - Calls that name no account, as a sign-in's do, count against the app and the endpoint alone.
//   - Budgets of accounts and apps never make a worker wait long (patience): it has others to read, and the next call
//     of an app in development comes minutes later. Who signs in is told so at once.
//   - The breaker counts by platform what the platform or the way to it did (5xx, no answer, garbage):
//     what concerns one account says nothing about the platform.
package quota

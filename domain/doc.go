// Package domain holds what ledgerboard knows regardless of how it is stored or served: the events
// and their registry, the rules that decide a change of dashboards, and the arithmetic of growth.
//
// # Invariants
//
//   - Everything here is a pure function of its arguments: no clock, no context, no configuration,
//     no randomness. A time is an argument; a new id is derived from what is unique about its owner.
//   - An event version that was ever written decodes for ever (testdata/ holds a frozen sample of each).
//   - [DashboardChange.Fold] is the only definition of what a record on `dashboards` means.
//   - Absent is nil, never 0.
//
// It may not import anything but the standard library, and not context, net/http or log/slog. The exception is
// go-json-experiment, the decoder of the coming encoding/json/v2: with it a replay reads 1.4 times as many records.
//
// # Non-obvious
//
//   - A dashboard's lists are sets and always sorted, so that equality is equality of content and a
//     PUT that only reorders users appends nothing.
//   - A payload's Validate is part of decoding: what it refuses is parked as undecodable, live and in
//     a rebuild alike.
//   - Events carry verdicts (who lost access, whether growth counts), because configuration and
//     subscriptions of the day cannot be asked for in a replay.
package domain

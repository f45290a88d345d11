package scheduler

// ClaimSize is the maximum number of connections per claim.
const ClaimSize = claimSize

// MaxWorkers is the maximum number of claims that are read concurrently.
const MaxWorkers = maxWorkers

// ErrStuck means that work did not end although its context was canceled.
var ErrStuck = errStuck

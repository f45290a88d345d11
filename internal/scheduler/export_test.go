package scheduler

// ClaimSize is how many connections a claim has at most.
const ClaimSize = claimSize

// ErrStuck says that work did not end although its context was cancelled.
var ErrStuck = errStuck

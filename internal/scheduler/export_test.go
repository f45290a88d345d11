package scheduler

// ClaimSize is the maximum number of connections per claim.
const ClaimSize = claimSize

// ErrStuck means that work did not end although its context was canceled.
var ErrStuck = errStuck

//go:build ledgerboard_next

package projections

// ahead makes each projector one of the next release.
const ahead = 1

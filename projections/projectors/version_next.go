//go:build ledgerboard_next

package projectors

// ahead makes each projector one of the next release.
const ahead = 1

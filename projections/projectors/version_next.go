//go:build ledgerboard_next

package projectors

// ahead increases the version of every projector.
const ahead = 1

//go:build ledgerboard_next

package projectors

// ahead raises each projector to the version of the next release.
const ahead = 1

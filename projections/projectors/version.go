//go:build !ledgerboard_next

package projectors

// ahead is added to the version of every projector. The build tag ledgerboard_next raises it to 1:
// the end-to-end suite then tests an upgrade of all projectors at once.
const ahead = 0

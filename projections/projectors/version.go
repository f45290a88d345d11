//go:build !ledgerboard_next

package projectors

// ahead is added to the version of every projector. With the build tag ledgerboard_next it is 1, so
// that the end-to-end suite can test an upgrade of all projectors.
const ahead = 0

//go:build !ledgerboard_next

package projectors

// ahead is added to the version of every projector. A binary built with the tag ledgerboard_next is one ahead: with it the
// end-to-end suite rehearses an upgrade of everything at once.
const ahead = 0

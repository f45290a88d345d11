package operations

// For tests of skips and refusals.
var (
	AddWaiting              = addWaiting
	RefuseConcurrentRebuild = refuseConcurrentRebuild
	BlocksStream            = blocksStream
)

package operations

// For tests of skips and refusals.
var (
	AddWaiting            = addWaiting
	RefuseConcurrentBuild = refuseConcurrentBuild
	BlocksStream          = blocksStream
)

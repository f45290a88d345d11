package eventlog

// The two pinned partitioners, for the property test that holds them to the same choice.
var (
	NewPinnedSarama = newPinnedSarama
	NewPinnedKgo    = newPinnedKgo
)

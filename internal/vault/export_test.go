package vault

// NewKey makes a key of bytes.
var NewKey = newKey

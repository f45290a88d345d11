package mount

// DefaultClientScopes are the scopes that a new dashboard starts with.
func DefaultClientScopes() []string { return []string{"analytics", "posts", "reports"} }

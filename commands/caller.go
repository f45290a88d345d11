package commands

// Caller says who asks for a change and by which request; it becomes the audit part of the record.
type Caller struct {
	ParentAccount string // the agency whose stream is changed, 24 hex digits
	UserID        string // of the verified token; the scope of idempotency keys
	Role          string // the role under which it was allowed
	OnBehalfOf    string // "" unless someone acts for another
	RequestID     string
	TraceParent   string // W3C trace context, or ""
}

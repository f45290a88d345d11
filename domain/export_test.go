package domain

// DecodePlainly is the quick way to read a payload; plain tells whether it takes it.
func DecodePlainly(raw []byte) (c DashboardChange, plain bool) { return decodePlainly(raw) }

// PostReadPlainly and AccountReadPlainly are likewise.
func PostReadPlainly(raw []byte) (e PostRead, plain bool)       { return postReadPlainly(raw) }
func AccountReadPlainly(raw []byte) (e AccountRead, plain bool) { return accountReadPlainly(raw) }

// PostReadWritten and AccountReadWritten are the quick ways to write them.
func PostReadWritten(e PostRead) ([]byte, bool)       { return postReadWritten(e) }
func AccountReadWritten(e AccountRead) ([]byte, bool) { return accountReadWritten(e) }

package domain

// DecodePlainly is the quick way to read a payload; plain tells whether it takes it.
func DecodePlainly(raw []byte) (c DashboardChange, plain bool) { return decodePlainly(raw) }

// PostReadPlainly and AccountReadPlainly are likewise.
func PostReadPlainly(raw []byte) (e PostRead, plain bool)       { return postReadPlainly(raw) }
func AccountReadPlainly(raw []byte) (e AccountRead, plain bool) { return accountReadPlainly(raw) }

package domain

// DecodePlainly is the quick way to read a payload; plain tells whether it takes it.
func DecodePlainly(raw []byte) (c DashboardChange, plain bool) { return decodePlainly(raw) }

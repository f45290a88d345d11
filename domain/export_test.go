package domain

// DecodePlainly is the quick way to read a payload; ok tells whether it takes it.
func DecodePlainly(raw []byte) (c DashboardChange, ok bool) {
	ok = c.decodePlainly(raw)
	return c, ok
}

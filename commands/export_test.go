package commands

// IsIndexed reports whether the next line that states a row id costs no new index.
func (i *ImportWorld) IsIndexed() bool { return i.index != nil }

// Attempting sets how many lost races make a conflict.
func (d *Dashboards) Attempting(n int) *Dashboards {
	d.attempts = n
	return d
}

package commands

// Attempting sets how many lost races make a conflict.
func (d *Dashboards) Attempting(n int) *Dashboards {
	d.attempts = n
	return d
}

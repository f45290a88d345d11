package projections

// Problem is what Status would tell if the database could be asked.
func (e *Engine) Problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.problem
}
